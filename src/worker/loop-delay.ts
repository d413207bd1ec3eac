/** How late a thread's loop comes to what it has to do: told by its tick, which is due at a known time. */

/** The largest delay of a period. Milliseconds. */
export class LoopDelay {
  #dueMs = Number.POSITIVE_INFINITY;
  #largestMs = 0;

  /** The next tick is due then. Monotonic. */
  expect(dueMs: number): void {
    this.#dueMs = dueMs;
  }

  /** It came. */
  tick(nowMs: number): void {
    this.#largestMs = Math.max(this.#largestMs, nowMs - this.#dueMs);
  }

  /** The largest one since this was last asked. */
  take(): number {
    const largestMs = this.#largestMs;
    this.#largestMs = 0;
    return largestMs;
  }
}
