/** Plays with a duration: SRS closes a player when it has been sent as much of the stream as it asked for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import { countPlayed, isPlayedOut, limitPlay } from "../../../src/worker/session/play-limit.ts";
import { RowFlag } from "../../../src/worker/stream/row-flags.ts";
import { command } from "../../protocol/rtmp/session-harness.ts";
import { audio, clipHeader, message, video } from "../clip.ts";
import { ShardBench } from "../shard-bench.ts";
import { PlayersBench, timesOf } from "./players-bench.ts";

const AVC = message(MessageType.Video, 0, clipHeader(MessageType.Video));
const NOTHING = new Uint8Array(0);
const FRAME_MS = 40;
const OVER = "duration over";

function frames(from: number, count: number, bytes = 300): Message[] {
  return Array.from({ length: count }, (_, index) =>
    video((from + index) * FRAME_MS, index === 0, bytes, from + index),
  );
}

/** Resolves when promises that are settled have been heard. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("a play with a duration", () => {
  test("ends at the message that reaches it, with a status, and takes nobody along", () => {
    const bench = new PlayersBench({ atc: true });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 2)]);
    const [row, other] = [bench.give(1, NOTHING, 400), bench.give()];
    bench.send(stream, frames(2, 8));
    assert.deepEqual(bench.gone, []);
    bench.send(stream, frames(10, 5));
    assert.deepEqual(bench.gone, [{ row, reason: OVER, detail: "" }]);
    const got = bench.whole(row);
    assert.equal(timesOf(got.media).at(-1), 400);
    assert.equal(got.statuses.at(-1), "NetStream.Play.Stop");
    assert.equal(timesOf(bench.whole(other).media).at(-1), 14 * FRAME_MS);
    assert.equal(bench.fanOut.players, 1);
    assert.equal(
      (bench.board.flags[other] ?? 0) & RowFlag.Copied,
      0,
      "others get the ring's bytes",
    );
  });

  test("counts what is there already, exactly: a long GOP is cut", () => {
    const bench = new PlayersBench({ atc: true });
    bench.send(bench.publish(), [AVC, ...frames(0, 60)]);
    const row = bench.give(1, NOTHING, 1000);
    assert.deepEqual(bench.gone, [{ row, reason: OVER, detail: "" }]);
    assert.equal(timesOf(bench.whole(row).media).at(-1), 1000);
    assert.equal(bench.players.count, 0);
  });

  test("does not end before a full socket has taken the last of it", () => {
    const bench = new PlayersBench({ atc: true });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 1)]);
    const row = bench.give(1, NOTHING, 200);
    bench.transport.of(row).room = 100;
    bench.send(stream, frames(1, 10));
    assert.deepEqual(bench.gone, []);
    bench.giveRoom(row, 400);
    assert.deepEqual(bench.gone, []);
    bench.giveRoom(row, Number.POSITIVE_INFINITY);
    assert.deepEqual(bench.gone, [{ row, reason: OVER, detail: "" }]);
    assert.equal(timesOf(bench.whole(row).media).at(-1), 200);
  });

  test("waiting for a publisher is no part of it, nor is what an earlier play had", async () => {
    const bench = new PlayersBench({ atc: true });
    const row = bench.give(1, NOTHING, 400);
    bench.pass(5);
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 6)]);
    bench.say(row, command(1, "closeStream", 4, null), command(1, "play", 5, null, "s", -2, 300));
    await settled();
    bench.send(stream, frames(6, 2));
    assert.deepEqual(bench.gone, [], "280 ms from the keyframe on");
    bench.send(stream, frames(8, 6));
    assert.deepEqual(bench.gone, [{ row, reason: OVER, detail: "" }]);
    assert.equal(timesOf(bench.whole(row).media).at(-1), 8 * FRAME_MS);
  });

  test("a play that follows without one has no end, and gets the ring's bytes again", async () => {
    const bench = new PlayersBench({ atc: true });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 1)]);
    const row = bench.give(1, NOTHING, 400);
    bench.say(row, command(1, "closeStream", 4, null), command(1, "play", 5, null, "s", -2, -1));
    await settled();
    bench.send(stream, frames(1, 30));
    assert.deepEqual(bench.gone, []);
    assert.equal((bench.board.flags[row] ?? 0) & (RowFlag.Copied | RowFlag.Limited), 0);
  });
});

describe("the time of a limited play", () => {
  const ROW = 2;

  /** What is left of 1000 ms after media of these times. */
  function leftAfter(...times: number[]): number {
    const { board } = new ShardBench();
    limitPlay(board, ROW, 1000);
    for (const time of times) {
      assert.equal(isPlayedOut(board, ROW), false);
      countPlayed(board, ROW, time);
    }
    assert.equal(isPlayedOut(board, ROW), (board.leftMs[ROW] ?? 0) <= 0);
    return board.leftMs[ROW] ?? 0;
  }

  test("is counted from its first media, whatever time that has", () => {
    assert.equal(leftAfter(5_000_000), 1000);
    assert.equal(leftAfter(5_000_000, 5_000_400), 600);
    assert.equal(leftAfter(0, 1000), 0);
  });

  test("is counted once where audio lies behind video, and goes on beyond 32 bits", () => {
    assert.equal(leftAfter(100, 60, 140, 90, 180), 920);
    assert.equal(leftAfter(2 ** 32 - 100, 100), 800);
  });

  test("goes on where a time line begins anew", () => {
    assert.equal(leftAfter(900_000, 900_200, 0, 100), 700);
  });

  test("of a play without a duration is never over", () => {
    const { board } = new ShardBench();
    limitPlay(board, ROW, 0);
    assert.equal(isPlayedOut(board, ROW), false);
    assert.equal(board.flags[ROW], 0);
  });
});

test("audio counts as video does", () => {
  const bench = new PlayersBench({ atc: true });
  const stream = bench.publish();
  bench.send(stream, [message(MessageType.Audio, 0, clipHeader(MessageType.Audio)), audio(0)]);
  const row = bench.give(1, NOTHING, 100);
  bench.pass(11);
  for (let time = 20; time <= 400; time += 20) {
    bench.send(stream, [audio(time)]);
  }
  bench.tick(100);
  assert.deepEqual(bench.gone, [{ row, reason: OVER, detail: "" }]);
});
