/**
 * How far a publisher's media is ahead of the clock, and whether it has to wait for the reader that keeps all of it.
 *
 * Who plays in real time is never ahead, also after it was held up: what was missing then is made up for first. A file
 * that is sent as fast as it can be read is, and there is no hurry: where the packager cannot follow, reading pauses, and
 * nothing of the file is missing from its segments. A packager that does not move is waited for once, not for long.
 */
import type { RingWriter } from "../../protocol/ring/ring-writer.ts";

/** Less is the rhythm of an encoder or a network. Milliseconds. */
const LEAD_MS_MIN = 100;
/** What was held back for longer than this is not made up for any more; nor is a step of the time that is larger. */
const STEP_MS_MAX = 10_000;
/** What a publisher had sent at once when it began is forgotten slowly. */
const FADE = 1.05;
/** A packager that has taken nothing for so long is not waited for. */
const STILL_MS_MAX = 3000;

/** One publish. **Units**: milliseconds. */
export class MediaLead {
  #leadMs = 0;
  #mediaMs = 0;
  #nowMs = Number.NaN;
  /** Where the reader stood when it was last seen to move; -1: it was not waited for. */
  #keeperFrame = -1;
  #stillSinceMs = 0;

  /**
   * After each read, and while one waits.
   * @param writer what was read is in there
   * @returns whether nothing more should be read for now
   */
  mustWait(writer: RingWriter, nowMs: number): boolean {
    if (writer.keeperFrame < 0) {
      return false;
    }
    this.#measure(writer.newestTimestamp, nowMs);
    if (this.#leadMs < LEAD_MS_MIN || !writer.isKeeperBehind) {
      this.#keeperFrame = -1;
      return false;
    }
    const frame = writer.keeperFrame;
    if (frame !== this.#keeperFrame) {
      this.#keeperFrame = frame;
      this.#stillSinceMs = nowMs;
    }
    return nowMs - this.#stillSinceMs < STILL_MS_MAX;
  }

  #measure(mediaMs: number, nowMs: number): void {
    const stepMs = mediaMs - this.#mediaMs;
    const isStep = Math.abs(stepMs) > STEP_MS_MAX;
    const cameMs = isStep ? 0 : Math.max(0, stepMs);
    const sinceMs = Number.isNaN(this.#nowMs) ? 0 : nowMs - this.#nowMs;
    const passedMs = sinceMs * (this.#leadMs > 0 ? FADE : 1);
    // Tracks are a little apart, and metadata has times of its own.
    this.#mediaMs = isStep ? mediaMs : this.#mediaMs + cameMs;
    this.#nowMs = nowMs;
    this.#leadMs = Math.max(-STEP_MS_MAX, this.#leadMs + cameMs - passedMs);
  }
}
