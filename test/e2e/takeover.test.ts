/** A newcomer asks for a name whose publisher is there, silent, or gone without a word. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import type { Frame } from "../support/flv-file.ts";
import { readFlv } from "../support/flv-file.ts";
import { assertTimeLine } from "../support/message-run.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

let weir: RunningServer;
let frames: Frame[];

before(async () => {
  weir = await startWeir({ workers: 2, directives: "takeover_silence 1500;" });
  frames = readFlv(await makeClip(makeScratch(), "clip", { seconds: 4 }));
});

after(() => weir?.stop());

async function publish(url: string): Promise<ClipPublisher> {
  return new ClipPublisher(await new RtmpPeer(url, "publish").waitReady(), frames);
}

describe("takeover of a name", () => {
  test("F-75: a publisher that sends keeps its name, and the newcomer is told why", async () => {
    const url = weir.url("kept");
    const first = await publish(url);
    await delay(2000);
    const second = new RtmpPeer(url, "publish");
    await assert.rejects(second.waitReady());
    assert.deepEqual(second.statuses, ["NetStream.Publish.BadName"]);
    assert.equal(first.peer.end, "open");
    first.close();
  });

  test("F-74: a silent publisher loses its name, and players go on with the newcomer", async () => {
    const url = weir.url("taken");
    const first = await publish(url);
    const player = await new RtmpPeer(url, "play").waitReady();
    await player.waitFrames(60, 4000);
    first.pause();
    await delay(400);
    await assert.rejects(new RtmpPeer(url, "publish").waitReady(), "taken too early");
    await delay(1400);
    const second = await publish(url);
    assert.equal(await first.peer.waitEnd(2000), "eof");
    const taken = player.received.length;
    await player.waitFrames(taken + 60, 4000);
    assert.equal(player.end, "open");
    assert.equal(
      player.received.slice(taken).find((frame) => frame.type === 9 && isMedia(frame))?.kind,
      "key",
    );
    assertTimeLine(player.received);
    player.close();
    second.close();
  });

  test("of many newcomers at once exactly one gets the name", async () => {
    const url = weir.url("race");
    const peers = Array.from({ length: 12 }, () => new RtmpPeer(url, "publish"));
    const results = await Promise.allSettled(peers.map((peer) => peer.waitReady()));
    assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
    for (const peer of peers) {
      peer.close();
    }
  });
});
