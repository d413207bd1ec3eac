/**
 * After a thread stood still (a suspended machine, a starved core) nobody is judged by the time in which their bytes
 * lay unread: whoever is watched for silence gets as long again.
 */

/** A tick that is late by less than this is no stall. */
const STALL_MIN_MS = 500;
/** Whatever was on its way has arrived by then. */
const GRACE_MAX_MS = 5000;

/** Tells whether silence may be judged now. Milliseconds, monotonic. */
export class StallGrace {
  #ticked: number;
  #until = 0;

  constructor(now: number) {
    this.#ticked = now;
  }

  /** Called by each tick. @param tickMs The time after which it was due. */
  tick(now: number, tickMs: number): void {
    const lateMs = now - this.#ticked - tickMs;
    this.#ticked = now;
    if (lateMs > STALL_MIN_MS) {
      this.#until = now + Math.min(lateMs, GRACE_MAX_MS);
    }
  }

  /** False for a while after a stall. */
  mayJudge(now: number): boolean {
    return now >= this.#until;
  }
}
