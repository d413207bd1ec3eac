import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Amf0Encoder } from "../../../src/protocol/amf/amf0-encoder.ts";
import { newFrameRef, newKeyframeRef } from "../../../src/protocol/ring/frame-index.ts";
import { RingState } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import { decodeHeaderSet } from "../../../src/worker/stream/header-set.ts";
import type { LiveStream } from "../../../src/worker/stream/live-stream.ts";
import { audio, clipHeader, clipMessages, message, video } from "../clip.ts";
import { ShardBench, WRAP } from "../shard-bench.ts";

const AVC = message(MessageType.Video, 0, clipHeader(MessageType.Video));
const AAC = message(MessageType.Audio, 0, clipHeader(MessageType.Audio));

function data(timestamp: number, name: string, entries: [string, string][] = []): Message {
  const encoder = new Amf0Encoder();
  encoder.string(name);
  encoder.ecmaArray(entries);
  return message(MessageType.DataAmf0, timestamp, encoder.finish());
}

interface Published {
  readonly bench: ShardBench;
  readonly stream: LiveStream;
  readonly row: number;
}

/** A stream with one player that takes everything. */
function publish(options: ConstructorParameters<typeof ShardBench>[0] = {}): Published {
  const bench = new ShardBench(options);
  const stream = bench.publish();
  return { bench, stream, row: bench.play() };
}

/** Type and time of what the player got. */
function got({ bench, row }: Published): [number, number][] {
  return bench.received(row).media.map(({ type, timestamp }) => [type, timestamp]);
}

function reader(bench: ShardBench): RingReader {
  const newest = bench.opened.at(-1);
  assert.ok(newest);
  return new RingReader(newest.memory);
}

