import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "hdr-histogram-js";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import { countRefusal, readRefusals } from "../../../src/protocol/control/refusal-counts.ts";
import {
  addTurns,
  countTurns,
  noteTurn,
  readTurns,
  TURN_BOUNDS_MS,
  TURN_CELLS,
  turnQuantileMs,
  turnsSince,
} from "../../../src/protocol/control/turn-times.ts";

const MS = 1000;
const MINUTE_US = 60_000_000;
const newCells = (): Float64Array => new Board(new SharedArrayBuffer(boardBytes(1))).turnTimes;

/** From microseconds to a minute, as many short ones as long ones; the same each time. */
function someTimes(count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(MINUTE_US ** (state / 2 ** 32));
  });
}

test("each time counts once, in the bucket whose bound it does not exceed by a cell", () => {
  const cells = newCells();
  const times = [0, 100, 110, 7 * MS, 1000 * MS, 1010 * MS, 59_999 * MS];
  for (const us of times) {
    noteTurn(cells, us);
  }
  // Of a writer that died long ago.
  noteTurn(cells, 4_000_000 * MS);
  const { counts, sumMs } = readTurns(cells);
  assert.equal(counts.length, TURN_BOUNDS_MS.length + 1);
  const expected = counts.map((_, bucket) => {
    const from = (TURN_BOUNDS_MS[bucket - 1] ?? -1) * MS;
    const to = (TURN_BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY) * MS;
    return times.filter((us) => us > from && us <= to).length;
  });
  assert.deepEqual(counts, expected);
  assert.equal(countTurns(cells), times.length);
  assert.ok(Math.abs(sumMs - times.reduce((sum, us) => sum + us, 0) / MS) < 1e-6);
});

test("quantiles of several threads are those of hdr-histogram-js over all times", () => {
  const threads = [1, 2, 3].map((seed) => someTimes(3000, seed));
  const reference = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: MINUTE_US,
    numberOfSignificantValueDigits: 2,
    autoResize: false,
    useWebAssembly: false,
  });
  const merged = new Float64Array(TURN_CELLS);
  for (const times of threads) {
    const cells = newCells();
    for (const us of times) {
      noteTurn(cells, us);
      reference.recordValue(us);
    }
    addTurns(merged, cells);
  }
  assert.equal(countTurns(merged), reference.totalCount);
  for (const share of [0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1]) {
    assert.equal(turnQuantileMs(merged, share), reference.getValueAtPercentile(share * 100) / MS);
  }
});

test("what was counted since a moment is what came after it", () => {
  const cells = newCells();
  for (const us of someTimes(1000, 4)) {
    noteTurn(cells, us);
  }
  const before = cells.slice();
  assert.equal(countTurns(turnsSince(cells, before)), 0);
  assert.equal(turnQuantileMs(turnsSince(cells, before), 0.5), 0);
  for (const us of [5 * MS, 5 * MS, 40 * MS]) {
    noteTurn(cells, us);
  }
  const since = turnsSince(cells, before);
  assert.equal(countTurns(since), 3);
  assert.ok(Math.abs(turnQuantileMs(since, 0.5) - 5) < 0.05);
  assert.ok(Math.abs(turnQuantileMs(since, 0.99) - 40) < 0.4);
  // The thread is gone, and its counts with it.
  assert.equal(countTurns(turnsSince(new Float64Array(TURN_CELLS), before)), 0);
});

test("times, refusals and all other counters stand apart, and within the board", () => {
  const board = new Board(new SharedArrayBuffer(boardBytes(1)));
  noteTurn(board.turnTimes, 0);
  noteTurn(board.turnTimes, MINUTE_US);
  assert.equal(countTurns(board.turnTimes), 2);
  assert.deepEqual(
    [...board.counters].filter((value) => value !== 0),
    [],
  );
  assert.equal(board.inode[0], 0);
  countRefusal(board.counters, "http_not_found");
  countRefusal(board.counters, "plays_max");
  countRefusal(board.counters, "plays_max");
  assert.deepEqual(readRefusals(board.counters), [
    ["http_not_found", 1],
    ["plays_max", 2],
  ]);
  assert.equal(countTurns(board.turnTimes), 2);
  assert.equal(board.counters.filter((value) => value !== 0).length, 2);
});
