/** Time in which nobody was served does not count. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FairClock } from "../../../src/main/accept/fair-clock.ts";

test("C-36: the clock leaves out stalls, and only stalls", () => {
  let time = 1000;
  const clock = new FairClock(100, () => time);
  for (let tick = 0; tick < 50; tick += 1) {
    // A little late each time, as timers are.
    time += 120;
    clock.tick();
  }
  assert.equal(clock.now(), 1000 + 50 * 120);
  const before = clock.now();
  time += 30_000;
  assert.equal(clock.now(), before + 30_000);
  clock.tick();
  assert.equal(clock.now(), before + 100);
  time += 100;
  clock.tick();
  assert.equal(clock.now(), before + 200);
});