describe("live stream: what is written", () => {
  test("every message comes out as it went in, its time from 0", () => {
    const published = publish();
    const { bench, stream, row } = published;
    const all = clipMessages();
    for (const one of all) {
      bench.send(stream, [{ ...one, timestamp: one.timestamp + 777 }]);
      bench.clock += 5;
      bench.tick();
      while (bench.requests.length > 0) {
        bench.answer(stream);
      }
    }
    bench.clock += 1000;
    bench.tick(3, 20);
    const sent = all.filter(({ type }) => type !== MessageType.DataAmf0);
    const received = bench.received(row).media.filter(({ type }) => type !== MessageType.DataAmf0);
    // What came before the first keyframe was joined came in the preamble.
    const preamble = received.length - sent.length;
    assert.ok(preamble >= 0 && preamble <= 2, `${preamble}`);
    for (const [index, one] of sent.entries()) {
      const other = received[index + preamble];
      assert.deepEqual(other?.payload, one.payload, `message ${index}`);
    }
    assert.equal(stream.messages, all.length);
    assert.equal(stream.dropped, 0);
    assert.deepEqual(bench.ended, []);
  });

  test("repeated headers are dropped where reduce_sequence_header says so", () => {
    for (const reduceSequenceHeader of [true, false]) {
      const published = publish({ settings: { reduceSequenceHeader } });
      const { bench, stream } = published;
      bench.send(stream, [AVC, AAC, video(0, true), AVC, AAC, video(40, false)]);
      const headers = reduceSequenceHeader ? 0 : 2;
      assert.equal(got(published).length, 2 + 2 + headers);
    }
  });

  test("atc_auto obeys an encoder whose clock is absolute; without it, and for others, time starts at 0", () => {
    const absolute = data(0, "onMetaData", [["bravo_atc", "true"]]);
    const relative = data(0, "onMetaData", [["bravo_atc", "false"]]);
    const first = (atcAuto: boolean, metadata: Message): number | undefined => {
      const published = publish({ settings: { atcAuto } });
      published.bench.send(published.stream, [metadata, AVC, video(123_456, true)]);
      return got(published).at(-1)?.[1];
    };
    assert.equal(first(true, absolute), 123_456);
    assert.equal(first(true, relative), 0);
    assert.equal(first(false, absolute), 0);
  });

  test("atc passes times as they are, whatever time_jitter says", () => {
    const published = publish({ settings: { atc: true } });
    published.bench.send(published.stream, [video(99_000, true), video(5, false)]);
    assert.deepEqual(
      got(published).map(([, time]) => time),
      [99_000, 5],
    );
  });

  test("mix_correct lets tracks leave in one order of time, and all of it at the end", () => {
    const published = publish({ settings: { mixCorrect: true } });
    const { bench, stream } = published;
    bench.send(stream, [AVC, AAC, video(0, true), video(40, false), video(80, false)]);
    bench.send(stream, [audio(0), audio(23), audio(46), audio(69), audio(92)]);
    stream.end();
    const times = got(published).map(([, time]) => time);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.deepEqual(times.slice(-8), [0, 0, 23, 40, 46, 69, 80, 92]);
  });

  test("with mix_correct a frame still has the headers that were valid for it", () => {
    const published = publish({ settings: { mixCorrect: true, gopCache: true } });
    const { bench, stream } = published;
    const changed = AVC.payload.slice();
    changed[6] = 77;
    // The new header waits behind the keyframe of the old one.
    bench.send(stream, [AVC, AAC, video(0, true)]);
    bench.send(stream, [message(MessageType.Video, 40, changed), video(40, true)]);
    bench.send(stream, [audio(0), audio(23)]);
    const ring = reader(bench);
    const out = newFrameRef();
    let checked = 0;
    for (let frame = 0; frame < ring.frameCount; frame += 1) {
      assert.ok(ring.readFrame(frame, out));
      if (out.isKeyframe && out.kind === 2 && out.timestamp === 0) {
        const set = decodeHeaderSet(ring.readHeaders(out.headerVersion) ?? new Uint8Array(0));
        const header = set.find(({ type }) => type === MessageType.Video);
        assert.deepEqual(new Uint8Array(header?.payload ?? []), AVC.payload);
        checked += 1;
      }
    }
    assert.equal(checked, 1);
  });

  test("metadata has time 0, other data the stream's", () => {
    const published = publish();
    const { bench, stream } = published;
    bench.send(stream, [AVC, video(1000, true), video(1040, false)]);
    bench.send(stream, [data(9, "onMetaData"), data(9, "onCuePoint"), video(1080, false)]);
    assert.deepEqual(got(published).slice(-3), [
      [MessageType.DataAmf0, 0],
      [MessageType.DataAmf0, 40],
      [MessageType.Video, 80],
    ]);
  });

  test("a stream without video has keyframes of audio; with video it has not", () => {
    const { bench, stream } = publish();
    const keyframe = newKeyframeRef();
    bench.send(stream, [AAC, audio(0), audio(23)]);
    assert.ok(reader(bench).newestKeyframe(keyframe));
    assert.equal(keyframe.timestamp, 23);
    bench.send(stream, [AVC, video(40, true), audio(46), audio(69)]);
    assert.ok(reader(bench).newestKeyframe(keyframe));
    assert.equal(keyframe.timestamp, 40);
    bench.clock += 10_001;
    bench.send(stream, [audio(92)]);
    assert.ok(reader(bench).newestKeyframe(keyframe));
    assert.equal(keyframe.timestamp, 92);
  });

  test("a new publisher goes on in time where the one before ended", () => {
    const bench = new ShardBench();
    const first = bench.publish();
    const row = bench.play();
    bench.send(first, [AVC, AAC, video(5000, true), audio(5010), video(5040, false)]);
    const end = first.end();
    assert.deepEqual(end, { audio: 10, video: 40 });
    assert.equal(reader(bench).state, RingState.Ended);
    const second = bench.publish(end);
    bench.send(second, [AVC, AAC, video(33, true), audio(50), video(73, false)]);
    const media = bench.received(row).media.slice(-3);
    assert.deepEqual(
      media.map(({ timestamp }) => timestamp),
      [50, 67, 90],
    );
    assert.deepEqual(
      bench.closed.map(({ ringId }) => ringId),
      [1],
    );
  });
});

