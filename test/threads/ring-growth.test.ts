import assert from "node:assert/strict";
import { test } from "node:test";
import { Doorbell } from "../../src/protocol/ring/doorbell.ts";
import { formatRing, ringSizeBytes } from "../../src/protocol/ring/ring-layout.ts";
import { GROWTH_MESSAGES, type GrowthJob, type GrowthReport } from "./ring-growth-job.ts";
import { report, startWorker, terminateAfterTests } from "./ring-threads.ts";

terminateAfterTests();

test("readers follow a growing stream over four rings: no byte lost or repeated", {
  timeout: 15_000,
}, async () => {
  const rings = new Map<number, SharedArrayBuffer>();
  for (const [at, wrap] of [128, 256, 512, 1024].map((size) => size * 1024).entries()) {
    const sab = new SharedArrayBuffer(ringSizeBytes(wrap));
    formatRing(sab, wrap, (at % 2 === 0 ? 0x7f_ff_ff_ff : -1) - at * 1000);
    rings.set(at + 1, sab);
  }
  const job = (thread: number): GrowthJob => ({ rings, bells, progress, thread });
  const bells = new SharedArrayBuffer(Doorbell.bytes(3));
  const progress = new SharedArrayBuffer(12);
  const readers = [1, 2].map((thread) => startWorker("ring-growth-reader", job(thread)));
  const reports = readers.map((reader) => report<GrowthReport>(reader));
  const writer = startWorker("ring-growth-writer", job(0));
  for (const seen of await Promise.all(reports)) {
    assert.deepEqual(seen, { messages: GROWTH_MESSAGES, moves: 3, wrong: "" });
  }
  await writer.terminate();
});
