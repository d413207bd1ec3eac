/** Where segments end: SRS's rules, and what hostile times may not do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ElementaryFrame } from "../../../src/protocol/flv/elementary-frame.ts";
import { FloorClock } from "../../../src/protocol/hls/floor-clock.ts";
import { Cut, Segmenter, type SegmenterOptions } from "../../../src/protocol/hls/segmenter.ts";

const LIMIT = { timeout: 5000 };

interface Fed {
  readonly dtsMs: number;
  readonly isVideo: boolean;
  readonly isKeyframe?: boolean;
  readonly isDiscontinuity?: boolean;
  readonly arrivalMs?: number;
}

/** @returns time and length of the segments that ended, as [end, length]. */
function cutAll(options: SegmenterOptions, frames: readonly Fed[], deviationMs = 0): number[][] {
  const segmenter = new Segmenter(options);
  segmenter.deviationMs = deviationMs;
  const hasVideo = frames.some((frame) => frame.isVideo);
  const ends: number[][] = [];
  for (const fed of frames) {
    const frame = Object.assign(new ElementaryFrame(), fed);
    const arrivalMs = fed.arrivalMs ?? fed.dtsMs;
    const cut = segmenter.decide(frame, { hasVideo, arrivalMs, bytes: 0 });
    const isEnd = cut === Cut.Segment || cut === Cut.Discontinuity;
    if (isEnd && !Number.isNaN(segmenter.startMs)) {
      const next = cut === Cut.Discontinuity ? null : frame;
      ends.push([frame.dtsMs, segmenter.segmentMs(next)]);
    }
    segmenter.begin(frame, cut, arrivalMs);
    segmenter.add(frame);
  }
  return ends;
}

/** Video at 25 frames a second with a keyframe every so often, and audio every 20 ms. */
function makeStream(seconds: number, keyMs: number, hasAudio = true): Fed[] {
  const frames: Fed[] = [];
  for (let dtsMs = 0; dtsMs < seconds * 1000; dtsMs += 20) {
    if (dtsMs % 40 === 0) {
      frames.push({ dtsMs, isVideo: true, isKeyframe: keyMs > 0 && dtsMs % keyMs === 0 });
    }
    if (hasAudio) {
      frames.push({ dtsMs, isVideo: false });
    }
  }
  return frames;
}

interface CutPart {
  readonly ms: number;
  /** Time of the frame that ended it; of the last one at the end. */
  readonly endMs: number;
  readonly next: ElementaryFrame | null;
}

/** @returns the parts of a whole stream with segments of 2 s. */
function cutParts(partTargetMs: number, frames: readonly Fed[]): CutPart[] {
  const segmenter = new Segmenter({ fragmentMs: 2000, partTargetMs });
  const parts: CutPart[] = [];
  const end = (next: ElementaryFrame | null, endMs: number): void => {
    parts.push({ ms: segmenter.partMs(next), endMs, next });
  };
  for (const fed of frames) {
    const frame = Object.assign(new ElementaryFrame(), fed);
    const cut = segmenter.decide(frame, { hasVideo: true, arrivalMs: fed.dtsMs, bytes: 0 });
    if (cut !== Cut.None && !Number.isNaN(segmenter.startMs)) {
      end(frame, fed.dtsMs);
    }
    segmenter.begin(frame, cut, fed.dtsMs);
    segmenter.add(frame);
  }
  end(null, frames.at(-1)?.dtsMs ?? 0);
  return parts;
}

const lengths = (parts: readonly CutPart[]): number[] => parts.map(({ ms }) => ms);
const longest = (parts: readonly CutPart[]): number => Math.max(...lengths(parts));
const sum = (parts: readonly CutPart[]): number => lengths(parts).reduce((all, ms) => all + ms, 0);

