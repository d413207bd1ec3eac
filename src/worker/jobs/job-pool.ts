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
const CLOSE_TIMEOUT_MS = 500;
/** A timer this much late says that this thread did not run, not that a disk is slow. */
const LATE_MS = 250;
/** So many times for one job: a thread that is always late still has a limit. */
const EXCUSES_MAX = 5;
const READ_BYTES_MAX: number = 1024 * 1024;

/** Times in milliseconds. */
export interface JobLimits {
  /** A disk may be slow; one that takes longer is not there. */
  readonly jobMs: number;
  readonly readMs: number;
  /** Until a thread comes to it: the others may hang, or the host be busy. */
  readonly beginMs: number;
  /** After a job that hung none is begun for so long, each time twice as long: its thread may stay for ever. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
}

/** Of a server. */
export const JOB_LIMITS: JobLimits = {
  jobMs: 15_000,
  readMs: 2000,
  beginMs: 10_000,
  pauseMs: 30_000,
  pauseMsMax: 600_000,
};

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
  readonly #limits: JobLimits;
  #pauseMs: number;
  #pausedUntil = 0;

  constructor(limits: JobLimits = JOB_LIMITS) {
    this.#limits = limits;
    this.#pauseMs = limits.pauseMs;
  }

  /** @returns what went wrong, "" when nothing did. Never rejects. */
  async runFileSteps(steps: readonly FileStep[]): Promise<string> {
    try {
      return await this.#run<string>(
        { steps },
        { name: "runFileSteps", timeoutMs: this.#limits.jobMs },
      );
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Text of a small file; "" when there is none, null when nobody knows. Never rejects. */
  async readSmallText(file: string): Promise<string | null> {
    try {
      const task = { file, bytesMax: READ_BYTES_MAX };
      return await this.#run<string>(task, {
        name: "readSmallText",
        timeoutMs: this.#limits.readMs,
      });
    } catch {
      return null;
    }
  }

  /** Never rejects. **Memory**: bytes to append are handed over. */
  async runRecordingStep(step: RecordingStep): Promise<RecordingResult> {
    try {
      const job = {
        name: "runRecordingStep",
        timeoutMs: this.#limits.jobMs,
        filename: RECORDINGS_URL.href,
        transferList: step.kind === "append" ? [step.bytes.buffer] : [],
      };
      return await this.#run<RecordingResult>({ step }, job);
    } catch (error) {
      return { file: step.file, failure: messageOf(error) };
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

  /** Those that hang together are one disk. */
  #pause(): void {
    const now = performance.now();
    if (now >= this.#pausedUntil) {
      this.#pausedUntil = now + this.#pauseMs;
      this.#pauseMs = Math.min(this.#limits.pauseMsMax, this.#pauseMs * 2);
    }
  }

  #open(): Piscina {
    const pausedMs = this.#pausedUntil - performance.now();
    if (this.#isClosed) {
      throw new Error("the pool of jobs is closed");
    }
    if (pausedMs > 0) {
      const seconds = Math.ceil(pausedMs / 1000);
      throw new Error(`the disk did not answer, and is left alone for ${seconds} s more`);
    }
    this.#pool ??= new Piscina({
      filename: FILES_URL.href,
      minThreads: 0,
      maxThreads: THREADS_MAX,
      idleTimeout: IDLE_MS,
      maxQueue: QUEUE_MAX,
    });
    return this.#pool;
  }

  async #run<Result>(task: object, { timeoutMs, ...job }: Job): Promise<Result> {
    const pool = this.#open();
    const begun = new Int32Array(new SharedArrayBuffer(4));
    const watch = new JobWatch(begun, timeoutMs, this.#limits.beginMs);
    try {
      const { signal } = watch;
      const result = (await pool.run({ ...task, begun }, { ...job, signal })) as Result;
      this.#pauseMs = this.#limits.pauseMs;
      return result;
    } catch (error) {
      if (!watch.isLate) {
        throw error;
      }
      if (!watch.hasBegun) {
        throw new Error("no thread had time to write files", { cause: error });
      }
      this.#pause();
      throw new Error(`the disk did not answer in ${timeoutMs} ms`, { cause: error });
    } finally {
      watch.close();
    }
  }
}

/** Gives a job up that takes too long. Time counts while this thread runs, and from when the job has begun. */
class JobWatch {
  isLate = false;
  readonly #begun: Int32Array;
  readonly #timeoutMs: number;
  readonly #controller = new AbortController();
  #beginMsLeft: number;
  #excusesLeft = EXCUSES_MAX;
  #dueAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(begun: Int32Array, timeoutMs: number, beginMs: number) {
    this.#begun = begun;
    this.#timeoutMs = timeoutMs;
    this.#beginMsLeft = beginMs;
    this.#arm();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get hasBegun(): boolean {
    return Atomics.load(this.#begun, 0) === 1;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#dueAt = performance.now() + this.#timeoutMs;
    this.#timer = setTimeout(() => this.#expired(), this.#timeoutMs);
  }

  #expired(): void {
    const didNotRun = this.#excusesLeft > 0 && performance.now() - this.#dueAt > LATE_MS;
    this.#excusesLeft -= didNotRun ? 1 : 0;
    if (!(didNotRun || this.hasBegun)) {
      this.#beginMsLeft -= this.#timeoutMs;
    }
    if (didNotRun || (!this.hasBegun && this.#beginMsLeft > 0)) {
      this.#arm();
      return;
    }
    this.isLate = true;
    this.#controller.abort();
  }
}
