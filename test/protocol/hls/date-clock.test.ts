/** Dates of segments: they agree with the lengths, and stay with the wall clock. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DateClock } from "../../../src/protocol/hls/date-clock.ts";

const LIMIT = { timeout: 5000 };
const NOON = 1_700_000_000_000;

/** @returns the dates of segments of 2 s that arrive at these times after noon. */
function dates(arrivalsMs: readonly number[], clock = new DateClock()): number[] {
  return arrivalsMs.map((arrivalMs) => {
    const date = clock.begin(NOON + arrivalMs);
    clock.end(date, 2000);
    return date - NOON;
  });
}

describe("DateClock", LIMIT, () => {
  test("what arrives earlier or later is dated by its length, to within a small step", () => {
    assert.deepEqual(dates([0, 2000, 4000]), [0, 2000, 4000]);
    assert.deepEqual(dates([0, 2300, 3800, 6000]), [0, 2004, 4000, 6000]);
  });

  test("a file that comes at once is dated as if it had been played", () => {
    assert.deepEqual(dates([0, 10, 20, 30]), [0, 1996, 3992, 5988]);
  });

  test("a publisher's clock that is wrong by a thousandth does not run away", () => {
    const arrivals = Array.from({ length: 5000 }, (_, index) => index * 2002);
    const off = dates(arrivals).map((date, index) => Math.abs(date - (arrivals[index] ?? 0)));
    assert.ok(Math.max(...off) <= 2, `${Math.max(...off)} ms`);
  });

  test("media held back for long is dated anew; so is another time line", () => {
    const clock = new DateClock();
    assert.deepEqual(dates([0, 60_000, 62_000], clock), [0, 60_000, 62_000]);
    clock.restart();
    assert.deepEqual(dates([30_000], clock), [30_000]);
  });
});
