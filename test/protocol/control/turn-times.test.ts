import assert from "node:assert/strict";
import { test } from "node:test";
import { Board, boardBytes, Counter } from "../../../src/protocol/control/board.ts";
import { noteTurn, readTurns, TURN_BOUNDS_MS } from "../../../src/protocol/control/turn-times.ts";

test("each time counts once, in the bucket whose bound it does not exceed", () => {
  const { counters } = new Board(new SharedArrayBuffer(boardBytes(1)));
  const times = [0, 0.1, 0.11, 7, 1000, 1001, 59_999];
  for (const ms of times) {
    noteTurn(counters, ms);
  }
  // Of a writer that died long ago.
  noteTurn(counters, 4_000_000);
  const { counts, sumMs } = readTurns(counters);
  assert.equal(counts.length, TURN_BOUNDS_MS.length + 1);
  const expected = counts.map((_, bucket) => {
    const from = TURN_BOUNDS_MS[bucket - 1] ?? -1;
    const to = TURN_BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY;
    return times.filter((ms) => ms > from && ms <= to).length;
  });
  assert.deepEqual(counts, expected);
  assert.ok(Math.abs(sumMs - times.reduce((sum, ms) => sum + ms, 0)) < 1e-6);
});

test("times stand apart from all other counters, and within the board", () => {
  const { counters } = new Board(new SharedArrayBuffer(boardBytes(1)));
  for (const ms of [...TURN_BOUNDS_MS, 5000]) {
    noteTurn(counters, ms);
  }
  const single = Object.entries(Counter).filter(([name]) => name !== "TurnTimes");
  for (const [name, index] of single) {
    assert.equal(counters[index], 0, name);
  }
  assert.equal(
    readTurns(counters).counts.reduce((sum, count) => sum + count, 0),
    TURN_BOUNDS_MS.length + 1,
  );
});
