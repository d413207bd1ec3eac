/**
 * The pool of jobs: bounded work that may take its time or fail, each job by itself, with a limit on its time and on
 * how many wait. A job that hangs loses its thread, and nothing else.
 */

import { Piscina } from "piscina";
import { messageOf } from "../../protocol/errors.ts";
import type { FileStep } from "./files.ts";
import type { RecordingResult, RecordingStep } from "./recordings.ts";

const FILES_URL = new URL("./files.js", import.meta.url);
const RECORDINGS_URL = new URL("./recordings.js", import.meta.url);
/** Two, so that one disk that hangs does not hold up everything at once. */
const THREADS_MAX = 2;
const QUEUE_MAX = 1024;
const IDLE_MS = 30_000;
/** A disk may be slow; one that takes longer is not there. */
const JOB_TIMEOUT_MS = 15_000;
const READ_TIMEOUT_MS = 2000;
const CLOSE_TIMEOUT_MS = 500;
/** After a job that hung none is begun for so long, each time twice as long: its thread may stay for ever. */
const PAUSE_MS_MIN = 30_000;
const PAUSE_MS_MAX = 600_000;
const READ_BYTES_MAX: number = 1024 * 1024;

/** What a pool is asked to do. */
interface Job {
  readonly name: string;
  readonly timeoutMs: number;
  /** Module of the function; that of files where it is not said. */
  readonly filename?: string;
  readonly transferList?: ArrayBuffer[];
}

/** Threads are started when there is work, and end when there is none for a while. */
export class JobPool {
  #pool: Piscina | undefined;
  #isClosed = false;
  #pauseMs = PAUSE_MS_MIN;
  #pausedUntil = 0;

  /** @returns what went wrong, "" when nothing did. Never rejects. */
  async runFileSteps(steps: readonly FileStep[]): Promise<string> {
    try {
      const options = { name: "runFileSteps", timeoutMs: JOB_TIMEOUT_MS };
      return await this.#run<string>(steps, options);
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Text of a small file; "" when there is none. Never rejects. */
  async readSmallText(file: string): Promise<string> {
    try {
      const task = { file, bytesMax: READ_BYTES_MAX };
      return await this.#run<string>(task, { name: "readSmallText", timeoutMs: READ_TIMEOUT_MS });
    } catch {
      return "";
    }
  }

  /** Never rejects. **Memory**: bytes to append are handed over. */
  async runRecordingStep(step: RecordingStep): Promise<RecordingResult> {
    try {
      return await this.#run<RecordingResult>(step, {
        name: "runRecordingStep",
        timeoutMs: JOB_TIMEOUT_MS,
        filename: RECORDINGS_URL.href,
        transferList: step.kind === "append" ? [step.bytes.buffer] : [],
      });
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      return { file: step.file, failure };
    }
  }

  /** Jobs that run or wait are given up. A thread that hangs is not waited for. */
  async close(): Promise<void> {
    this.#isClosed = true;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([this.#pool?.destroy(), late]);
    clearTimeout(timer);
  }

  #pause(): void {
    this.#pausedUntil = performance.now() + this.#pauseMs;
    this.#pauseMs = Math.min(PAUSE_MS_MAX, this.#pauseMs * 2);
  }

  async #run<Result>(task: unknown, { timeoutMs, ...job }: Job): Promise<Result> {
    if (this.#isClosed || performance.now() < this.#pausedUntil) {
      throw new Error(this.#isClosed ? "the pool of jobs is closed" : "the disk did not answer");
    }
    this.#pool ??= new Piscina({
      filename: FILES_URL.href,
      minThreads: 0,
      maxThreads: THREADS_MAX,
      idleTimeout: IDLE_MS,
      maxQueue: QUEUE_MAX,
    });
    const controller = new AbortController();
    let isHanging = false;
    const timer = setTimeout(() => {
      isHanging = true;
      controller.abort();
    }, timeoutMs);
    try {
      const result = (await this.#pool.run(task, { ...job, signal: controller.signal })) as Result;
      this.#pauseMs = PAUSE_MS_MIN;
      return result;
    } catch (error) {
      if (isHanging) {
        this.#pause();
        throw new Error(`the disk did not answer in ${timeoutMs} ms`, { cause: error });
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
