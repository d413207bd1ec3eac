/** Whether a player got every frame, in order, from a keyframe on, and how late. */
import { nowUs } from "../native/clock.ts";
import type { Tally } from "./tally.ts";

export class FrameCheck {
  readonly #tally: Tally;
  /** When the arrival was due, not when it was begun: a late generator must not flatter the server. */
  readonly #arrivalUs: number;
  #videoPublish: number = -1;
  #audioPublish: number = -1;
  #nextVideo: number = -1;
  #nextAudio: number = -1;
  #lastUs: number = 0;
  /** When the newest frame that came was due, and the one before it. */
  #stampUs: number = 0;
  #intervalUs: number = 0;

  constructor(tally: Tally, arrivalUs: number) {
    this.#tally = tally;
    this.#arrivalUs = arrivalUs;
  }

  /** It has seen a keyframe. */
  get isLive(): boolean {
    return this.#lastUs > 0;
  }

  /** A video frame: `publish` changes when the stream is published anew. */
  video(isKey: boolean, publish: number, sequence: number, stampUs: number): void {
    const { counts } = this.#tally;
    const timeUs = nowUs();
    if (publish !== this.#videoPublish) {
      if (!isKey) {
        counts.beforeKeyframe++;
        return;
      }
      this.#begin(publish, timeUs);
    } else {
      this.#check(this.#nextVideo, sequence);
      this.#intervalUs = stampUs - this.#stampUs;
    }
    this.#nextVideo = sequence + 1;
    this.#lastUs = timeUs;
    this.#stampUs = stampUs;
    counts.videoFrames++;
    this.#tally.latency(timeUs - stampUs);
  }

  audio(publish: number, sequence: number): void {
    if (publish === this.#audioPublish) {
      this.#check(this.#nextAudio, sequence);
    }
    this.#audioPublish = publish;
    this.#nextAudio = sequence + 1;
  }

  /** Count what has not come by now. */
  overdue(timeUs: number): void {
    if (this.#intervalUs > 0) {
      const ageUs = timeUs - this.#stampUs - this.#intervalUs;
      this.#tally.overdue(ageUs, this.#intervalUs);
    }
  }

  #begin(publish: number, timeUs: number): void {
    if (this.#lastUs === 0) {
      this.#tally.join(timeUs - this.#arrivalUs);
    } else {
      this.#tally.resume(timeUs - this.#lastUs);
    }
    this.#videoPublish = publish;
    this.#intervalUs = 0;
  }

  #check(expected: number, sequence: number): void {
    if (sequence > expected) {
      this.#tally.counts.gaps += sequence - expected;
    } else if (sequence < expected) {
      this.#tally.counts.disorder++;
    }
  }
}
