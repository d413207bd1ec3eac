/** A connection with several streams that reads slowly or not at all: bounded, skipped to keyframes, closed at last. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Frame, hashPayload } from "../support/flv-file.ts";
import type { MultiPeer, PeerStream } from "../support/multi-peer.ts";
import type { ReceivedFrame } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import { SeveralStreams } from "./several-streams.ts";

const LIMIT = { timeout: 40_000 };
const FRAME_BYTES = 50_000;
const EVERY_MS = 10;
const GOP_FRAMES = 25;
/** What the kernel holds for one connection at the most, and what weir does. */
const HELD_BYTES_MAX = 12_000_000;
const VIDEO = 9;

let weir: SeveralStreams;

before(async () => {
  weir = await SeveralStreams.start();
});

afterEach(() => weir?.closeOpened());

after(() => weir?.stop());

/** Publishes 40 Mbit/s on a stream until stopped. */
class Flood {
  /** Hash of each frame sent, in order. */
  readonly hashes: string[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(stream: PeerStream) {
    this.#timer = setInterval(() => {
      const index = this.hashes.length;
      const frame = videoFrame(index);
      this.hashes.push(frame.hash);
      stream.send(frame, index * EVERY_MS);
    }, EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Asserts that frames are those sent, in order; where some are missing a keyframe comes next. @returns skips. */
  assertSkipped(received: readonly ReceivedFrame[]): number {
    let last = -1;
    let skips = 0;
    for (const { hash } of received.filter((frame) => frame.type === VIDEO)) {
      const index = this.hashes.indexOf(hash, last + 1);
      assert.ok(index > last, "a frame that was not sent, or came before");
      if (last >= 0 && index !== last + 1) {
        assert.equal(index % GOP_FRAMES, 0, "no keyframe after a gap");
        skips += 1;
      }
      last = index;
    }
    return skips;
  }
}

function videoFrame(index: number): Frame {
  const payload = new Uint8Array(FRAME_BYTES).fill(index & 0xff);
  payload.set([index % GOP_FRAMES === 0 ? 0x17 : 0x27, 1, 0, 0, 0, index >> 8, index & 0xff]);
  const kind = index % GOP_FRAMES === 0 ? "key" : "inter";
  return { type: VIDEO, kind, timestamp: 0, hash: hashPayload(payload), payload };
}

async function flood(name: string): Promise<{ flood: Flood; peer: MultiPeer }> {
  const peer = await weir.connect();
  return { flood: new Flood(await peer.publish(name)), peer };
}

/** Bytes that were queued for the one connection that plays `name` and not the other name. */
function bytesOutOf(shard: number, row: number): number {
  return weir.weir.server.supervisor.links[shard]?.board.bytesOut[row] ?? 0;
}

describe("a slow connection with several streams", () => {
  test(
    "holds a bounded number of bytes, skips to keyframes, and disturbs nobody",
    LIMIT,
    async () => {
      const source = await flood("heavy");
      const fast = await weir.watch("heavy");
      const slow = await weir.connect();
      const plays = [await slow.play("heavy"), await slow.play("heavy")];
      const { shard, row } = await sharingClient(2);
      await Promise.all(plays.map((play) => play.waitFrames(10)));
      slow.setStalled(true);
      let queued = 0;
      const isStill = async (): Promise<boolean> => {
        queued = bytesOutOf(shard, row);
        await delay(500);
        return bytesOutOf(shard, row) === queued;
      };
      // The kernel takes its share at first; published is much more.
      await delay(1000);
      await waitUntil("nothing more is queued", isStill, 3500);
      const held = queued - slow.bytes;
      assert.ok(held < HELD_BYTES_MAX, `${held} bytes wait`);
      // A ping is answered behind what waits.
      slow.ping(77);
      slow.setStalled(false);
      await Promise.all(plays.map((play) => play.waitFrames(play.received.length + 150, 10_000)));
      source.flood.stop();
      await waitUntil("the ping is answered", () => slow.pongs.includes(77), 5000);
      for (const play of plays) {
        assert.ok(source.flood.assertSkipped(play.received) >= 1, "nothing was skipped");
      }
      assert.equal(source.flood.assertSkipped(fast.received), 0);
      assert.deepEqual([slow.fault, slow.end, fast.end], ["", "open", "open"]);
      weir.closeOpened();
      await weir.waitEmpty();
    },
  );

  test("is closed when it takes nothing at all, its publish too", LIMIT, async () => {
    const source = await flood("stuck");
    const slow = await weir.connect();
    await slow.publish("stuck_own");
    const play = await slow.play("stuck");
    await play.waitFrames(10);
    slow.setStalled(true);
    const own = "__defaultVhost__/live/stuck_own";
    const { coordinator } = weir.weir.server;
    await waitUntil("it is closed", () => coordinator.find(own) === undefined, 12_000);
    assert.match(weir.weir.log(), /ended: stalled \(took nothing for/);
    source.flood.stop();
    weir.closeOpened();
    await weir.waitEmpty();
  });

  test("players of one stream that take nothing are ended as stalled", LIMIT, async () => {
    const source = await flood("stuck_players");
    const before = weir.weir.log().length;
    const players = await Promise.all([1, 2, 3, 4].map(() => weir.watch("stuck_players")));
    for (const player of players) {
      await player.waitFrames(5, 10_000);
      player.setStalled(true);
    }
    const ends = (): string[] =>
      weir.weir
        .log()
        .slice(before)
        .match(/ended: \S+/g) ?? [];
    await waitUntil("all are ended", () => ends().length === players.length, 20_000);
    assert.deepEqual(new Set(ends()), new Set(["ended: stalled"]));
    source.flood.stop();
    weir.closeOpened();
    await weir.waitEmpty();
  });

  test(
    "a player that ends its play inside a message gets the rest of it first",
    LIMIT,
    async () => {
      const source = await flood("inside");
      const end = async (round: number): Promise<void> => {
        const peer = await weir.connect();
        const play = await peer.play("inside");
        await play.waitFrames(5);
        peer.setStalled(true);
        // Its socket is full by now: it stands inside a message.
        await delay(1200);
        play.close();
        peer.ping(round + 1);
        await delay(100);
        peer.setStalled(false);
        await waitUntil(
          "the ping is answered",
          () => peer.pongs.length > 0 || peer.fault !== "",
          5000,
        );
        assert.deepEqual([peer.fault, peer.end, peer.pongs], ["", "open", [round + 1]]);
        source.flood.assertSkipped(play.received);
        peer.close();
      };
      await Promise.all([0, 1, 2, 3].map(end));
      source.flood.stop();
      weir.closeOpened();
      await weir.waitEmpty();
    },
  );

  test("a player that was slow asks for a second stream inside a message", LIMIT, async () => {
    const source = await flood("later");
    // Somewhere on the way from a socket that has just become full to the jump to a keyframe.
    const ask = async (stalledMs: number): Promise<void> => {
      const peer = await weir.connect();
      const first = await peer.play("later");
      await first.waitFrames(5);
      const other = await peer.create();
      peer.setStalled(true);
      await delay(stalledMs);
      // No reply has brought the row to the end of its message before.
      other.say("play", null, "later");
      await delay(200);
      peer.setStalled(false);
      await other.waitStatus("NetStream.Play.Start");
      await Promise.all(
        [first, other].map((play) => play.waitFrames(play.received.length + 60, 8000)),
      );
      source.flood.assertSkipped(first.received);
      assert.equal(peer.fault, "");
      peer.close();
    };
    await Promise.all([500, 700, 900, 1100].map(ask));
    source.flood.stop();
    weir.closeOpened();
    await weir.waitEmpty();
  });
});

/** Where the client with so many plays is. */
async function sharingClient(plays: number): Promise<{ shard: number; row: number }> {
  const { clients, supervisor } = weir.weir.server;
  let found: { shard: number; row: number } | undefined;
  await waitUntil(
    "the client is known",
    () => {
      for (const link of supervisor.links) {
        for (let row = 1; row < 200; row += 1) {
          const client = clients.find(link?.index ?? -1, row);
          found = client?.plays.length === plays ? client : found;
        }
      }
      return found !== undefined;
    },
    3000,
  );
  assert.ok(found);
  return found;
}
