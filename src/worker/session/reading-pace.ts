/** When a publishing connection is read at leisure: nobody waits for the bytes of a stream without readers. */

/** After nobody has watched it for this long. */
const LEISURELY_AFTER_MS = 1000;

/** The pace of one connection. Milliseconds, monotonic. */
export class ReadingPace {
  /** When somebody was last seen to wait for its bytes. */
  #watchedMs: number;

  constructor(now: number) {
    this.#watchedMs = now;
  }

  /** @returns whether many messages may be read at once, for what one costs. */
  isLeisurely(isWatched: boolean, now: number): boolean {
    if (isWatched) {
      this.#watchedMs = now;
    }
    return now - this.#watchedMs > LEISURELY_AFTER_MS;
  }
}
