/** Answers each ring of its bell by ringing another; or, as a ringer, rings without end until it is terminated. */
import { parentPort, workerData } from "node:worker_threads";
import { Doorbell } from "../../src/protocol/ring/doorbell.ts";

/** What the threads of the doorbell test agree on. */
export interface DoorbellJob {
  readonly bells: SharedArrayBuffer;
  readonly thread: number;
  readonly other: number;
  /** Rings to answer; 0 for a ringer. */
  readonly rounds: number;
}

const job = workerData as DoorbellJob;
const bells = new Doorbell(job.bells);

async function answer(): Promise<void> {
  parentPort?.on("message", () => undefined);
  parentPort?.postMessage("ready");
  for (let round = 0; round < job.rounds; round++) {
    await bells.wait(job.thread, round);
    bells.ring(job.other);
  }
  parentPort?.close();
}

if (job.rounds > 0) {
  await answer();
} else {
  for (;;) {
    bells.ring(job.other);
  }
}
