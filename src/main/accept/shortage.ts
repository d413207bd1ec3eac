/**
 * A shortage of descriptors or memory, as the log tells of it: a line when it begins, one a minute with how often it was
 * met, and one when it is over. It is met ten times a second.
 */
import type { Logger } from "../log/logger.ts";

const PERIOD_MS = 60_000;
/** ENFILE, EMFILE, ENOMEM, ENOBUFS. */
const SHORTAGES: readonly number[] = [23, 24, 12, 105];

/** Where it is told. */
export type ShortageLog = Pick<Logger, "error" | "warn">;

/** What accepting fails by, for as long as it does. */
export class Shortage {
  readonly #log: ShortageLog;
  readonly #now: () => number;
  #sinceMs = Number.NaN;
  #toldMs = 0;
  #count = 0;

  /** @param now Milliseconds, monotonic. */
  constructor(log: ShortageLog, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** Whether accepting again at once would fail in the same way. */
  static isOne(errno: number): boolean {
    return SHORTAGES.includes(errno);
  }

  /** It was met. */
  met(errno: number): void {
    const now = this.#now();
    this.#count += 1;
    if (Number.isNaN(this.#sinceMs)) {
      this.#sinceMs = now;
      this.#tell(`accept: errno ${errno}: newcomers wait`, now);
    } else if (now - this.#toldMs >= PERIOD_MS) {
      this.#tell(`accept: errno ${errno}, ${this.#count} times in ${this.#secondsAt(now)} s`, now);
    }
  }

  /** Accepting works. */
  passed(): void {
    if (Number.isNaN(this.#sinceMs)) {
      return;
    }
    const seconds = this.#secondsAt(this.#now());
    this.#log.warn("accept", `accept: it is over, after ${this.#count} times in ${seconds} s`);
    this.#sinceMs = Number.NaN;
    this.#count = 0;
  }

  #tell(text: string, now: number): void {
    this.#toldMs = now;
    this.#log.error("accept", text, "ERR_ACCEPT");
  }

  #secondsAt(now: number): number {
    return Math.round((now - this.#sinceMs) / 1000);
  }
}
