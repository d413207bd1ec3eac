/**
 * Timestamps corrected once, at ingest, so that all players of a stream share one time line.
 *
 * Each track is unwrapped from 32 bits on its own; the tracks share an offset from input to output as long as both
 * agree with it. A jump on one track first tries the other track's offset (it jumped a moment ago) and only then finds
 * its own, so audio and video stay in step through encoder restarts and clock changes.
 */
import type { TimelineEnd } from "../../protocol/control/calls.ts";

/** A step back by more than this is a jump; smaller ones are clamped. */
const JUMP_BACK_MS = 250;
/** A step ahead by more than this is a jump: silence of that length ends a publish anyway. */
const JUMP_AHEAD_MS = 10_000;
/** Step over a jump or a change of publisher where the track's own step is not known. */
const STEP_DEFAULT_MS = 10;
const STEP_MAX_MS = 100;
const WRAP = 2 ** 32;
const NOWHERE: TimelineEnd = { audio: -1, video: -1 };

/** `full` corrects jumps and starts at 0, `zero` only starts at 0, `off` passes the publisher's own (also for ATC). */
export type JitterMode = "full" | "zero" | "off";

/** Index of a track. */
export const Track = { Audio: 0, Video: 1 } as const;

interface TrackState {
  /** Last input, unwrapped; NaN before the first. */
  input: number;
  /** Output minus input; NaN before the first. */
  offset: number;
  /** Last output, unwrapped; -1 before the first. */
  output: number;
  /** Last usual step. */
  step: number;
}

function newTrack(): TrackState {
  return { input: Number.NaN, offset: Number.NaN, output: -1, step: STEP_DEFAULT_MS };
}

/** The time line of one live stream; goes on from `previous` when a publisher returns. Milliseconds. */
export class Timeline {
  readonly #mode: JitterMode;
  readonly #previous: TimelineEnd;
  readonly #tracks: readonly [TrackState, TrackState] = [newTrack(), newTrack()];
  /** Output of the first message, after any earlier publisher's last. */
  readonly #origin: number;
  /** Jumps corrected so far. */
  jumps = 0;

  constructor(mode: JitterMode, previous: TimelineEnd | null) {
    this.#mode = mode;
    this.#previous = previous ?? NOWHERE;
    const last = previous === null ? -1 : Math.max(previous.audio, previous.video);
    this.#origin = last < 0 ? 0 : last + STEP_DEFAULT_MS;
  }

  /**
   * The output timestamp of a message of `track` (see {@link Track}).
   *
   * @param timestamp Milliseconds modulo 2^32, as received.
   * @returns Milliseconds modulo 2^32.
   */
  correct(track: number, timestamp: number): number {
    const own = this.#tracks[track === Track.Audio ? 0 : 1];
    const other = this.#tracks[track === Track.Audio ? 1 : 0];
    const isFirst = Number.isNaN(own.input);
    const step = isFirst ? 0 : (timestamp - (own.input % WRAP)) | 0;
    // Unwrapped inputs may go below zero after a step back; keep them congruent and positive.
    const input = isFirst ? timestamp + WRAP : own.input + step;
    own.input = input;
    if (this.#mode === "off") {
      own.output = timestamp;
      return timestamp;
    }
    if (isFirst) {
      this.#start(own, other);
    } else if (this.#mode === "full") {
      this.#follow(own, other, step);
    }
    const output = Math.max(input + own.offset, own.output, 0);
    own.output = output;
    return output % WRAP;
  }

  /** Output timestamp for a message of no track (metadata, headers): the latest of both. */
  now(): number {
    return this.#latest() % WRAP;
  }

  /** Output timestamp for a header of `track`: the track's latest. */
  trackNow(track: number): number {
    const own = this.#tracks[track === Track.Audio ? 0 : 1];
    return (own.output < 0 ? this.#latest() : own.output) % WRAP;
  }

  /** Where the time line stands, for the next publisher. */
  end(): TimelineEnd {
    const [audio, video] = this.#tracks;
    // A track that saw nothing stands where the publisher before left it.
    return {
      audio: audio.output < 0 ? this.#previous.audio : audio.output,
      video: video.output < 0 ? this.#previous.video : video.output,
    };
  }

  #latest(): number {
    const latest = Math.max(this.#tracks[0].output, this.#tracks[1].output);
    return latest < 0 ? this.#origin : latest;
  }

  #start(own: TrackState, other: TrackState): void {
    if (Number.isNaN(other.offset)) {
      own.offset = this.#origin - own.input;
      return;
    }
    const shared = own.input + other.offset;
    const distance = shared - other.output;
    const agrees = this.#mode === "zero" || Math.abs(distance) <= JUMP_AHEAD_MS;
    own.offset = agrees ? other.offset : other.output - own.input;
  }

  #follow(own: TrackState, other: TrackState, step: number): void {
    if (step >= -JUMP_BACK_MS && step <= JUMP_AHEAD_MS) {
      if (step > 0 && step <= STEP_MAX_MS) {
        own.step = step;
      }
      return;
    }
    this.jumps += 1;
    const withOther = own.input + other.offset;
    const distance = withOther - own.output;
    if (!Number.isNaN(distance) && distance >= -JUMP_BACK_MS && distance <= JUMP_AHEAD_MS) {
      own.offset = other.offset;
      return;
    }
    own.offset = Math.max(own.output, other.output - STEP_MAX_MS) + own.step - own.input;
  }
}
