/** One player of a stream of FLV bodies: what arrived, in which order, how late. */
import {
  AUDIO_STAMP_OFFSET,
  isHeaderBody,
  isKeyframeBody,
  stampOffsetOf,
} from "../media/codecs.ts";
import { MediaType } from "../media/packaging.ts";
import { readPublisher, readSequence, readTimeUs } from "../media/stamp.ts";
import { nowUs } from "../native/clock.ts";
import type { Reactor } from "../native/reactor.ts";
import { FrameCheck } from "./frame-check.ts";
import type { MediaClient, MediaSink, MediaTarget } from "./media-client.ts";
import { openPlayer } from "./open-player.ts";
import { RtmpClient } from "./rtmp-client.ts";
import type { Tally } from "./tally.ts";

/** Media that comes sooner after other media belongs to the same send. */
const BURST_GAP_US = 5000;
const PING_TIME_MAX = 2 ** 31;
const TURNS_PER_SECOND = 10;

/** What a player does beyond playing. */
export interface PlayerHabits {
  readonly pingEveryMs: number;
  readonly readBytesPerSecond: number;
}

export class Player implements MediaSink {
  readonly #tally: Tally;
  readonly #check: FrameCheck;
  readonly #client: MediaClient;
  readonly #habits: PlayerHabits;
  #arrivedUs: number = 0;
  #pingDueUs: number = 0;
  #mayRead: number = 0;
  #isHeld: boolean = false;
  #isLost: boolean = false;

  constructor(
    reactor: Reactor,
    target: MediaTarget,
    about: { tally: Tally; arrivalUs: number; habits: PlayerHabits },
  ) {
    this.#tally = about.tally;
    this.#habits = about.habits;
    this.#check = new FrameCheck(about.tally, about.arrivalUs);
    this.#client = openPlayer(reactor, target, this);
  }

  /** Accepted; it counts as live with its first keyframe. */
  live(): void {}

  writable(): void {}

  lost(reason: string): void {
    this.#isLost = true;
    this.#tally.lose(reason, this.#check.isLive);
  }

  arrived(): void {
    const timeUs = nowUs();
    if (timeUs - this.#arrivedUs > BURST_GAP_US) {
      this.#tally.counts.bursts++;
    }
    this.#arrivedUs = timeUs;
  }

  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    const first = bytes[offset] ?? 0;
    const isVideo = type === MediaType.Video;
    if (isHeaderBody(isVideo, first, bytes[offset + 1] ?? 0)) {
      return;
    }
    const { counts } = this.#tally;
    counts.payloadBytes += sizeBytes;
    counts.frames++;
    if (isVideo) {
      const at = offset + stampOffsetOf(first);
      const isKey = isKeyframeBody(first);
      const sequence = readSequence(bytes, at);
      this.#check.video(isKey, readPublisher(bytes, at), sequence, readTimeUs(bytes, at));
    } else {
      const at = offset + AUDIO_STAMP_OFFSET;
      this.#check.audio(readPublisher(bytes, at), readSequence(bytes, at));
    }
  }

  pong(time: number): void {
    const now = Math.floor(nowUs()) % PING_TIME_MAX;
    this.#tally.pong((now - time + PING_TIME_MAX) % PING_TIME_MAX);
  }

  /** Ping when due; the time sent is when it was due. @returns when the next one is. */
  pingWhenDue(timeUs: number): number {
    const everyUs = this.#habits.pingEveryMs * 1000;
    if (everyUs === 0 || this.#isLost) {
      return Number.POSITIVE_INFINITY;
    }
    if (this.#pingDueUs === 0) {
      // Not all at the same time.
      this.#pingDueUs = timeUs + everyUs * ((this.#client.socket.fd % 16) / 16);
    }
    if (this.#pingDueUs <= timeUs) {
      if (this.#client instanceof RtmpClient && this.#check.isLive) {
        this.#client.ping(Math.floor(this.#pingDueUs) % PING_TIME_MAX);
      }
      this.#pingDueUs += everyUs;
    }
    return this.#pingDueUs;
  }

  /** A tenth of a second's turn of a player that reads slowly. */
  readSlowly(): void {
    const { readBytesPerSecond } = this.#habits;
    if (readBytesPerSecond < 0 || this.#isLost || !this.#check.isLive) {
      return;
    }
    if (!this.#isHeld) {
      this.#isHeld = true;
      this.#client.socket.holdReading(true);
    }
    const share = readBytesPerSecond / TURNS_PER_SECOND;
    this.#mayRead = Math.min(this.#mayRead + share, readBytesPerSecond);
    if (this.#mayRead >= 1) {
      this.#mayRead -= this.#client.socket.receive(Math.floor(this.#mayRead));
    }
  }

  /** Count what has not come by now. */
  overdue(timeUs: number): void {
    if (!this.#isLost && !this.#isHeld) {
      this.#check.overdue(timeUs);
    }
  }
}