describe("live stream: rings", () => {
  test("grows to one and a half GOPs, within the budget, and loses and doubles nothing", () => {
    const published = publish();
    const { bench, stream, row } = published;
    const sent: number[] = [];
    let time = 0;
    for (let frame = 0; frame < 400; frame += 1, time += 40) {
      bench.send(stream, [
        video(time, frame % 100 === 0, 6000, frame),
        audio(time + 1, 200, frame),
      ]);
      sent.push(time, time + 1);
      // The ring comes a few messages after it was asked for.
      if (bench.requests.length > 0 && frame % 3 === 0) {
        bench.answer(stream);
      }
    }
    bench.clock += 100;
    bench.tick(3, 20);
    assert.ok(bench.opened.length >= 3, `${bench.opened.length} rings`);
    assert.equal(reader(bench).wrap, 1024 * 1024);
    assert.deepEqual(
      bench.received(row).media.map(({ timestamp }) => timestamp),
      sent,
    );
    assert.deepEqual(
      bench.closed.map(({ ringId }) => ringId),
      bench.opened.slice(0, -1).map(({ ringId }) => ringId),
    );
    assert.deepEqual(
      bench.released,
      bench.closed.map(({ ringId }) => ringId),
    );
    assert.deepEqual(bench.requests, []);
  });

  test("growth for a GOP stays within the stream's budget", () => {
    const { bench, stream } = publish({ settings: { ringBudgetBytes: 256 * 1024 } });
    for (let frame = 0; frame < 200; frame += 1) {
      bench.send(stream, [video(frame * 40, frame === 0, 6000, frame)]);
      while (bench.requests.length > 0) {
        bench.answer(stream);
      }
    }
    assert.equal(bench.requested, 1);
    assert.equal(reader(bench).wrap, 256 * 1024);
  });

  test("grows for readers that ask for it", () => {
    const { bench, stream } = publish();
    bench.send(stream, [video(0, true)]);
    reader(bench).askForWrap(WRAP * 2);
    bench.send(stream, [video(40, false), video(80, false)]);
    assert.deepEqual(bench.requests, [WRAP * 2], "one question at a time");
  });

  test("a message of 3 MiB waits for its ring, and what follows it keeps its place", () => {
    const published = publish();
    const { bench, stream, row } = published;
    bench.send(stream, [AVC, video(0, true, 1000)]);
    const large = video(40, true, 3 * 1024 * 1024, 7);
    bench.send(stream, [large, audio(41), video(80, false), data(0, "onCuePoint")]);
    assert.equal(stream.isFull, true);
    assert.deepEqual(bench.requests, [32 * 1024 * 1024]);
    // More comes of the same read.
    bench.send(stream, [video(120, false)]);
    bench.answer(stream);
    assert.equal(stream.isFull, false);
    const { media } = bench.received(row);
    assert.deepEqual(
      media.map(({ type }) => type),
      [9, 9, 9, 8, 9, 18, 9],
    );
    assert.deepEqual(media[2]?.payload, large.payload);
    assert.equal(stream.dropped, 0);
  });

  test("a ring larger than what came while it was awaited is asked for next", () => {
    const { bench, stream } = publish();
    bench.send(stream, [video(0, true, 40_000)]);
    assert.deepEqual(bench.requests, [512 * 1024]);
    bench.send(stream, [video(40, false, 400_000)]);
    assert.equal(bench.requested, 1);
    bench.answer(stream);
    assert.deepEqual(bench.requests, [4 * 1024 * 1024]);
    assert.equal(stream.isFull, true);
    bench.answer(stream);
    assert.equal(stream.isFull, false);
    assert.equal(stream.dropped, 0);
  });

  test("without memory the message is dropped, and video until the next keyframe; it asks again after 2 s, not per frame", () => {
    const published = publish();
    const { bench, stream, row } = published;
    bench.send(stream, [AVC, video(0, true, 1000)]);
    bench.send(stream, [video(40, true, 300_000), audio(41), video(80, false)]);
    bench.answer(stream, false);
    assert.equal(stream.isFull, false);
    for (let frame = 3; frame < 100; frame += 1) {
      bench.clock += 10;
      bench.send(stream, [video(frame * 40, frame === 50, frame === 60 ? 300_000 : 900)]);
    }
    bench.tick();
    assert.equal(bench.requested, 1, "asked once");
    const times = bench.received(row).media.map(({ timestamp }) => timestamp);
    assert.deepEqual(times.slice(0, 4), [0, 0, 41, 2000], "nothing until the keyframe");
    assert.equal(times.at(-1), 59 * 40, "nothing after a frame was lost");
    assert.equal(stream.dropped, 1 + 1 + 47 + 40);
    bench.clock += 2000;
    bench.send(stream, [video(5000, true, 300_000)]);
    assert.equal(bench.requested, 2);
    bench.answer(stream);
    assert.equal(bench.received(row).media.at(-1)?.timestamp, 5000);
  });

  test("headers too large for a slot wait for a larger ring; without one players get what fits", () => {
    const entries = Array.from({ length: 40 }, (_, at): [string, string] => [
      `k${at}`,
      "x".repeat(500),
    ]);
    const large = data(0, "onMetaData", entries);
    const waiting = publish();
    waiting.bench.send(waiting.stream, [AVC, AAC, large, video(0, true)]);
    assert.equal(waiting.stream.isFull, true);
    waiting.bench.answer(waiting.stream);
    assert.deepEqual(
      got(waiting)
        .map(([type]) => type)
        .sort(),
      [18, 8, 9, 9].sort(),
    );
    const refused = publish();
    refused.bench.send(refused.stream, [AVC, AAC, large, video(0, true)]);
    refused.bench.answer(refused.stream, false);
    assert.equal(refused.stream.isFull, false);
    const late = refused.bench.play();
    const types = refused.bench.received(late).media.map(({ type }) => type);
    assert.deepEqual(types, [MessageType.Video, MessageType.Audio, MessageType.Video]);
    // Nothing is asked for again while there is no hope.
    refused.bench.send(refused.stream, [large, video(40, false)]);
    assert.equal(refused.bench.requested, 1);
  });

  test("an answer that comes when nothing needs it any more does no harm", () => {
    const { bench, stream, row } = publish();
    bench.send(stream, [video(0, true, 40_000)]);
    bench.answer(stream);
    stream.installRing(null);
    bench.send(stream, [video(40, false)]);
    assert.equal(bench.received(row).media.length, 2);
  });

  test("byte and frame counters of rings go over 2^31 and 2^32", () => {
    for (const startPosition of [0x7f_ff_ff_ff - 100_000, -100_000]) {
      const published = publish({
        startPosition,
        startFrame: startPosition < 0 ? -20 : 0x7f_ff_ff_f0,
      });
      const { bench, stream, row } = published;
      const times: number[] = [];
      for (let frame = 0; frame < 100; frame += 1) {
        bench.send(stream, [video(frame * 40, frame % 10 === 0, 3000, frame)]);
        times.push(frame * 40);
      }
      assert.deepEqual(
        bench.received(row).media.map(({ timestamp }) => timestamp),
        times,
      );
    }
  });
});

describe("live stream: waking readers", () => {
  test("once per read with video; audio rides with it, alone it wakes every 20 ms", () => {
    const bench = new ShardBench();
    let wakes = 0;
    bench.wake = () => {
      wakes += 1;
    };
    const stream = bench.publish();
    bench.send(stream, [AVC, AAC]);
    bench.send(stream, [video(0, true), audio(0), video(40, false)]);
    assert.equal(wakes, 1);
    bench.clock += 10;
    bench.send(stream, [audio(23)]);
    assert.equal(wakes, 1, "video is alive");
    bench.clock += 60;
    bench.send(stream, [audio(46)]);
    assert.equal(wakes, 2);
    bench.clock += 10;
    bench.send(stream, [audio(69)]);
    assert.equal(wakes, 2, "20 ms are not over");
    bench.clock += 10;
    bench.send(stream, [audio(92)]);
    assert.equal(wakes, 3);
  });
});
