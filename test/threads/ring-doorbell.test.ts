import assert from "node:assert/strict";
import { test } from "node:test";
import { Doorbell } from "../../src/protocol/ring/doorbell.ts";
import type { DoorbellJob } from "./ring-doorbell-worker.ts";
import { report, startWorker, terminateAfterTests } from "./ring-threads.ts";

terminateAfterTests();

const ROUNDS = 1500;

function makeBells(threads: number): { sab: SharedArrayBuffer; bells: Doorbell } {
  const sab = new SharedArrayBuffer(Doorbell.bytes(threads));
  return { sab, bells: new Doorbell(sab) };
}

/** Two threads that only ever wait for each other: one lost wake-up and they stop. */
test("no wake-up is lost between two threads", { timeout: 15_000 }, async () => {
  const { sab, bells } = makeBells(2);
  const job: DoorbellJob = { bells: sab, thread: 1, other: 0, rounds: ROUNDS };
  const worker = startWorker("ring-doorbell-worker", job);
  await report(worker);
  for (let round = 0; round < ROUNDS; round++) {
    bells.ring(1);
    await bells.wait(0, round);
  }
  assert.equal(bells.value(0), ROUNDS);
  assert.equal(bells.value(1), ROUNDS);
});

test("C-04 bells go on working when a ringing or a waiting thread is terminated", {
  timeout: 15_000,
}, async () => {
  // A pending waitAsync does not keep the event loop alive.
  const keepAlive = setInterval(() => undefined, 1000);
  for (let kill = 0; kill < 3; kill++) {
    const { sab, bells } = makeBells(3);
    const start = (job: Omit<DoorbellJob, "bells">) =>
      startWorker("ring-doorbell-worker", { bells: sab, ...job });
    const ringer = start({ thread: 2, other: 0, rounds: 0 });
    await bells.wait(0, 0);
    await ringer.terminate();
    assert.ok(bells.value(0) !== 0);

    const waiter = start({ thread: 1, other: 0, rounds: 3 });
    await report(waiter);
    await waiter.terminate();
    bells.ring(1);
    assert.equal(bells.value(1), 1);

    const seen = bells.value(0);
    const quiet = bells.wait(0, seen, 30);
    assert.ok(quiet !== null, "a dead thread rang");
    await quiet;
    assert.equal(bells.value(0), seen);
    const woken = bells.wait(0, seen);
    bells.ring(0);
    await woken;
    assert.equal(bells.value(0), (seen + 1) | 0);
  }
  clearInterval(keepAlive);
});
