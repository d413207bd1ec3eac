import assert from "node:assert/strict";
import { test } from "node:test";
import { elapsedMs, MS_MASK } from "../../../src/worker/io/clock.ts";

test("time since a time of the board: plain, wrapped, and none when that lies ahead", () => {
  assert.equal(elapsedMs(5000.9, 4000), 1000);
  assert.equal(elapsedMs(4000, 4000), 0);
  assert.equal(elapsedMs(MS_MASK + 11, MS_MASK - 9), 20);
  // The row was written a moment after the look began: its player must not count as silent for 24 days.
  assert.equal(elapsedMs(4000, 4001), 0);
  assert.equal(elapsedMs(MS_MASK, 2), 0);
});
