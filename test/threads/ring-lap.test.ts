import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRing, ringSizeBytes } from "../../src/protocol/ring/ring-layout.ts";
import type { CopyCounts, IndexCounts, LapJob } from "./ring-lap-job.ts";
import { report, startWorker, terminateAfterTests } from "./ring-threads.ts";

terminateAfterTests();

const WRAP = 128 * 1024;

function makeJob(bytesMin: number, bytesMax: number): LapJob {
  const sab = new SharedArrayBuffer(ringSizeBytes(WRAP));
  // Counters go over 2^31 early on.
  formatRing(sab, WRAP, 0x7f_ff_ff_ff - 10 * WRAP);
  return { sab, bytesMin, bytesMax, durationMs: 900, seed: 1 };
}

test("C-05 a writer at full speed laps copying readers: nothing torn is accepted", {
  timeout: 15_000,
}, async (context) => {
  const job = makeJob(100, 30_000);
  const writer = startWorker("ring-lap-writer", { ...job, durationMs: job.durationMs + 300 });
  const readers = [1, 2].map((seed) => startWorker("ring-lap-copier", { ...job, seed }));
  const written = report<{ messages: number; bytes: number }>(writer);
  const all = await Promise.all(readers.map((reader) => report<CopyCounts>(reader)));
  context.diagnostic(JSON.stringify([await written, all]));
  for (const counts of all) {
    assert.equal(counts.acceptedTorn, 0);
    assert.ok(counts.accepted > 0, "no copy was accepted");
  }
  // Without these the test proves nothing: laps happened, and a reader that ignores wasPassed is caught.
  const sum = (name: keyof CopyCounts): number =>
    all.reduce((total, counts) => total + counts[name], 0);
  assert.ok(sum("passed") > 0, "no reader was lapped");
  assert.ok(sum("passedTorn") > 0, "no lap tore a copy");
});

for (const [name, bytesMin, bytesMax] of [
  ["large messages", 100, 8000],
  ["small messages", 20, 80],
] as const) {
  test(`C-05 index and headers read while they are lapped are right or gone, ${name}`, {
    timeout: 15_000,
  }, async (context) => {
    const job = makeJob(bytesMin, bytesMax);
    const writer = startWorker("ring-lap-writer", { ...job, durationMs: job.durationMs + 300 });
    const written = report<{ messages: number; bytes: number }>(writer);
    const counts = await report<IndexCounts>(startWorker("ring-lap-index", job));
    context.diagnostic(JSON.stringify([await written, counts]));
    const wrong = [
      counts.framesWrong,
      counts.newestEarly,
      counts.endsWrong,
      counts.headersWrong,
      counts.keyframesWrong,
    ];
    assert.deepEqual(wrong, [0, 0, 0, 0, 0]);
    for (const kind of [
      "frames",
      "framesGone",
      "newest",
      "ends",
      "endsGone",
      "headers",
      "headersGone",
    ] as const) {
      assert.ok(counts[kind] > 0, `no ${kind}`);
    }
    assert.ok(counts.keyframes > 0, "no keyframes");
  });
}