describe("Segmenter", () => {
  test("hls_wait_keyframe: the first keyframe after the fragment", LIMIT, () => {
    const ends = cutAll({ fragmentMs: 2000 }, makeStream(10, 1200));
    assert.deepEqual(ends, [
      [2400, 2400],
      [4800, 2400],
      [7200, 2400],
      [9600, 2400],
    ]);
  });

  test("hls_wait_keyframe off: any frame of video", LIMIT, () => {
    const ends = cutAll({ fragmentMs: 2000, waitKeyframe: false }, makeStream(9, 5000));
    assert.deepEqual(
      ends.map(([end]) => end),
      [2000, 4000, 6000, 8000],
    );
  });

  test("A6-05: no keyframe ever, and keyframes too far apart: hls_aof_ratio", LIMIT, () => {
    for (const hasAudio of [true, false]) {
      const ends = cutAll({ fragmentMs: 2000 }, makeStream(13, 0, hasAudio));
      assert.deepEqual(
        ends.map(([end]) => end),
        [4200, 8400, 12_600],
      );
    }
    const ends = cutAll({ fragmentMs: 2000, aofRatio: 1.5 }, makeStream(7, 0));
    assert.deepEqual(
      ends.map(([end]) => end),
      [3000, 6000],
    );
  });

  test("audio alone: hls_aof_ratio", LIMIT, () => {
    const audio = makeStream(13, 0).filter((frame) => !frame.isVideo);
    assert.deepEqual(cutAll({ fragmentMs: 2000 }, audio), [
      [4200, 4200],
      [8400, 4200],
      [12_600, 4200],
    ]);
  });

  test("all frames keyframes, fragments of nothing: never under 200 ms", LIMIT, () => {
    const ends = cutAll({ fragmentMs: 1 }, makeStream(2, 40));
    assert.ok(ends.length > 5 && ends.every(([, length = 0]) => length >= 200));
  });

  test("video that stops: audio ends the segments", LIMIT, () => {
    const frames = makeStream(20, 1000).filter((frame) => !frame.isVideo || frame.dtsMs < 3000);
    const ends = cutAll({ fragmentMs: 2000 }, frames).map(([end]) => end);
    assert.deepEqual(ends, [2000, 6200, 10_400, 14_600, 18_800]);
  });

  test("a discontinuity ends a segment where its frames end", LIMIT, () => {
    const before = makeStream(3, 2000);
    const after = makeStream(3, 2000).map((frame, index) => ({
      ...frame,
      dtsMs: frame.dtsMs + 900_000,
      isDiscontinuity: index === 0,
    }));
    const ends = cutAll({ fragmentMs: 2000 }, [...before, ...after]);
    assert.deepEqual(ends, [
      [2000, 2000],
      [900_000, 1000],
      [902_000, 2000],
    ]);
  });

  test("A7-07: tracks minutes apart are cut as if they were not", LIMIT, () => {
    const apart = makeStream(10, 1200).map((frame) => {
      return frame.isVideo ? frame : { ...frame, dtsMs: frame.dtsMs + 300_000 };
    });
    const ends = cutAll({ fragmentMs: 2000 }, apart);
    assert.deepEqual(ends, cutAll({ fragmentMs: 2000 }, makeStream(10, 1200)));
  });

  test("A7-10: time that stands still ends by the wall clock", LIMIT, () => {
    const frames = Array.from({ length: 500 }, (_, index) => ({
      ...{ dtsMs: 0, isVideo: true, isKeyframe: false, arrivalMs: index * 40 },
    }));
    assert.equal(cutAll({ fragmentMs: 2000 }, frames).length, 3);
  });

  test(
    "parts are never longer than their target, and end with video where there is video",
    LIMIT,
    () => {
      const parts = cutParts(330, makeStream(10, 2000));
      assert.ok(parts.every(({ next }) => next?.isVideo ?? true));
      assert.ok(parts.length >= 28 && longest(parts) <= 330, lengths(parts).join());
      assert.equal(sum(parts) % 80, 0);
    },
  );

  test("parts as long as their target allows: sound does not cut a frame short", LIMIT, () => {
    // 30 pictures a second, 46.875 frames of AAC, in the order of their times.
    const frames: Fed[] = [];
    for (let index = 0; index < 300; index += 1) {
      const dtsMs = Math.round((index * 1000) / 30);
      frames.push({ dtsMs, isVideo: true, isKeyframe: index % 60 === 0 });
    }
    for (let index = 0; index < 468; index += 1) {
      frames.push({ dtsMs: Math.round(index * 21.333), isVideo: false });
    }
    frames.sort((one, other) => one.dtsMs - other.dtsMs);
    const parts = cutParts(500, frames);
    assert.ok(longest(parts) <= 500, lengths(parts).join());
    assert.ok(parts.every(({ next }) => next?.isVideo ?? true));
    // A frame lasts 33 ms or 34: one less than would fit at the most.
    assert.ok(parts.every(({ ms, next }) => ms >= 466 || (next?.isKeyframe ?? true)));
  });

  /** Without the pictures between these times. */
  const paused = (fromMs: number, toMs: number): Fed[] =>
    makeStream(12, 2000).filter((one) => !one.isVideo || one.dtsMs < fromMs || one.dtsMs >= toMs);

  for (const [name, fromMs, toMs] of [
    ["for 0.8 s", 2600, 3400],
    ["for a few seconds", 2600, 7000],
    ["until the end", 2600, Number.POSITIVE_INFINITY],
    ["before the segment's first audio frame", 2040, 5000],
  ] as const) {
    test(`video that pauses ${name}: parts end with sound, none is too long`, LIMIT, () => {
      const frames = paused(fromMs, toMs);
      const parts = cutParts(500, frames);
      assert.ok(longest(parts) <= 500, lengths(parts).join());
      // A part is there when it is due, not when the picture comes back: 100 ms of order are allowed for.
      for (const [index, { endMs }] of parts.entries()) {
        const waited = endMs - (parts[index - 1]?.endMs ?? 0);
        assert.ok(waited <= 640, `${waited} ms from part to part at ${endMs}`);
      }
      // Nothing is lost from the sum but the order of the tracks where a pause ends a segment.
      const ends = cutAll({ fragmentMs: 2000, partTargetMs: 500 }, frames);
      const segments = ends.reduce((total, [, length = 0]) => total + length, 0);
      const listed = sum(parts.filter(({ endMs }) => endMs <= (ends.at(-1)?.[0] ?? 0)));
      assert.ok(segments - listed <= 100 * ends.length, `${listed} of ${segments} ms`);
      assert.ok(listed - segments <= 100 * ends.length, `${listed} of ${segments} ms`);
    });
  }

  test(
    "sound that runs ahead, in any order, makes no part too long and loses no time",
    LIMIT,
    () => {
      for (const leadMs of [60, 300, 700]) {
        const frames = makeStream(12, 2000)
          .map((one) => ({ one, at: one.dtsMs - (one.isVideo ? 0 : leadMs) }))
          .sort((one, other) => one.at - other.at)
          .map(({ one }) => one);
        const parts = cutParts(500, frames);
        assert.ok(longest(parts) <= 500, `${leadMs}: ${lengths(parts).join()}`);
        assert.ok(Math.abs(sum(parts) - 12_000) <= leadMs + 40, `${leadMs}: ${sum(parts)}`);
      }
    },
  );

  test("pictures further apart than the target are parts as long as they last", LIMIT, () => {
    const frames = Array.from({ length: 12 }, (_, index) => {
      return { dtsMs: index * 800, isVideo: true, isKeyframe: index % 4 === 0 };
    });
    assert.deepEqual(lengths(cutParts(500, frames)), new Array(12).fill(800));
  });

  test("hls_ts_floor keeps segments in step with the wall clock", LIMIT, () => {
    const longer = cutAll({ fragmentMs: 2000 }, makeStream(7, 40), 600);
    assert.deepEqual(
      longer.map(([, length]) => length),
      [2600, 2600],
    );
    const shorter = cutAll({ fragmentMs: 2000 }, makeStream(7, 40), -600);
    assert.deepEqual(shorter[0]?.[1], 1400);
  });
});

describe("FloorClock", () => {
  test("one number after the other, corrected by 30 % of what it is off", LIMIT, () => {
    const clock = new FloorClock(10_000);
    assert.deepEqual(clock.step(1_000_005_000), { timestamp: 99_999, deviationMs: -3000 });
    assert.deepEqual(clock.step(1_000_006_000), { timestamp: 100_000, deviationMs: 0 });
    assert.deepEqual(clock.step(1_000_007_000), { timestamp: 100_001, deviationMs: 3000 });
  });

  test("a clock that jumps starts the count anew", LIMIT, () => {
    const clock = new FloorClock(10_000);
    clock.step(1_000_000_000);
    assert.equal(clock.step(2_000_000_000).timestamp, 199_999);
    assert.equal(clock.step(1_000_000_000).timestamp, 99_999);
  });
});
