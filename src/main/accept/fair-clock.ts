/**
 * A clock that stands still while the primary does: deadlines measured on it never blame a client for a time in which
 * nobody read its bytes (a suspended machine, a starved thread).
 */
import { monotonicMs } from "../monotonic.ts";

/** A tick that is late by less than this is no stall. */
const LAG_MIN_MS = 50;

/** Monotonic milliseconds less all stalls. */
export class FairClock {
  readonly #tickMs: number;
  readonly #time: () => number;
  #ticked: number;
  #stoodStillMs = 0;

  /** @param tickMs Distance at which {@link tick} is called by a timer. */
  constructor(tickMs: number, time: () => number = monotonicMs) {
    this.#tickMs = tickMs;
    this.#time = time;
    this.#ticked = time();
  }

  now(): number {
    return this.#time() - this.#stoodStillMs;
  }

  /** Called by the timer, before any deadline is looked at. */
  tick(): void {
    const time = this.#time();
    const lateMs = time - this.#ticked - this.#tickMs;
    this.#ticked = time;
    if (lateMs > LAG_MIN_MS) {
      this.#stoodStillMs += lateMs;
    }
  }
}
