/** So many at one time, also when the number changes while others wait. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Turnstile } from "../../../src/main/hooks/turnstile.ts";

const LIMIT = { timeout: 20_000 };

/** Somebody enters; `inside` has the names of those who are in, in their order. */
function enter(
  turnstile: Turnstile,
  name: string,
  { concurrency, isVerdict = false }: { concurrency: number; isVerdict?: boolean },
  inside: string[],
): void {
  const entry = { concurrency, lineMax: 100, waitMs: Number.POSITIVE_INFINITY, isVerdict };
  void turnstile.enter(entry).then((isIn) => isIn && inside.push(name));
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("fewer at one time by a reload: those that wait hear of it", LIMIT, async () => {
  const turnstile = new Turnstile();
  const inside: string[] = [];
  for (const name of ["a", "b", "c", "d"]) {
    enter(turnstile, name, { concurrency: 4 }, inside);
  }
  for (const name of ["e", "f"]) {
    enter(turnstile, name, { concurrency: 1 }, inside);
  }
  await settled();
  assert.deepEqual(inside, ["a", "b", "c", "d"]);
  for (let left = 0; left < 3; left += 1) {
    turnstile.leave();
  }
  await settled();
  assert.deepEqual(inside, ["a", "b", "c", "d"], "one is still inside");
  turnstile.leave();
  await settled();
  assert.deepEqual(inside, ["a", "b", "c", "d", "e"]);
  turnstile.leave();
  turnstile.leave();
  await settled();
  assert.equal(inside.length, 6);
  assert.ok(turnstile.isIdle);
});

test(
  "more at one time by a reload: those that wait go first, questions before news",
  LIMIT,
  async () => {
    const turnstile = new Turnstile();
    const inside: string[] = [];
    for (const name of ["a", "b", "c"]) {
      enter(turnstile, name, { concurrency: 1 }, inside);
    }
    enter(turnstile, "question", { concurrency: 1, isVerdict: true }, inside);
    enter(turnstile, "new", { concurrency: 3 }, inside);
    await settled();
    assert.deepEqual(inside, ["a", "question", "b"]);
  },
);
