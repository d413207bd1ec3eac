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

/** `full` corrects jumps and starts at 0, `zero` starts at 0 and then jumps as the encoder does, `off` passes the publisher's own (also for ATC). */
export type JitterMode = "full" | "zero" | "off";

/** Index of a track. */
export const Track = { Audio: 0, Video: 1 } as const;

/** Small whole numbers all of them, which V8 keeps in the object itself: a NaN would move a field out of it for good. */
interface TrackState {
  /** There was an input. */
  hasInput: boolean;
  /** Last input, unwrapped. */
  input: number;
  /** Output minus input. */
  offset: number;
  /** Last output, unwrapped; -1 before the first. */
  output: number;
  /** No output lies before this: an earlier publisher's last. */
  readonly floor: number;
  /** Last usual step. */
  step: number;
}

function newTrack(floor: number): TrackState {
  return { hasInput: false, input: 0, offset: 0, output: -1, floor, step: STEP_DEFAULT_MS };
}

/** The later of two timestamps modulo 2^32, -1 standing for none. */
function laterOf(a: number, b: number): number {
  if (a < 0 || b < 0) {
    return Math.max(a, b);
  }
  return ((a - b) | 0) >= 0 ? a : b;
}

/** The time line of one live stream; goes on from `previous` when a publisher returns. Milliseconds. */
export class Timeline {
  #mode: JitterMode;
  readonly #tracks: readonly [TrackState, TrackState];
  /** Output of the first message, after any earlier publisher's last. */
  readonly #origin: number;
  /** Where the publisher before left each track. */
  readonly #previous: TimelineEnd;
  /** Jumps corrected so far. */
  jumps = 0;

  constructor(mode: JitterMode, previous: TimelineEnd | null) {
    this.#mode = mode;
    this.#previous = previous ?? { audio: -1, video: -1 };
    const { audio, video } = this.#previous;
    const last = laterOf(audio, video);
    this.#origin = last < 0 ? 0 : last + STEP_DEFAULT_MS;
    const floorOf = (end: number): number => (end < 0 ? -1 : last - ((last - end) >>> 0));
    this.#tracks = [newTrack(floorOf(audio)), newTrack(floorOf(video))];
  }

  /** From now on the publisher's own times are passed: its clock is said to be absolute. */
  setAbsolute(): void {
    this.#mode = "off";
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
    const isFirst = !own.hasInput;
    const step = isFirst ? 0 : (timestamp - own.input) | 0;
    own.hasInput = true;
    own.input = isFirst ? timestamp : own.input + step;
    if (this.#mode === "off") {
      own.output = timestamp;
      return timestamp;
    }
    if (isFirst) {
      this.#start(own, other);
    } else if (this.#mode === "full") {
      this.#follow(own, other, step);
    }
    const least = this.#mode === "full" ? own.output : 0;
    const output = Math.max(own.input + own.offset, own.floor, least, 0);
    own.output = output;
    return output >>> 0;
  }

  /** Output timestamp for a message of no track (metadata, data): the latest of both. */
  now(): number {
    return this.#latest() % WRAP;
  }

  /**
   * Output timestamp for a header of `track`, which often comes with a time of its own kind: the track's latest.
   *
   * @param timestamp Milliseconds modulo 2^32, as received.
   */
  header(track: number, timestamp: number): number {
    if (this.#mode === "off") {
      return timestamp;
    }
    const own = this.#tracks[track === Track.Audio ? 0 : 1];
    return (own.output < 0 ? this.#latest() : own.output) % WRAP;
  }

  /** Where the time line stands, for the next publisher: a track that saw nothing is where the one before left it. */
  end(): TimelineEnd {
    const [audio, video] = this.#tracks;
    return {
      audio: audio.output < 0 ? this.#previous.audio : audio.output % WRAP,
      video: video.output < 0 ? this.#previous.video : video.output % WRAP,
    };
  }

  #latest(): number {
    // Passed as they came, the tracks need not cross 2^32 together.
    const latest = laterOf(this.#tracks[0].output, this.#tracks[1].output);
    return latest < 0 ? this.#origin : latest;
  }

  #start(own: TrackState, other: TrackState): void {
    if (!other.hasInput) {
      own.offset = this.#origin - own.input;
      return;
    }
    // Unwrapped on its own, this track may be a multiple of 2^32 away from the other.
    own.input = other.input + ((own.input - (other.input % WRAP)) | 0);
    const distance = own.input + other.offset - other.output;
    const isNear = Math.abs(distance) <= JUMP_AHEAD_MS;
    const isKept = isNear || (this.#mode === "zero" && distance > 0);
    own.offset = isKept ? other.offset : other.output - own.input;
  }

  #follow(own: TrackState, other: TrackState, step: number): void {
    // Small steps back may add up; then they are a jump as well.
    const fallen = own.output - own.input - own.offset;
    const isBack = step < -JUMP_BACK_MS || (step < 0 && fallen > JUMP_BACK_MS);
    if (!isBack && step <= JUMP_AHEAD_MS) {
      if (step > 0 && step <= STEP_MAX_MS) {
        own.step = step;
      }
      return;
    }
    this.jumps += 1;
    const withOther = own.input + other.offset;
    const distance = withOther - own.output;
    if (other.hasInput && distance >= -JUMP_BACK_MS && distance <= JUMP_AHEAD_MS) {
      own.offset = other.offset;
      return;
    }
    own.offset = Math.max(own.output, other.output - STEP_MAX_MS) + own.step - own.input;
  }
}
