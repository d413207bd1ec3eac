/** Many players of one stream over two shards: none loses a message, and none disturbs another. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import type { Frame } from "../support/flv-file.ts";
import { readFlv } from "../support/flv-file.ts";
import { assertJoined, assertMessageRun } from "../support/message-run.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const PLAYERS = 60;
let weir: RunningServer;
let frames: Frame[];

before(async () => {
  weir = await startWeir({ workers: 2, directives: "spill_players 20;" });
  const clip = await makeClip(makeScratch(), "clip", { seconds: 6, gopFrames: 50 });
  frames = readFlv(clip);
});

after(() => weir?.stop());

async function publish(url: string): Promise<ClipPublisher> {
  return new ClipPublisher(await new RtmpPeer(url, "publish").waitReady(), frames);
}

function join(url: string, count: number): Promise<RtmpPeer[]> {
  const players = Array.from({ length: count }, () => new RtmpPeer(url, "play"));
  return Promise.all(players.map((player) => player.waitReady()));
}

describe("two shards", () => {
  test("D-18: a player that joins gets a keyframe within 200 ms, wherever in the GOP it joins", async () => {
    const publisher = await publish(weir.url("joins"));
    await delay(2100);
    const players: RtmpPeer[] = [];
    for (let index = 0; index < 20; index++) {
      players.push(...(await join(weir.url("joins"), 1)));
      await delay(97);
    }
    await delay(500);
    for (const player of players) {
      assertJoined(player.received);
      const key = player.received.find((frame) => frame.kind === "key");
      const waitedMs = (key?.at ?? 0) - player.openedAt;
      assert.ok(waitedMs <= 200, `the keyframe came after ${Math.round(waitedMs)} ms`);
      player.close();
    }
    publisher.close();
  });

  describe("streams beside each other", { concurrency: 4 }, () => {
    test(`D-17: ${PLAYERS} players of one stream get every message, byte for byte`, async () => {
      const publisher = await publish(weir.url("many"));
      await delay(1000);
      const players = await join(weir.url("many"), PLAYERS);
      await delay(4000);
      for (const player of players) {
        assert.equal(player.end, "open");
        assertJoined(player.received);
        const count = assertMessageRun(frames, player.received);
        assert.ok(count >= 250, `only ${count} messages came`);
        player.close();
      }
      publisher.close();
    });

    test("players come and go without a gap for those who stay", async () => {
      const publisher = await publish(weir.url("churn"));
      await delay(500);
      const staying = await join(weir.url("churn"), 10);
      for (let round = 0; round < 5; round++) {
        const passing = await join(weir.url("churn"), 10);
        await delay(300);
        for (const [index, player] of passing.entries()) {
          if (index % 2 === 0) {
            player.close();
          } else {
            player.reset();
          }
        }
      }
      await delay(500);
      for (const player of staying) {
        assert.equal(player.end, "open");
        assertMessageRun(frames, player.received);
        player.close();
      }
      publisher.close();
    });

    test("C-13: a player that takes nothing does not disturb the others", async () => {
      const publisher = await publish(weir.url("stalled"));
      await delay(500);
      const players = await join(weir.url("stalled"), 12);
      const [stalled, ...others] = players;
      stalled?.setStalled(true);
      await delay(4000);
      for (const player of others) {
        assertMessageRun(frames, player.received);
        player.close();
      }
      stalled?.reset();
      publisher.close();
    });

    test("two streams at once keep their bytes apart", async () => {
      const names = ["left", "right"];
      const publishers = await Promise.all(names.map((name) => publish(weir.url(name))));
      const waiting = await Promise.all(names.map((name) => join(weir.url(name), 5)));
      await delay(2500);
      for (const player of waiting.flat()) {
        assertMessageRun(frames, player.received);
        player.close();
      }
      for (const publisher of publishers) {
        publisher.close();
      }
    });
  });
});
