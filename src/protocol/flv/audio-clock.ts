/**
 * Audio time counted in samples instead of rounded milliseconds, so that frames follow each other without seams.
 */

/** A message's time may be off by this much, in milliseconds, before the count starts anew at it. */
const TOLERANCE_MS = 30;

/** Places audio frames on a time line of samples. **Memory**: allocates nothing after construction. */
export class AudioClock {
  readonly #sampleRate: number;
  /** Where the next frame is expected, in samples; NaN before the first. */
  #next = Number.NaN;
  #last = Number.NaN;

  /** `sampleRate` in Hz is the unit of all times. */
  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate;
  }

  /** Where a frame that follows the last one without a gap begins; NaN before the first. */
  get next(): number {
    return this.#next;
  }

  /** Start the count anew at the next frame: another time line. */
  reset(): void {
    this.#next = Number.NaN;
    this.#last = Number.NaN;
  }

  /** Whether a frame of this time continues the count. */
  isContinuous(timeMs: number): boolean {
    const offBy = (timeMs * this.#sampleRate) / 1000 - this.#next;
    return Math.abs(offBy) * 1000 <= TOLERANCE_MS * this.#sampleRate;
  }

  /**
   * Place a frame of `frameSamples` whose message says `timeMs`.
   *
   * @returns its start in samples; after the last one's, unless `isDiscontinuity`.
   */
  place(timeMs: number, frameSamples: number, isDiscontinuity: boolean): number {
    let start = this.#next;
    if (isDiscontinuity || !this.isContinuous(timeMs)) {
      const meant = Math.round((timeMs * this.#sampleRate) / 1000);
      const isOrdered = isDiscontinuity || Number.isNaN(this.#last);
      start = isOrdered ? meant : Math.max(meant, this.#last + 1);
    }
    this.#last = start;
    this.#next = start + frameSamples;
    return start;
  }
}
