/**
 * How near the process is to its limit of open files. At the limit the system accepts newcomers and closes them again
 * without a word to anyone, so weir stops short of it and keeps some for everything but connections.
 */
import { readdirSync, statSync } from "node:fs";
import { openFilesMax } from "../limits-of-host.ts";
import { monotonicMs } from "../monotonic.ts";

/** Kept for logs, threads, recordings, the API and for telling clients that the server is full. */
const RESERVED_FILES = 256;
/** The limit may be changed from outside, and others open files too: both are looked at this often. */
const LOOK_MS = 1000;
const LOOK_CONNECTIONS = 64;
const DESCRIPTORS = "/proc/self/fd";

/** What is asked of the host. */
export interface FileCounts {
  /** Open files that the process may have. */
  max(): number;
  /** Open files that it has. */
  open(): number;
}

/** Since Linux 6.2 the directory's size is the number of descriptors; before, they have to be listed. */
function openFiles(): number {
  const { size } = statSync(DESCRIPTORS);
  return size > 0 ? size : readdirSync(DESCRIPTORS).length;
}

const HOST: FileCounts = { max: openFilesMax, open: openFiles };

/** Counts connections against the limit. */
export class FileBudget {
  readonly #counts: FileCounts;
  readonly #time: () => number;
  #left = 0;
  #lookedAt: number = Number.NEGATIVE_INFINITY;
  /** Connections since the last look; those that left meanwhile are found by the next one. */
  #taken = 0;

  constructor(counts: FileCounts = HOST, time: () => number = monotonicMs) {
    this.#counts = counts;
    this.#time = time;
  }

  /** One more connection was accepted. @returns false when it is one too many. */
  take(): boolean {
    const now = this.#time();
    if (now - this.#lookedAt >= LOOK_MS || this.#taken >= LOOK_CONNECTIONS) {
      this.#lookedAt = now;
      // The connection itself is open already.
      this.#left = this.#counts.max() - RESERVED_FILES - this.#counts.open() + 1;
      this.#taken = 0;
    }
    this.#taken += 1;
    return this.#taken <= this.#left;
  }
}
