import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import { RowFlag } from "../../../src/worker/stream/row-flags.ts";
import { kindOf } from "../../support/flv-file.ts";
import { audio, clipHeader, message, video } from "../clip.ts";
import { ShardBench } from "../shard-bench.ts";

const AVC = message(MessageType.Video, 0, clipHeader(MessageType.Video));
const AAC = message(MessageType.Audio, 0, clipHeader(MessageType.Audio));
const GREETING = ["NetStream.Play.Reset", "NetStream.Play.Start", "|RtmpSampleAccess"];

function kinds(bench: ShardBench, row: number): string[] {
  return bench.received(row).media.map(({ type, payload }) => kindOf(type, payload));
}

function times(bench: ShardBench, row: number): number[] {
  return bench.received(row).media.map(({ timestamp }) => timestamp);
}

/** Video frames from `from` on, the first of them a keyframe. */
function frames(from: number, count: number, bytes = 300): Message[] {
  return Array.from({ length: count }, (_, index) =>
    video((from + index) * 40, index === 0, bytes, from + index),
  );
}

describe("players that begin", () => {
  test("at the newest keyframe, after replies, headers of its time and metadata", () => {
    const bench = new ShardBench({ settings: { atc: true } });
    const stream = bench.publish();
    bench.send(stream, [AVC, AAC, ...frames(1, 5), ...frames(10, 3)]);
    const row = bench.play();
    assert.deepEqual(bench.received(row).statuses, GREETING);
    assert.deepEqual(kinds(bench, row), ["header", "header", "key", "inter", "inter"]);
    assert.deepEqual(times(bench, row), [400, 400, 400, 440, 480]);
    assert.equal(bench.fanOut.players, 1);
  });

  test("gop_cache off: at the next keyframe, never in the middle", () => {
    const bench = new ShardBench({ settings: { atc: true, gopCache: false } });
    const stream = bench.publish();
    bench.send(stream, [AVC, AAC, ...frames(0, 5)]);
    const row = bench.play();
    assert.deepEqual(bench.received(row).statuses, GREETING, "it hears that it plays");
    bench.send(stream, [video(200, false)]);
    bench.tick(10);
    assert.deepEqual(kinds(bench, row), []);
    bench.send(stream, frames(6, 2));
    bench.tick();
    assert.deepEqual(times(bench, row), [240, 240, 240, 280]);
    assert.deepEqual(bench.received(row).statuses, GREETING, "once");
  });

  test("gop_cache off: the keyframe that a larger ring took over is not new", () => {
    const bench = new ShardBench({ settings: { atc: true, gopCache: false } });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 5)]);
    const row = bench.play();
    bench.send(stream, [video(200, false, 50_000)]);
    bench.answer(stream);
    bench.tick(10);
    assert.deepEqual(kinds(bench, row), []);
    bench.send(stream, frames(6, 1));
    bench.tick();
    assert.deepEqual(kinds(bench, row), ["header", "key"]);
  });

  test("a GOP longer than gop_cache_max_frames is not offered", () => {
    const bench = new ShardBench({ settings: { gopCacheMaxFrames: 4 } });
    const stream = bench.publish();
    bench.send(stream, [AVC, ...frames(0, 5)]);
    const row = bench.play();
    assert.deepEqual(kinds(bench, row), []);
    bench.send(stream, frames(5, 4));
    bench.tick();
    assert.equal(kinds(bench, row)[1], "key");
  });

  test("without a keyframe for 10 s of stream: at the head", () => {
    const bench = new ShardBench({ settings: { atc: true } });
    const stream = bench.publish();
    const row = bench.play();
    bench.fanOut.tickSlow();
    for (let frame = 0; frame < 250; frame += 1) {
      bench.send(stream, [video(frame * 40, false)]);
      bench.tick(4);
      bench.fanOut.tickSlow();
    }
    assert.deepEqual(kinds(bench, row), []);
    bench.tick(10);
    bench.fanOut.tickSlow();
    bench.send(stream, [video(20_000, false)]);
    bench.tick();
    assert.deepEqual(times(bench, row), [20_000]);
  });

  test("one that waited long for a publisher still begins at a keyframe", () => {
    const bench = new ShardBench({ settings: { atc: true } });
    const row = bench.play();
    for (let second = 0; second < 60; second += 1) {
      bench.tick(1, 1000);
      bench.fanOut.tickSlow();
    }
    const stream = bench.publish();
    bench.send(stream, [AVC, video(0, false)]);
    bench.tick(50);
    bench.fanOut.tickSlow();
    bench.send(stream, [video(40, false)]);
    bench.tick(50);
    bench.fanOut.tickSlow();
    bench.send(stream, [video(80, true), video(120, false)]);
    bench.tick();
    assert.deepEqual(times(bench, row), [80, 80, 120]);
  });

  test("waiting for a publisher ends after play_wait; while a stream is live it does not", () => {
    const bench = new ShardBench({ settings: { playWaitMs: 5000 } });
    const stream = bench.publish();
    const row = bench.play();
    for (let second = 0; second < 60; second += 1) {
      bench.tick(1, 1000);
      bench.fanOut.tickSlow();
    }
    assert.deepEqual(bench.ended, []);
    bench.send(stream, [AVC, ...frames(0, 2)]);
    const paused = bench.play();
    bench.fanOut.pause(paused, true);
    bench.tick(1, 60_000);
    stream.end();
    for (let second = 0; second < 5; second += 1) {
      bench.tick(1, 1000);
      bench.fanOut.tickSlow();
    }
    assert.deepEqual(bench.ended, [], "5 s are not over since the publisher left");
    bench.tick(2, 1000);
    bench.fanOut.tickSlow();
    assert.deepEqual(bench.ended.map(({ row: one, reason }) => [one, reason]).sort(), [
      [row, "no stream"],
      [paused, "no stream"],
    ]);
    assert.equal(bench.fanOut.players, 0);
  });

  test("many at once are started within turns", () => {
    const bench = new ShardBench();
    const rows = Array.from({ length: 60 }, () => bench.play());
    const stream = bench.publish();
    bench.turnLimit = -1;
    bench.send(stream, [AVC, ...frames(0, 1)]);
    const started = (): number => rows.filter((row) => kinds(bench, row).length > 0).length;
    assert.ok(started() < 60, `${started()}`);
    bench.tick(5);
    assert.equal(started(), 60);
    assert.equal(bench.fanOut.players, 60);
  });

  test("a player on another message stream gets copies on it; a track switched off is left out", () => {
    const bench = new ShardBench({ settings: { atc: true } });
    const stream = bench.publish();
    bench.send(stream, [AVC, AAC, ...frames(0, 2), audio(50)]);
    const row = bench.play(5);
    bench.send(stream, frames(2, 1));
    const { media, statuses } = bench.received(row);
    assert.deepEqual(statuses, GREETING);
    assert.equal(media.length, 2 + 4);
    assert.deepEqual(new Set(media.map(({ streamId }) => streamId)), new Set([5]));
    const plain = bench.play();
    bench.board.flags[plain] = (bench.board.flags[plain] ?? 0) | RowFlag.Copied | RowFlag.NoVideo;
    const before = kinds(bench, plain).length;
    bench.send(stream, [...frames(3, 1), audio(130), video(160, false)]);
    assert.deepEqual(kinds(bench, plain).slice(before), ["audio"]);
    const flags = (bench.board.flags[plain] ?? 0) & ~RowFlag.NoVideo;
    bench.board.flags[plain] = flags | RowFlag.NeedsKeyframe;
    bench.send(stream, [video(200, false), audio(201), video(240, true), video(280, false)]);
    assert.deepEqual(kinds(bench, plain).slice(before), ["audio", "audio", "key", "inter"]);
    assert.equal((bench.board.flags[plain] ?? 0) & RowFlag.Copied, 0, "back to the ring's bytes");
  });
});
