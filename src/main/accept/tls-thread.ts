/**
 * The thread that does the encryption of RTMPS: started with a certificate, watched, replaced when it dies or hangs.
 * What it owned is swept after its exit, never before.
 */

import { Worker } from "node:worker_threads";
import { RowState } from "../../protocol/control/board.ts";
import {
  type FromTls,
  TLS_DESCRIPTORS,
  TLS_ROW_FIRST,
  TlsBoard,
  type TlsSettings,
  type TlsStart,
  type ToTls,
} from "../../protocol/control/tls-board.ts";
import { messageOf } from "../../protocol/errors.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import { closeDescriptor, inodeOf } from "./native.ts";

const THREAD_URL = new URL("../../worker/tls-front.js", import.meta.url);
/** A connection takes some 50 KB of it and more outside. */
const HEAP = { maxOldGenerationSizeMb: 1024, maxYoungGenerationSizeMb: 32 };
const WATCH_MS = 500;
/** A thread that dies younger than this is started again after this. */
const RESTART_MS = 1000;

/** What the thread works with. */
export interface TlsThreadOptions {
  /** **Shared**: a {@link TlsBoard}. */
  readonly memory: SharedArrayBuffer;
  readonly log: Logger;
  readonly allowFaults: boolean;
  /** A thread silent this long is terminated. */
  readonly hangKillMs: number;
  readonly heard: (message: FromTls) => void;
  /** It runs now (true), or has ended and its rows are free (false). */
  readonly up: (isUp: boolean) => void;
}

/** One thread and its successors. */
export class TlsThread {
  readonly #options: TlsThreadOptions;
  readonly #board: TlsBoard;
  #settings: TlsSettings | undefined;
  #worker: Worker | undefined;
  #startedAt = 0;
  #judgedAt = 0;
  #restart: NodeJS.Timeout | undefined;
  #watch: NodeJS.Timeout | undefined;
  #exited: Promise<void> = Promise.resolve();
  #isStopping = false;

  constructor(options: TlsThreadOptions) {
    this.#options = options;
    this.#board = new TlsBoard(options.memory);
  }

  get isUp(): boolean {
    return this.#worker !== undefined;
  }

  /** Starts it, or serves connections from now on otherwise. A thread that is started later gets the newest. */
  serve(settings: TlsSettings): void {
    this.#settings = settings;
    if (this.#worker !== undefined) {
      this.post({ kind: "settings", ...settings });
    } else if (this.#restart === undefined) {
      this.#start(settings);
    }
  }

  /** Sends a message; to nobody while there is no thread. */
  post(message: ToTls): void {
    this.#worker?.postMessage(message);
  }

  /** Ends it, after it had a moment to send what is left. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    clearInterval(this.#watch);
    const worker = this.#worker;
    if (worker !== undefined) {
      this.post({ kind: "stop" });
      const timer = setTimeout(() => void worker.terminate(), timeoutMs);
      await this.#exited;
      clearTimeout(timer);
    }
  }

  #start(settings: TlsSettings): void {
    const { memory, allowFaults, heard, up } = this.#options;
    const workerData: TlsStart = { board: memory, allowFaults, ...settings };
    this.#startedAt = monotonicMs();
    this.#board.heartbeat[0] = this.#startedAt;
    const worker = new Worker(THREAD_URL, { name: "tls", workerData, resourceLimits: HEAP });
    this.#worker = worker;
    let cause = "";
    worker.on("message", heard);
    worker.on("error", (error: unknown) => {
      cause = messageOf(error);
    });
    this.#exited = new Promise((resolve) => {
      worker.on("exit", (code) => {
        this.#ended(cause === "" ? `code ${code}` : cause);
        resolve();
      });
    });
    this.#watch ??= setInterval(() => this.#judge(), WATCH_MS);
    up(true);
  }

  #ended(cause: string): void {
    this.#worker = undefined;
    const closed = this.#sweep();
    this.#options.up(false);
    if (this.#isStopping) {
      return;
    }
    this.#options.log.error("tls", `died: ${cause}; ${closed} descriptors closed`, "ERR_TLS_DIED");
    const isYoung = monotonicMs() - this.#startedAt < RESTART_MS;
    this.#restart = setTimeout(
      () => {
        this.#restart = undefined;
        if (this.#settings !== undefined) {
          this.#start(this.#settings);
        }
      },
      isYoung ? RESTART_MS : 0,
    );
  }

  /** As for a shard's rows: a number that shows another inode belongs to a stranger. @returns descriptors closed. */
  #sweep(): number {
    const board = this.#board;
    let closed = 0;
    for (let row = TLS_ROW_FIRST; row < board.rows; row += 1) {
      if (Atomics.load(board.state, row) === RowState.Free) {
        continue;
      }
      for (let at = row * TLS_DESCRIPTORS; at < (row + 1) * TLS_DESCRIPTORS; at += 1) {
        const descriptor = board.descriptor[at] ?? -1;
        if (descriptor >= 0 && inodeOf(descriptor) === board.inode[at]) {
          closeDescriptor(descriptor);
          closed += 1;
        }
      }
      Atomics.store(board.state, row, RowState.Free);
    }
    return closed;
  }

  #judge(): void {
    const now = monotonicMs();
    const isLate = now - this.#judgedAt > 2 * WATCH_MS;
    this.#judgedAt = now;
    const silentMs = Math.round(now - (this.#board.heartbeat[0] ?? now));
    // Not by a time in which the whole process stood still.
    if (!isLate && silentMs > this.#options.hangKillMs && this.#worker !== undefined) {
      const { log } = this.#options;
      log.error("tls", `hangs for ${silentMs} ms: terminated`, "ERR_TLS_DIED");
      // Its end takes a moment: it is not terminated twice.
      this.#board.heartbeat[0] = now;
      void this.#worker.terminate();
    }
  }
}
