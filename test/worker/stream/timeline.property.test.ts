import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TimelineEnd } from "../../../src/protocol/control/calls.ts";
import { Timeline, Track } from "../../../src/worker/stream/timeline.ts";

const WRAP = 2 ** 32;
/** A step that an encoder, a network or a restart makes; most are usual. */
const step = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 100 }) },
  { weight: 1, arbitrary: fc.integer({ min: -400, max: 400 }) },
  { weight: 1, arbitrary: fc.integer({ min: -20_000, max: 20_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: -0x80_00_00_00, max: 0x7f_ff_ff_ff }) },
);
const start = fc.oneof(
  fc.constantFrom(0, 2 ** 24 - 50, 2 ** 31 - 50, WRAP - 50),
  fc.integer({ min: 0, max: WRAP - 1 }),
);
const messages = fc.array(fc.tuple(fc.constantFrom(Track.Audio, Track.Video), step), {
  minLength: 1,
  maxLength: 200,
});
const publishers = fc.array(fc.tuple(start, messages), { minLength: 1, maxLength: 4 });

type Publishers = readonly (readonly [number, readonly (readonly [number, number])[]])[];

/** Lets publishers follow each other and gives each output to `check`. */
function run(
  mode: "full" | "zero" | "off",
  all: Publishers,
  check: (track: number, output: number, input: number) => void,
): void {
  let previous: TimelineEnd | null = null;
  for (const [from, sent] of all) {
    const timeline: Timeline = new Timeline(mode, previous);
    const clocks = [from, from];
    for (const [track, by] of sent) {
      clocks[track] = ((((clocks[track] ?? 0) + by) % WRAP) + WRAP) % WRAP;
      check(track, timeline.correct(track, clocks[track] ?? 0), clocks[track] ?? 0);
    }
    previous = timeline.end();
  }
}

test("full: no track ever goes back, whatever comes, publisher after publisher", {
  timeout: 60_000,
}, () => {
  fc.assert(
    fc.property(publishers, (all) => {
      const last: (number | undefined)[] = [undefined, undefined];
      run("full", all, (track, output) => {
        const before = last[track];
        assert.ok(Number.isInteger(output) && output >= 0 && output < WRAP, `${output}`);
        assert.ok(before === undefined || ((output - before) | 0) >= 0, `${before} then ${output}`);
        last[track] = output;
      });
    }),
    { numRuns: 500 },
  );
});

test("full: an unbroken track keeps every step, wherever it starts", { timeout: 60_000 }, () => {
  const usual = fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 200 });
  fc.assert(
    fc.property(start, usual, start, (from, all, end) => {
      const timeline = new Timeline("full", { audio: -1, video: end });
      let input = from;
      let output = timeline.correct(Track.Video, input);
      assert.equal((output - end) | 0, 10);
      for (const by of all) {
        input = (input + by) % WRAP;
        const next = timeline.correct(Track.Video, input);
        assert.equal((next - output) | 0, by);
        output = next;
      }
    }),
  );
});

test("full: tracks of one clock stay in step through common jumps", { timeout: 60_000 }, () => {
  const jumps = fc.array(fc.integer({ min: 11_000, max: 1_000_000_000 }), { maxLength: 5 });
  fc.assert(
    fc.property(start, jumps, (from, all) => {
      const timeline = new Timeline("full", null);
      let clock = from;
      for (const jump of [0, ...all]) {
        clock = (clock + jump) % WRAP;
        for (let frame = 0; frame < 10; frame += 1) {
          clock = (clock + 20) % WRAP;
          const video = timeline.correct(Track.Video, clock);
          const audio = timeline.correct(Track.Audio, clock);
          assert.equal(audio, video, `after a jump of ${jump}`);
        }
      }
    }),
  );
});

test("zero and off: 32 bits out, and off is the input", { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(publishers, (all) => {
      run("zero", all, (_track, output) => {
        assert.ok(Number.isInteger(output) && output >= 0 && output < WRAP, `${output}`);
      });
      run("off", all, (_track, output, input) => assert.equal(output, input));
    }),
  );
});
