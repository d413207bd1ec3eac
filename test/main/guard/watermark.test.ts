/** E-61: which share of the memory leads to what. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryLevel, Watermark } from "../../../src/main/guard/watermark.ts";

const LIMIT = 1000;
const { Normal, Refusing, EndingSlow, EndingPublishers } = MemoryLevel;

/** Levels after each of these uses, one after the other. */
function levels(...used: readonly number[]): number[] {
  const watermark = new Watermark();
  return used.map((bytes) => watermark.look(bytes, LIMIT).level);
}

test("E-61 80, 90 and 95 %", () => {
  for (const [used, level] of [
    [0, Normal],
    [799, Normal],
    [800, Refusing],
    [899, Refusing],
    [900, EndingSlow],
    [949, EndingSlow],
    [950, EndingPublishers],
    [1000, EndingPublishers],
    [5000, EndingPublishers],
  ] as const) {
    assert.deepEqual(levels(used), [level], `${used}`);
  }
});

test("E-61 a level stays in force until 5 % less is used, then those below hold", () => {
  assert.deepEqual(levels(800, 799, 750, 749), [Refusing, Refusing, Refusing, Normal]);
  assert.deepEqual(levels(900, 850, 849), [EndingSlow, EndingSlow, Refusing]);
  assert.deepEqual(levels(950, 900, 899), [EndingPublishers, EndingPublishers, EndingSlow]);
  assert.deepEqual(levels(980, 100), [EndingPublishers, Normal]);
  assert.deepEqual(levels(980, 760, 740), [EndingPublishers, Refusing, Normal]);
});

test("E-61 a level that is only below is not entered early by what holds above", () => {
  // 86 %: within the slack of 90 %, which was never reached.
  assert.deepEqual(levels(820, 860, 790, 749, 760), [Refusing, Refusing, Refusing, Normal, Normal]);
});

test("E-61 sessions are ended while so much is used, not while the level only stays", () => {
  const watermark = new Watermark();
  const ends = (used: number): boolean[] => {
    const { endsSlow, endsPublisher } = watermark.look(used, LIMIT);
    return [endsSlow, endsPublisher];
  };
  assert.deepEqual(ends(960), [true, true]);
  assert.deepEqual(ends(940), [true, false]);
  assert.equal(watermark.level, EndingPublishers);
  assert.deepEqual(ends(890), [false, false]);
  assert.equal(watermark.level, EndingSlow);
});

test("E-61 what it was before is told, for the log", () => {
  const watermark = new Watermark();
  const { before, level, share } = watermark.look(850, LIMIT);
  assert.deepEqual([before, level, share], [Normal, Refusing, 0.85]);
  assert.equal(watermark.look(860, LIMIT).before, Refusing);
});

test("E-61 without a limit nothing is ever done, and what was done ends", () => {
  const watermark = new Watermark();
  assert.equal(watermark.look(2 ** 40, Number.POSITIVE_INFINITY).level, Normal);
  watermark.look(LIMIT, LIMIT);
  const view = watermark.look(2 ** 40, Number.POSITIVE_INFINITY);
  assert.deepEqual([view.level, view.endsSlow, view.endsPublisher], [Normal, false, false]);
});
