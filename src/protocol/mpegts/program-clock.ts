/**
 * When a transport stream tells its clock: with each picture, and in packets of its own where pictures are too rare.
 *
 * Pictures carry their decoding time as PCR. While none comes the sound drives the clock: from where it stood at the
 * last picture, and never past its own time. A publisher may send its sound well before the pictures it belongs to; how
 * much is learned the first time that it put the clock ahead of a picture, and from then on the sound's clock stays so
 * far behind. References are never further apart than 100 ms, so that what comes after a pause is led up to.
 *
 * Spec: ISO/IEC 13818-1 §2.4.3.5 (PCR, discontinuity_indicator), §2.7.2 (100 ms at most).
 */
import { TIME_STEP_BACK_MS_MAX, TIME_STEP_FORWARD_MS_MAX } from "../limits.ts";

const TICKS_PER_MS = 90;
const INTERVAL_90K: number = 100 * TICKS_PER_MS;
const BACK_90K_MAX: number = TIME_STEP_BACK_MS_MAX * TICKS_PER_MS;
const FORWARD_90K_MAX: number = TIME_STEP_FORWARD_MS_MAX * TICKS_PER_MS;

/** **Units**: 90 kHz without wrap. **Memory**: allocates nothing after construction. */
export class ProgramClock {
  /** What was told last; NaN before the first. */
  #last90k = Number.NaN;
  /** The place from which the sound drives the clock, and the sound's time there. */
  #base90k = Number.NaN;
  #soundBase90k = Number.NaN;
  #sound90k = Number.NaN;
  /** How far the sound is taken back, so that it does not bring the clock past a picture that comes later. */
  #lead90k = 0;
  /** The sound's time when the clock was told last, and whether it has gone on too far since. */
  #told90k = Number.NaN;
  #isOverdue = false;
  /** Where the sound has brought it since the last picture; NaN where it has not. */
  #driven90k = Number.NaN;

  /** Another time line begins. How much the sound leads is the publisher's, and stays. */
  restart(): void {
    this.#last90k = Number.NaN;
    this.#base90k = Number.NaN;
    this.#sound90k = Number.NaN;
    this.#driven90k = Number.NaN;
  }

  /**
   * The track that carries the clock goes on at this time; `isBreak`: on another time line.
   *
   * Follow it with {@link step} until nothing is due, then with {@link carry}.
   * @returns whether the clock makes a step there, which its packet has to say.
   */
  approach(dts90k: number, isBreak: boolean): boolean {
    const behind90k = this.#last90k - dts90k;
    if (behind90k > 0 && this.#driven90k > dts90k && !isBreak) {
      this.#lead90k += this.#driven90k - dts90k;
    }
    this.#driven90k = Number.NaN;
    this.#isOverdue = false;
    const isStep = isBreak || behind90k > BACK_90K_MAX || behind90k < -FORWARD_90K_MAX;
    if (isStep) {
      this.restart();
    }
    if (Number.isNaN(this.#last90k)) {
      this.#last90k = dts90k;
    }
    return isStep;
  }

  /** @returns whether the packet of {@link approach} has a PCR, its own time: not while the clock is ahead of it. */
  carry(dts90k: number): boolean {
    this.#base90k = dts90k;
    this.#soundBase90k = this.#sound90k;
    if (dts90k < this.#last90k) {
      return false;
    }
    this.#last90k = dts90k;
    this.#told90k = this.#sound90k;
    return true;
  }

  /**
   * Sound of this time, beside pictures that carry the clock. @returns until when to {@link step}.
   */
  heed(dts90k: number): number {
    // True also where no sound was heard before.
    if (!(dts90k - this.#sound90k <= FORWARD_90K_MAX)) {
      this.#soundBase90k = dts90k;
      // Before any picture: the first ones may be a little earlier.
      this.#base90k = Number.isNaN(this.#last90k) ? dts90k - INTERVAL_90K : this.#last90k;
    }
    this.#sound90k = dts90k;
    const onward90k = this.#base90k + dts90k - this.#soundBase90k;
    this.#driven90k = Math.min(dts90k, onward90k) - this.#lead90k;
    // What is taken back makes the clock slow, not silent.
    this.#isOverdue = this.#lead90k > 0 && dts90k - this.#told90k > INTERVAL_90K;
    return this.#driven90k;
  }

  /** @returns the next PCR on the way to `until90k` that needs a packet of its own; NaN where none does. */
  step(until90k: number): number {
    const due90k = until90k - this.#last90k;
    if (due90k <= INTERVAL_90K && !(this.#isOverdue && due90k > 0)) {
      return Number.NaN;
    }
    this.#isOverdue = false;
    this.#told90k = this.#sound90k;
    this.#last90k = due90k > INTERVAL_90K ? this.#last90k + INTERVAL_90K : until90k;
    return this.#last90k;
  }
}
