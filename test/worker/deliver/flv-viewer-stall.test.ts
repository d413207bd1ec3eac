/**
 * HTTP-FLV viewers that are full at any write, for any time: what they get is whole FLV tags, each frame with its headers,
 * without gaps but those to a keyframe.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import { audio, clipHeader, message, video } from "../clip.ts";
import { assertPlayable, assertUpToDate, FakeViewer, ViewerBench } from "./viewer-bench.ts";

const GOP_FRAMES = 5;
const FRAME_MS = 40;
const LEVEL_OFFSET = 8;
const QUEUE_MS = 300;

/** The clip's headers, the video's with another level, at the time of a GOP. */
function headers(number: number, level: number): Message[] {
  const time = number * GOP_FRAMES * FRAME_MS;
  const avc = clipHeader(MessageType.Video);
  avc[LEVEL_OFFSET] = level;
  return [
    message(MessageType.Video, time, avc),
    message(MessageType.Audio, time, clipHeader(MessageType.Audio)),
  ];
}

/** @param sizes Bytes of its video frames. */
function gop(number: number, sizes: readonly number[]): Message[] {
  return sizes.slice(0, GOP_FRAMES).flatMap((bytes, frame) => {
    const seed = number * GOP_FRAMES + frame;
    const time = seed * FRAME_MS;
    return [video(time, frame === 0, bytes, seed), audio(time + 3, 20, seed)];
  });
}

const SIZES = [
  [700, 90, 120, 150, 180],
  [3000, 10, 2000, 6, 300],
  [20_000, 9000, 100, 14_000, 50],
];
const GOPS = 6;

function sizesOf(number: number): readonly number[] {
  return SIZES[number % SIZES.length] ?? [];
}

/** Six GOPs, headers with another level before the third and the fifth. */
function stream(): Message[] {
  const numbers = Array.from({ length: GOPS }, (_, number) => number);
  return numbers.flatMap((number) => [
    ...(number % 2 === 0 ? headers(number, 30 + number) : []),
    ...gop(number, sizesOf(number)),
  ]);
}

/** All of the stream to one viewer that is full from its write number `at` on for so many messages. */
function watch(at: number, lag: number): { bench: ViewerBench; viewer: FakeViewer } {
  const bench = new ViewerBench({ queueLengthMs: QUEUE_MS });
  const viewer = new FakeViewer();
  viewer.writesLeft = at;
  bench.send(headers(0, 30));
  const row = bench.view(viewer);
  let late = 0;
  for (const one of stream().slice(2)) {
    if (late > lag) {
      bench.drain(row);
    }
    bench.send([one]);
    late += viewer.isFull ? 1 : 0;
  }
  bench.drain(row);
  bench.rest();
  return { bench, viewer };
}

describe("a viewer that is full at every write", () => {
  const writes = watch(Number.POSITIVE_INFINITY, 0).viewer.writes.length;
  const messages = stream().length;

  test("has every frame when it is never full", { timeout: 20_000 }, () => {
    const { bench, viewer } = watch(Number.POSITIVE_INFINITY, 0);
    const tags = viewer.tags();
    assert.equal(assertPlayable(tags, bench.sent), 0);
    assertUpToDate(tags, bench.sent);
    assert.equal(tags.length, messages);
  });

  for (const lag of [1, 4, 12, 25, 40]) {
    test(`for ${lag} messages`, { timeout: 60_000 }, () => {
      let jumps = 0;
      for (let at = 1; at <= writes; at += 1) {
        const { bench, viewer } = watch(at, lag);
        const tags = viewer.tags();
        const seen = assertPlayable(tags, bench.sent);
        assert.deepEqual(bench.ended, []);
        // Who was to skip near the end waits for a keyframe that does not come.
        if (seen === bench.skips) {
          assertUpToDate(tags, bench.sent);
        }
        assert.ok(seen <= bench.skips);
        jumps += seen;
      }
      // One message may be late; a GOP and more is not waited for.
      assert.equal(jumps > 0, lag >= 25, `${jumps} jumps`);
    });
  }
});

/** Three viewers who are full from given messages on for so many. */
interface Pause {
  readonly viewer: number;
  readonly from: number;
  readonly length: number;
}

class Audience {
  readonly viewers = [new FakeViewer(), new FakeViewer(), new FakeViewer()];
  readonly #bench: ViewerBench;
  readonly #rows: readonly number[];

  constructor(bench: ViewerBench) {
    this.#bench = bench;
    this.#rows = this.viewers.map((viewer) => bench.view(viewer));
  }

  /** Before message number `index`. */
  pause(index: number, pauses: readonly Pause[]): void {
    for (const { viewer, from, length } of pauses) {
      const watching = this.viewers[viewer];
      if (index === from && watching !== undefined) {
        watching.writesLeft = 1;
      }
      if (index === from + length) {
        this.#bench.drain(this.#rows[viewer] ?? 0);
      }
    }
  }

  /** Nobody is full any more. */
  release(): void {
    for (const [index, row] of this.#rows.entries()) {
      this.#bench.drain(row);
      Object.assign(this.viewers[index] ?? {}, { writesLeft: Number.POSITIVE_INFINITY });
    }
  }
}

test("viewers that are full whenever they like, and headers that change whenever they like", {
  timeout: 120_000,
}, () => {
  const size = fc.oneof(fc.integer({ min: 6, max: 400 }), fc.integer({ min: 400, max: 30_000 }));
  const part = fc.record({
    frames: fc.array(size, { minLength: GOP_FRAMES, maxLength: GOP_FRAMES }),
    level: fc.option(fc.integer({ min: 10, max: 52 })),
  });
  const pause = fc.record({
    viewer: fc.integer({ min: 0, max: 2 }),
    from: fc.nat(90),
    length: fc.nat(40),
  });
  const all = fc.record({
    parts: fc.array(part, { minLength: 2, maxLength: 9 }),
    pauses: fc.array(pause, { maxLength: 8 }),
    queueLengthMs: fc.integer({ min: 60, max: 1000 }),
  });
  fc.assert(
    fc.property(all, ({ parts, pauses, queueLengthMs }) => {
      const bench = new ViewerBench({ queueLengthMs });
      bench.send(headers(0, 30));
      const audience = new Audience(bench);
      const messages = parts.flatMap(({ level, frames }, number) => [
        ...(level === null ? [] : headers(number, level)),
        ...gop(number, frames),
      ]);
      for (const [index, one] of messages.entries()) {
        audience.pause(index, pauses);
        bench.send([one]);
      }
      audience.release();
      // Who skipped to a keyframe that is still to come has it now.
      bench.send([...headers(parts.length, 31), ...gop(parts.length, [500, 60, 70, 80, 90])]);
      bench.rest();
      for (const viewer of audience.viewers) {
        const tags = viewer.tags();
        assertPlayable(tags, bench.sent);
        assertUpToDate(tags, bench.sent);
      }
      assert.deepEqual(bench.ended, []);
    }),
    { numRuns: 300 },
  );
});
