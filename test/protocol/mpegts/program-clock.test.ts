/** The program clock goes on while anything is written: at least each 100 ms, never back, never ahead of what follows. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ElementaryFrame } from "../../../src/protocol/flv/elementary-frame.ts";
import type { TsMuxerOptions } from "../../../src/protocol/mpegts/ts-muxer.ts";
import type { TsCheckOptions } from "../../support/ts-check.ts";
import { AAC, AVC, MuxBench, makeAudio, makeVideo } from "./mux-bench.ts";

const LIMIT = { timeout: 10_000 };
const TICKS_PER_MS = 90;
/** Sorted frames: the clock is ahead of none. */
const STRICT: TsCheckOptions = { pcrLeadMsMax: 0 };

function makeBench(checks: TsCheckOptions = STRICT, options: TsMuxerOptions = {}): MuxBench {
  const bench = new MuxBench(options, checks);
  bench.muxer.setVideo(AVC);
  bench.muxer.setAudio(AAC);
  return bench;
}

/** Times from `fromMs` on, before `untilMs`. */
function every(stepMs: number, fromMs: number, untilMs: number): number[] {
  const count = Math.max(0, Math.ceil((untilMs - fromMs) / stepMs));
  return Array.from({ length: count }, (_, index) => fromMs + index * stepMs);
}

/** Frames in the order of their times; pictures are all keyframes. */
function interleave(pictures: readonly number[], sounds: readonly number[]): ElementaryFrame[] {
  return [...pictures.map((at) => makeVideo(at, true)), ...sounds.map((at) => makeAudio(at))].sort(
    (a, b) => a.dtsMs - b.dtsMs,
  );
}

/** Writes the frames. @returns every PCR, milliseconds. */
function clocksOf(bench: MuxBench, frames: readonly ElementaryFrame[]): number[] {
  for (const frame of frames) {
    bench.write(frame);
  }
  return bench.end().clock.all.map((pcr) => pcr / TICKS_PER_MS);
}

