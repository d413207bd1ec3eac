/** What the thread tests of the ring share: starting workers, hearing their reports, and sleeping. */
import { after } from "node:test";
import { Worker } from "node:worker_threads";

const sleepWord = new Int32Array(new SharedArrayBuffer(4));

/** Block this thread. */
export function sleep(ms: number): void {
  Atomics.wait(sleepWord, 0, 0, ms);
}

const started: Worker[] = [];

/** Start a worker of this directory, by the name of its file without extension. It ends with the test file. */
export function startWorker(name: string, workerData: unknown): Worker {
  const worker = new Worker(new URL(`./${name}.js`, import.meta.url), { workerData });
  started.push(worker);
  return worker;
}

/** Call it once in a test file: a test that fails leaves workers that would keep the process alive. */
export function terminateAfterTests(): void {
  after(async () => {
    await Promise.all(started.map((worker) => worker.terminate()));
  });
}

/** The next message of a worker; rejects when it throws or exits before. */
export function report<T>(worker: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (act: () => void): void => {
      worker.removeAllListeners();
      act();
    };
    worker.once("message", (message: T) => end(() => resolve(message)));
    worker.once("error", (error) => end(() => reject(error)));
    worker.once("exit", (code) => end(() => reject(new Error(`worker exited with ${code}`))));
  });
}
