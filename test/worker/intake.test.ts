import assert from "node:assert/strict";
import { test } from "node:test";
import { Intake } from "../../src/worker/intake.ts";

interface Loop {
  readonly intake: Intake<number>;
  readonly taken: number[];
  /** Runs one later turn. @returns false when there is none. */
  turn(): boolean;
}

/** An intake for which each message takes 1 ms. */
function openIntake(turnMs: number): Loop {
  const taken: number[] = [];
  const turns: (() => void)[] = [];
  let timeMs = 0;
  const intake = new Intake<number>({
    take: (message) => {
      taken.push(message);
      timeMs += 1;
    },
    now: () => timeMs,
    later: (next) => turns.push(next),
    turnMs,
  });
  const turn = (): boolean => {
    const next = turns.shift();
    next?.();
    return next !== undefined;
  };
  return { intake, taken, turn };
}

test("a turn is cut when its time is over, and the rest follows in order", () => {
  const { intake, taken, turn } = openIntake(4);
  intake.push([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.deepEqual(taken, [1, 2, 3, 4, 5]);
  // What comes meanwhile waits behind it, and makes no turn of its own.
  intake.push([13, 14]);
  assert.deepEqual(taken, [1, 2, 3, 4, 5]);
  assert.ok(turn());
  assert.deepEqual(taken, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.ok(turn());
  assert.deepEqual(taken, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  assert.ok(!turn());
});

test("one message at least is taken in a turn, however long it takes", () => {
  const { intake, taken, turn } = openIntake(0);
  intake.push([1, 2]);
  assert.deepEqual(taken, [1]);
  assert.ok(turn());
  assert.deepEqual(taken, [1, 2]);
  assert.ok(!turn());
});
