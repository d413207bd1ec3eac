/**
 * Segments numbered by the wall clock (`hls_ts_floor`), so that several servers give the same names.
 */

/** How far a longer or shorter next segment may go to get back in step (SRS). */
const CORRECTION = 0.3;
/** Further away than so many segments, the count starts anew (SRS). */
const DEVIATION_MAX = 20;

/** One step of a {@link FloorClock}. */
export interface FloorStep {
  /** What `[timestamp]` in the segment's name is. */
  readonly timestamp: number;
  /** To add to the length of the segment that begins: `Segmenter.deviationMs`. */
  readonly deviationMs: number;
}

/** **Units**: milliseconds. */
export class FloorClock {
  readonly #fragmentMs: number;
  #last: number | null = null;

  constructor(fragmentMs: number) {
    this.#fragmentMs = fragmentMs;
  }

  /** A segment begins at this wall clock. Numbers go up by one each, but where the clock has jumped. */
  step(unixMs: number): FloorStep {
    const current = Math.floor(unixMs / this.#fragmentMs);
    let timestamp = this.#last === null ? current - 1 : this.#last + 1;
    if (Math.abs(timestamp - current) > DEVIATION_MAX) {
      timestamp = current - 1;
    }
    this.#last = timestamp;
    return { timestamp, deviationMs: CORRECTION * (timestamp - current) * this.#fragmentMs };
  }
}