describe("PCR (ISO/IEC 13818-1 §2.7.2)", () => {
  test("25 frames a second need no packet more", LIMIT, () => {
    const times = every(40, 0, 4000);
    assert.deepEqual(clocksOf(makeBench(), interleave(times, every(23, 0, 4000))), times);
  });

  test("the picture pauses, the sound goes on: the clock goes by the sound", LIMIT, () => {
    const pictures = [...every(40, 0, 1000), ...every(40, 4000, 5000)];
    const bench = makeBench();
    const clocks = clocksOf(bench, interleave(pictures, every(23, 0, 5000)));
    assert.deepEqual(
      clocks.filter((at) => at > 960 && at < 4000),
      every(100, 1060, 4000),
    );
    const { pes } = bench.judge;
    const shown = pes.filter(({ pid }) => pid === 0x1_00);
    assert.ok(shown.every(({ pcr, dts }) => pcr === dts));
  });

  test("pictures that come seldom, alone or with sound", LIMIT, () => {
    for (const [stepMs, sounds] of [
      [200, []],
      [250, every(23, 0, 3000)],
      [1000, []],
      [1000, every(64, 0, 3000)],
      [2000, every(300, 0, 3000)],
    ] as const) {
      clocksOf(makeBench(), interleave(every(stepMs, 0, 3000), sounds));
    }
  });

  test("sound that shares PES packets, without picture and beside it", LIMIT, () => {
    const alone = new MuxBench({}, STRICT);
    alone.muxer.setAudio(AAC);
    clocksOf(alone, interleave([], every(23, 0, 3000)));
    const beside = makeBench({ pcrLeadMsMax: 720 }, { mixedAudioMs: 720 });
    clocksOf(beside, interleave(every(40, 0, 1000), every(23, 0, 3000)));
  });

  test("sound before the first picture has a clock, which leaves the picture room", LIMIT, () => {
    const clocks = clocksOf(makeBench(), interleave(every(40, 530, 1000), every(23, 500, 1000)));
    assert.deepEqual(clocks.slice(0, 2), [400, 500]);
  });

  test("sound that comes before its pictures is not the clock's measure for long", LIMIT, () => {
    for (const batchMs of [600, 2400]) {
      const frames = every(batchMs, 0, batchMs * 5).flatMap((at) => [
        ...interleave([], every(24, at, at + batchMs)),
        ...interleave(every(40, at, at + batchMs), []),
      ]);
      // The first times it cannot be known.
      const first = frames.findIndex(({ isVideo, dtsMs }) => isVideo && dtsMs >= batchMs);
      const bench = makeBench({ pcrMsMax: 1e9 });
      for (const frame of frames.slice(0, first)) {
        bench.write(frame);
      }
      const before = bench.judge.pes.length;
      clocksOf(bench, frames.slice(first));
      const breaks = bench.judge.pes.slice(before).filter((one) => one.isDiscontinuity);
      assert.ok(breaks.length <= 1, `${breaks.length} steps in batches of ${batchMs} ms`);
      const late = bench.judge.pes
        .slice(before)
        .filter(({ pid, dts }) => pid === 0x1_00 && dts >= 3 * batchMs * TICKS_PER_MS);
      assert.ok(late.length > 0 && late.every(({ pcr, dts }) => pcr === dts));
    }
  });

  test("a picture far behind the sound's clock begins another clock", LIMIT, () => {
    const bench = makeBench({});
    const frames = [
      ...interleave(every(40, 0, 1000), every(23, 0, 6000)),
      ...every(40, 1000, 2000).flatMap((at) => [makeVideo(at, true), makeAudio(at + 5000)]),
    ];
    const steps = (): number => bench.judge.pes.filter((one) => one.isDiscontinuity).length;
    const clocks = clocksOf(
      bench,
      frames.filter(({ dtsMs }) => dtsMs !== 6000),
    );
    assert.equal(steps(), 1);
    assert.ok(clocks.includes(1000) && clocks.includes(1040));
  });

  test("a track that jumps and the other after it: no row of packets between", LIMIT, () => {
    for (const [jumpMs, isVideoFirst] of [
      [3_600_000, true],
      [3_600_000, false],
      [-3_600_000, true],
      [-3_600_000, false],
    ] as const) {
      const startMs = 4_000_000;
      const bench = makeBench({});
      const here = interleave(every(40, startMs, startMs + 400), every(23, startMs, startMs + 400));
      const there = interleave(
        every(40, startMs + jumpMs, startMs + jumpMs + 400),
        every(23, startMs + jumpMs, startMs + jumpMs + 400),
      );
      // As the intake tells it: of the track that jumps first.
      const first = there.find(({ isVideo }) => isVideo === isVideoFirst);
      assert.ok(first);
      first.isDiscontinuity = true;
      there.splice(there.indexOf(first), 1);
      const clocks = clocksOf(bench, [...here, first, ...there]);
      assert.ok(clocks.length < 30, `${clocks.length} clocks`);
    }
  });

  test("after a new time line the first clock says so, whichever track begins", LIMIT, () => {
    const bench = makeBench();
    for (const frame of interleave(every(40, 9000, 9400), every(23, 9000, 9400))) {
      bench.write(frame);
    }
    bench.muxer.breakLine();
    clocksOf(bench, interleave(every(40, 260, 1000), every(23, 0, 1000)));
  });

  test("any frames in order, through the wrap of 33 bits", LIMIT, () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 3000 })), {
      minLength: 5,
      maxLength: 60,
    });
    const start = fc.constantFrom(0, 5_000_000, Math.floor(2 ** 33 / TICKS_PER_MS) - 5000);
    fc.assert(
      fc.property(steps, start, (frames, startMs) => {
        const bench = makeBench({ ...STRICT, tablesMsMax: 4000 });
        let atMs = startMs;
        for (const [isVideo, stepMs] of frames) {
          atMs += stepMs;
          bench.write(isVideo ? makeVideo(atMs, true) : makeAudio(atMs));
        }
        bench.end();
      }),
    );
  });

  test("any frames in any order: never back, never further apart", LIMIT, () => {
    const step = fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 900 }));
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (frames) => {
        const bench = makeBench({ silenceMsMax: 1e9, tablesMsMax: 1e9 });
        const atMs = [0, 0];
        for (const [isVideo, stepMs] of frames) {
          const track = isVideo ? 1 : 0;
          const at = (atMs[track] ?? 0) + stepMs;
          atMs[track] = at;
          bench.write(isVideo ? makeVideo(at, true) : makeAudio(at));
        }
        bench.end();
      }),
    );
  });
});
