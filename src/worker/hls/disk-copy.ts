/**
 * What of a stream's output stands on disk: written after it is in memory, in order, by jobs. Viewers do not wait for
 * it: a disk that is full, slow or gone costs files, counted and told once for each publish, and nothing else.
 */
import type { FileStep } from "../jobs/files.ts";

/** Media waiting for a disk, per stream. Reaction: segments are not written. */
const WAITING_BYTES_MAX: number = 64 * 1024 * 1024;
const REMOVALS_MAX = 8192;

/** What a disk copy works with. */
export interface DiskCopyHost {
  /** @returns what went wrong, or "". */
  runFileSteps(steps: readonly FileStep[]): Promise<string>;
  /** The first failure of a publish, or after things went well. */
  failed(text: string): void;
  /** Things go well again. */
  recovered(): void;
}

/** One stream's files. */
export class DiskCopy {
  readonly #host: DiskCopyHost;
  #media: FileStep[] = [];
  #removals: FileStep[] = [];
  #playlist: FileStep | null = null;
  #waitingBytes = 0;
  #running: Promise<void> | null = null;
  #isFailing = false;
  /** Of this publish. */
  #isTold = false;
  /** Files that were not written. */
  failures = 0;

  constructor(host: DiskCopyHost) {
    this.#host = host;
  }

  /** Somebody publishes anew: a disk that still fails is told of again. */
  begin(): void {
    this.#isTold = false;
  }

  /** A segment, key or init segment. */
  write(file: string, content: SharedArrayBuffer): void {
    if (this.#waitingBytes + content.byteLength > WAITING_BYTES_MAX) {
      this.#note("the disk does not keep up");
      return;
    }
    this.#waitingBytes += content.byteLength;
    this.#media.push({ kind: "write", file, temporary: `${file}.tmp`, content });
    this.#start();
  }

  /** The playlist; of several that wait only the last is written. */
  writePlaylist(file: string, content: string): void {
    this.#playlist = { kind: "write", file, temporary: `${file}.temp`, content };
    this.#start();
  }

  remove(file: string): void {
    this.#media = this.#media.filter((step) => {
      const isIt = step.kind === "write" && step.file === file;
      this.#waitingBytes -= isIt ? bytesOf(step) : 0;
      return !isIt;
    });
    if (this.#playlist?.file === file) {
      this.#playlist = null;
    }
    if (this.#removals.length < REMOVALS_MAX) {
      this.#removals.push({ kind: "remove", file });
    }
    this.#start();
  }

  /** Resolves when nothing waits. */
  async settled(): Promise<void> {
    while (this.#running !== null) {
      await this.#running;
    }
  }

  #start(): void {
    this.#running ??= this.#work().then(() => {
      this.#running = null;
      if (this.#hasWork) {
        this.#start();
      }
    });
  }

  get #hasWork(): boolean {
    return this.#media.length > 0 || this.#removals.length > 0 || this.#playlist !== null;
  }

  async #work(): Promise<void> {
    // All that this turn of the loop has.
    await Promise.resolve();
    while (this.#hasWork) {
      const media = this.#media.splice(0);
      const playlist = this.#playlist === null ? [] : [this.#playlist];
      const removals = this.#removals.splice(0);
      this.#playlist = null;
      // Segments before the playlist that lists them; what it no longer lists after it.
      const failure = await this.#host.runFileSteps([...media, ...playlist, ...removals]);
      this.#waitingBytes -= media.reduce((sum, step) => sum + bytesOf(step), 0);
      if (failure !== "") {
        this.#note(failure);
      } else if (this.#isFailing && media.length > 0) {
        this.#isFailing = false;
        this.#isTold = false;
        this.#host.recovered();
      }
    }
  }

  #note(text: string): void {
    this.failures += 1;
    this.#isFailing = true;
    if (!this.#isTold) {
      this.#isTold = true;
      this.#host.failed(text);
    }
  }
}

function bytesOf(step: FileStep): number {
  return step.kind === "write" && typeof step.content !== "string" ? step.content.byteLength : 0;
}
