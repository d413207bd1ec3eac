import assert from "node:assert/strict";
import { test } from "node:test";
import { slowest } from "../../../src/worker/stream/slowest.ts";

const LAGS: readonly number[] = [0, 5000, 999, 1000, 70_000, 2000];
const rowsOf = (count: number): number[] =>
  slowest(LAGS.keys(), count, (row) => LAGS[row] ?? 0).map(({ row }) => row);

test("E-61 those that lag most, the slowest first", () => {
  assert.deepEqual(rowsOf(1), [4]);
  assert.deepEqual(rowsOf(3), [4, 1, 5]);
});

test("E-61 who is less than a second behind is not slow, however many may go", () => {
  assert.deepEqual(rowsOf(100), [4, 1, 5, 3]);
  assert.deepEqual(rowsOf(0), []);
  assert.deepEqual(
    slowest([], 5, () => 9999),
    [],
  );
});
