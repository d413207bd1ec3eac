/**
 * Dates of segments (EXT-X-PROGRAM-DATE-TIME), out of a wall clock that is read when media arrives.
 *
 * Media arrives earlier or later by what the network holds back, and all at once where a file is sent. So the first
 * segment of a time line takes the wall clock, and each one after it begins where the one before ended: dates agree
 * with the lengths listed beside them, but for the small step that keeps the publisher's clock and ours together.
 */

/** How far one date may be moved, as a share of the segment before it. */
const STEP_SHARE_MAX = 1 / 500;
/** Media that was held back for longer than this took that time: dates follow the wall clock at once. */
const BEHIND_MS_MAX = 10_000;

/** **Units**: milliseconds; dates since 1970. */
export class DateClock {
  /** Where the last segment ended; NaN where none goes on. */
  #nextMs = Number.NaN;
  #stepMsMax = 0;

  /** The date of a segment whose first frame arrives at `wallMs`. Changes nothing. */
  begin(wallMs: number): number {
    const behindMs = wallMs - this.#nextMs;
    if (Number.isNaN(behindMs) || behindMs > BEHIND_MS_MAX) {
      return wallMs;
    }
    return this.#nextMs + Math.min(this.#stepMsMax, Math.max(-this.#stepMsMax, behindMs));
  }

  /** A segment of this date has ended; the next one goes on. */
  end(dateMs: number, durationMs: number): void {
    this.#nextMs = dateMs + durationMs;
    this.#stepMsMax = durationMs * STEP_SHARE_MAX;
  }

  /** What follows is another time line. */
  restart(): void {
    this.#nextMs = Number.NaN;
  }
}
