/** How late this process's turns come: what a busy machine takes of a time that a test measures. */

const TURN_MS = 20;

/** Runs from its making until stopped. */
export class Lateness {
  /** All delays so far, in milliseconds. */
  totalMs = 0;
  #turnedAt = performance.now();
  readonly #timer: NodeJS.Timeout = setInterval(() => this.#turn(), TURN_MS).unref();

  /** Ends it. @returns all delays */
  stop(): number {
    this.#turn();
    clearInterval(this.#timer);
    return this.totalMs;
  }

  #turn(): void {
    const now = performance.now();
    this.totalMs += Math.max(0, now - this.#turnedAt - TURN_MS);
    this.#turnedAt = now;
  }
}
