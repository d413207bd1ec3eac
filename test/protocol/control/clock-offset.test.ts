import assert from "node:assert/strict";
import { test } from "node:test";
import { offsetBetween } from "../../../src/protocol/control/clock-offset.ts";

const OFFSET_MS = 12_345.678;
const READING_MS = 0.002;

/** Two clocks that a thread reads which is kept waiting before some of its readings. */
function setup(waitsMs: (reading: number) => number): () => number {
  let nowMs = 1000;
  let readings = 0;
  const read = (): number => {
    nowMs += READING_MS + waitsMs(readings);
    readings += 1;
    return nowMs;
  };
  return () => offsetBetween(read, () => read() + OFFSET_MS);
}

for (const [what, waitsMs] of [
  ["never", () => 0],
  ["before its first readings, as code that is not compiled yet", (at) => (at < 9 ? 0.5 : 0)],
  ["between all but two", (at) => (at >= 60 && at <= 62 ? 0 : 1 + (at % 5))],
] as const satisfies [string, (at: number) => number][]) {
  test(`a thread that is kept waiting ${what} knows the host's time`, () => {
    const error = setup(waitsMs)() - OFFSET_MS;
    assert.ok(Math.abs(error) < READING_MS, `${error} ms`);
  });
}
