/** One player: what arrived, in which order, how late. */

import { readSequence, readTimeUs } from "../media/stamp.ts";
import { AUDIO_STAMP_OFFSET, VIDEO_STAMP_OFFSET } from "../media/synthetic-stream.ts";
import { nowUs } from "../native/clock.ts";
import type { Reactor } from "../native/reactor.ts";
import { Connection, type ConnectionOwner, type ConnectionTarget } from "./connection.ts";
import type { Tally } from "./tally.ts";

const TYPE_VIDEO = 9;
const KEYFRAME = 0x17;

export class Player implements ConnectionOwner {
  readonly #tally: Tally;
  /** When the arrival was due, not when it was begun: a late generator must not flatter the server. */
  readonly #arrivalUs: number;
  #nextVideo: number = -1;
  #nextAudio: number = -1;
  #isDamaged: boolean = false;

  constructor(
    reactor: Reactor,
    target: ConnectionTarget,
    about: { tally: Tally; arrivalUs: number },
  ) {
    this.#tally = about.tally;
    this.#arrivalUs = about.arrivalUs;
    // Kept by the reactor.
    new Connection(reactor, target, this);
  }

  /** Accepted; it counts as live with its first keyframe. */
  live(): void {}

  writable(): void {}

  lost(reason: string): void {
    this.#tally.lose(reason, this.#nextVideo >= 0);
  }

  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    if (bytes[offset + 1] !== 1) {
      return; // a sequence header
    }
    this.#tally.payloadBytes += sizeBytes;
    this.#tally.frames++;
    if (type === TYPE_VIDEO) {
      this.#video(bytes, offset);
    } else {
      const sequence = readSequence(bytes, offset + AUDIO_STAMP_OFFSET);
      this.#check(this.#nextAudio, sequence);
      this.#nextAudio = sequence + 1;
    }
  }

  #video(bytes: Uint8Array, offset: number): void {
    const sequence = readSequence(bytes, offset + VIDEO_STAMP_OFFSET);
    const timeUs = nowUs();
    if (this.#nextVideo < 0) {
      if (bytes[offset] !== KEYFRAME) {
        this.#tally.beforeKeyframe++;
        return;
      }
      this.#tally.join(timeUs - this.#arrivalUs);
    }
    this.#check(this.#nextVideo, sequence);
    this.#nextVideo = sequence + 1;
    this.#tally.latency(timeUs - readTimeUs(bytes, offset + VIDEO_STAMP_OFFSET));
  }

  #check(expected: number, sequence: number): void {
    if (sequence === expected || expected < 0) {
      return;
    }
    if (sequence > expected) {
      this.#tally.gaps += sequence - expected;
    } else {
      this.#tally.disorder++;
    }
    if (!this.#isDamaged) {
      this.#isDamaged = true;
      this.#tally.damaged++;
    }
  }
}
