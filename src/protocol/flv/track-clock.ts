/**
 * Timestamps of 32 bits as one running time, for each of two tracks, with a judgement of each step.
 */
import { TIME_STEP_BACK_MS_MAX, TIME_STEP_FORWARD_MS_MAX } from "../limits.ts";

/** One track's place on the time line. */
interface Place {
  /** Timestamp as sent, or -1 before the first. */
  sent: number;
  /** The same without wrap. */
  time: number;
  /** What was given out: never back. */
  given: number;
  /** The next frame of this track is expected at a new place: the other track has jumped. */
  isLoose: boolean;
}

/** **Units**: milliseconds. Allocates nothing after construction. */
export class TrackClock {
  readonly #video: Place = { sent: -1, time: 0, given: 0, isLoose: true };
  readonly #audio: Place = { sent: -1, time: 0, given: 0, isLoose: true };
  #isDiscontinuity = false;

  /** Whether the last {@link advance} was a step back or forward that no player should wait for. */
  get isDiscontinuity(): boolean {
    return this.#isDiscontinuity;
  }

  /** The last timestamp of this track without wrap and without levelling. */
  lastTime(isVideo: boolean): number {
    return (isVideo ? this.#video : this.#audio).time;
  }

  /**
   * Take a message's timestamp.
   *
   * **Shape**: 32 bits, any sign. A small step back is levelled: the same time is given again.
   * @returns the running time to decode at.
   */
  advance(timestamp: number, isVideo: boolean): number {
    const own = isVideo ? this.#video : this.#audio;
    const other = isVideo ? this.#audio : this.#video;
    const sent = timestamp >>> 0;
    const reference = own.sent >= 0 ? own : other;
    // Without any reference the first timestamp stands as sent.
    own.time = reference.sent >= 0 ? reference.time + ((sent - reference.sent) | 0) : sent;
    own.sent = sent;
    const step = own.time - own.given;
    const isOneLine = step <= TIME_STEP_FORWARD_MS_MAX && step >= -TIME_STEP_BACK_MS_MAX;
    this.#isDiscontinuity = !(own.isLoose || isOneLine);
    if (this.#isDiscontinuity) {
      other.isLoose = true;
    }
    const isNewPlace = own.isLoose || !isOneLine;
    own.isLoose = false;
    own.given = isNewPlace ? own.time : Math.max(own.time, own.given);
    return own.given;
  }
}
