/** Streams and names that come and go: nothing of them stays, and names come free. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { command, concat } from "../../protocol/rtmp/session-harness.ts";
import { waitUntil } from "../../support/scratch.ts";
import { type InProcess, startInProcess } from "../accept/in-process.ts";
import {
  play,
  playDialogue,
  publish,
  publishDialogue,
  StampedPublisher,
  stampedVideo,
  WireClient,
} from "../accept/wire-client.ts";

const STREAMS = 14_000;
/** Streams after which every pool, table and heap has its size, on every supported version of Node. */
const WARM = 8000;
const BATCH = 50;
const BYTES_MAX = 24 * 1024 * 1024;
const BOGUS = 1000;
const RESETS = 100;

let weir: InProcess;

before(async () => {
  weir = await startInProcess({
    workers: 2,
    directives: "takeover_silence 600;",
    vhost: "publish { firstpkt_timeout 1500; normal_timeout 800; }",
  });
});

after(() => weir?.close());

function collect(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

async function waitEmpty(): Promise<void> {
  const { clients, coordinator, lobby, pool } = weir.server;
  const left = (): number[] => [clients.size, coordinator.size, lobby.size, pool.lentCount];
  await waitUntil("all is gone", () => left().every((one) => one === 0), 10_000).catch((error) => {
    throw new Error(`${String(error)}: clients, streams, newcomers, rings: ${left().join(" ")}`);
  });
}

/** Publishes three messages on a stream of its own and leaves. */
async function shortPublish(index: number): Promise<void> {
  const media = [0, 1, 2].map((sequence) => stampedVideo(sequence));
  const client = new WireClient(weir.port, concat(publishDialogue(`short${index}`), ...media));
  await client.waitStatus("NetStream.Publish.Start");
  client.destroy();
}

describe("streams that come and go", () => {
  test(`D-03: ${STREAMS} streams leave flat memory and empty tables`, {
    timeout: 90_000,
  }, async () => {
    let warmBytes = 0;
    for (let at = 0; at < STREAMS; at += BATCH) {
      await Promise.all(Array.from({ length: BATCH }, (_, index) => shortPublish(at + index)));
      if (at === WARM) {
        await waitEmpty();
        collect();
        warmBytes = process.memoryUsage().rss;
      }
    }
    await waitEmpty();
    collect();
    const grown = process.memoryUsage().rss - warmBytes;
    assert.ok(grown < BYTES_MAX, `${Math.round(grown / 1024)} KiB more after ${STREAMS} streams`);
    assert.ok(weir.server.pool.freeCount <= 4 * BATCH, `${weir.server.pool.freeCount} free rings`);
  });

  test(`A5-20 D-05: plays of ${BOGUS} unknown names leave no state`, {
    timeout: 60_000,
  }, async () => {
    for (let at = 0; at < BOGUS; at += BATCH) {
      const players = await Promise.all(
        Array.from({ length: BATCH }, (_, index) => play(weir.port, `bogus${at + index}`)),
      );
      for (const [index, player] of players.entries()) {
        if (index % 2 === 0) {
          player.reset();
        } else {
          player.destroy();
        }
      }
    }
    await waitEmpty();
  });

  test("A5-20: one connection that plays name after name holds one stream", {
    timeout: 30_000,
  }, async () => {
    const player = await play(weir.port, "first");
    for (let index = 0; index < 100; index += 1) {
      player.write(command(1, "play", 0, null, `next${index}`));
    }
    const { coordinator } = weir.server;
    const last = "__defaultVhost__/live/next99";
    await waitUntil("the last one", () => coordinator.find(last) !== undefined, 10_000);
    assert.equal(coordinator.size, 1);
    // It is served there as well.
    const publisher = await publish(weir.port, "next99");
    publisher.write(stampedVideo(0));
    await waitUntil("media", () => player.media.length === 1, 5000);
    publisher.destroy();
    player.destroy();
    await waitEmpty();
  });
});

describe("names", () => {
  test("A5-12: a second publisher is refused, with a reason that reaches it", async () => {
    const first = new StampedPublisher(await publish(weir.port, "busy"), 50);
    // It has sent its media already: unread input must not turn the refusal into a reset.
    const eager = concat(
      publishDialogue("busy"),
      ...Array.from({ length: 400 }, (_, index) => stampedVideo(index)),
    );
    const second = new WireClient(weir.port);
    second.pause();
    second.write(eager);
    await waitUntil("it comes", () => weir.server.lobby.size > 0, 5000);
    await waitUntil("it is turned away", () => weir.server.lobby.size === 0, 5000);
    second.resume();
    await second.waitEnd(5000);
    assert.deepEqual([second.statuses, second.end], [["NetStream.Publish.BadName"], "eof"]);
    assert.equal(first.client.end, "open");
    first.close();
    await waitEmpty();
  });

  test("a publisher that has only just come is not taken for silent", async () => {
    for (let round = 0; round < 20; round += 1) {
      const first = await publish(weir.port, "fresh");
      const second = new WireClient(weir.port, publishDialogue("fresh"));
      await second.waitEnd(5000);
      assert.deepEqual(second.statuses, ["NetStream.Publish.BadName"]);
      first.destroy();
      await waitEmpty();
    }
  });

  test("B-60: a silent publisher is taken over; of several who ask one gets the name", async () => {
    const first = new StampedPublisher(await publish(weir.port, "silent"), 20);
    await delay(100);
    first.stop();
    const player = await play(weir.port, "silent");
    await delay(700);
    const asking = [1, 2, 3].map(() => new WireClient(weir.port, publishDialogue("silent")));
    await waitUntil(
      "all are answered",
      () => asking.every((one) => one.statuses.length > 0 || one.end !== "open"),
      5000,
    );
    const codes = asking.map((one) => one.statuses.join()).sort();
    const bad = "NetStream.Publish.BadName";
    assert.deepEqual(codes, [bad, bad, "NetStream.Publish.Start"]);
    await first.client.waitEnd(5000);
    assert.equal(player.end, "open");
    for (const one of [...asking, player]) {
      one.destroy();
    }
    await waitEmpty();
  });

  test("A5-14: a name is free as soon as its publish ends, its connection may stay", async () => {
    const ends = [
      command(0, "FCUnpublish", 6, null, "ends"),
      command(0, "deleteStream", 6, null, 1),
      command(1, "closeStream", 6, null),
      command(0, "deleteStream", 6, null, 9),
      command(0, "FCUnpublish", 6, null, "another"),
    ];
    for (const end of ends) {
      const first = await publish(weir.port, "ends");
      first.write(concat(end, end));
      const key = "__defaultVhost__/live/ends";
      await waitUntil("it ends", () => weir.server.coordinator.find(key) === undefined, 2000);
      const second = await publish(weir.port, "ends");
      assert.equal(first.end, "open");
      first.destroy();
      second.destroy();
      await waitEmpty();
    }
    assert.equal(weir.log().match(/stream=ends,/g)?.length, 2 * ends.length);
  });

  test("A5-10: of two streams of one connection each keeps its own name", async () => {
    const both = await publish(weir.port, "left");
    both.write(command(0, "createStream", 6, null));
    both.write(command(2, "publish", 7, null, "right", "live"));
    const { coordinator } = weir.server;
    const isLive = (name: string): boolean =>
      (coordinator.find(`__defaultVhost__/live/${name}`)?.publisher ?? null) !== null;
    await waitUntil("both live", () => isLive("left") && isLive("right"), 5000);
    for (const name of ["left", "right"]) {
      const newcomer = new WireClient(weir.port, publishDialogue(name));
      await newcomer.waitEnd(5000);
      assert.deepEqual(newcomer.statuses, ["NetStream.Publish.BadName"], name);
    }
    both.write(command(0, "deleteStream", 8, null, 1));
    await waitUntil("one ends", () => !isLive("left"), 2000);
    assert.ok(isLive("right"));
    both.destroy();
    await waitEmpty();
  });

  test("a publisher comes again on its connection after it ended, and its players see it", async () => {
    const client = await publish(weir.port, "again");
    for (let round = 0; round < 10; round += 1) {
      client.write(command(0, "deleteStream", 6, null, 1));
      client.write(command(0, "createStream", 7, null));
      client.write(command(1, "publish", 8, null, `again${round}`, "live"));
      client.write(stampedVideo(0));
      const player = await play(weir.port, `again${round}`);
      await waitUntil(`round ${round}`, () => player.media.length > 0, 5000);
      player.destroy();
    }
    client.destroy();
    await waitEmpty();
  });

  test(`C-38: ${RESETS} publishers that reset and return are not kept out`, {
    timeout: 30_000,
  }, async () => {
    const names = Array.from({ length: RESETS }, (_, index) => `reset${index}`);
    const first = await Promise.all(names.map((name) => publish(weir.port, name)));
    for (const one of first) {
      one.reset();
    }
    const resetAt = performance.now();
    const again = async (name: string): Promise<WireClient> => {
      for (;;) {
        const client = new WireClient(weir.port, publishDialogue(name));
        try {
          return await client.waitStatus("NetStream.Publish.Start", 5000);
        } catch (error) {
          if (performance.now() - resetAt > 2000) {
            throw error;
          }
          await delay(50);
        }
      }
    };
    const second = await Promise.all(names.map(again));
    for (const one of second) {
      one.destroy();
    }
    await waitEmpty();
  });

  test("L3: a publisher that never sends, or stops sending, is ended", async () => {
    const never = await publish(weir.port, "never");
    const stops = await publish(weir.port, "stops");
    const startedAt = performance.now();
    stops.write(stampedVideo(0));
    await stops.waitEnd(5000);
    await never.waitEnd(5000);
    const [stopsMs, neverMs] = [stops.endedAt - startedAt, never.endedAt - startedAt];
    assert.ok(stopsMs >= 700 && stopsMs < neverMs, `${stopsMs} and ${neverMs} ms`);
    assert.ok(neverMs >= 1300, `${neverMs} ms`);
    await waitEmpty();
  });

  test("players that wait find their stream, whoever came first", async () => {
    for (let round = 0; round < 20; round += 1) {
      const name = `meet${round}`;
      const player = new WireClient(weir.port, playDialogue(name));
      const publisher = new WireClient(weir.port, publishDialogue(name));
      const passing = new WireClient(weir.port, playDialogue(name));
      setTimeout(() => passing.reset(), round % 5);
      await publisher.waitStatus("NetStream.Publish.Start");
      publisher.write(stampedVideo(0));
      await waitUntil(`round ${round}`, () => player.media.length === 1, 5000);
      publisher.destroy();
      player.destroy();
    }
    await waitEmpty();
  });
});
