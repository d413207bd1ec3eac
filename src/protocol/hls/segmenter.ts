/**
 * Where one HLS segment (or LL-HLS part) ends and the next begins.
 *
 * Decides only: it holds no media. Asked before each frame is muxed, it says whether the frame begins something new.
 */
import type { ElementaryFrame } from "../flv/elementary-frame.ts";
import { SEGMENT_BYTES_MAX, SEGMENT_PARTS_MAX } from "../limits.ts";

/** What a frame begins. */
export const Cut = {
  /** Nothing: it belongs to the current part. */
  None: 0,
  /** A part of the same segment. */
  Part: 1,
  /** A segment. */
  Segment: 2,
  /** A segment on a new time line. */
  Discontinuity: 3,
} as const;
export type Cut = (typeof Cut)[keyof typeof Cut];

/** SRS's directives, in milliseconds. */
export interface SegmenterOptions {
  /** `hls_fragment`: a segment ends at the first keyframe after so much. */
  readonly fragmentMs: number;
  /** `hls_aof_ratio`: without video, and where no keyframe comes, a segment ends at this multiple. SRS: 2.1. */
  readonly aofRatio?: number;
  /** `hls_wait_keyframe`: only a keyframe begins a segment. SRS: on. */
  readonly waitKeyframe?: boolean;
  /** Longest part of LL-HLS; 0 for none. */
  readonly partTargetMs?: number;
}

/** What a decision needs beside the frame. */
export interface SegmentState {
  /** Whether the segments carry video. */
  readonly hasVideo: boolean;
  /** When the frame arrived, by a monotonic clock: a stream whose time stands still must not fill a segment for ever. */
  readonly arrivalMs: number;
  /** Bytes in the current segment. */
  readonly bytes: number;
}

/** A segment shorter than this does not end, but at a discontinuity (SRS: twice its shortest segment). */
const SEGMENT_MS_MIN = 200;
/** A segment is open for at most so many fragments of the wall clock, and not less than a second. */
const WALL_RATIO_MAX = 3;
const WALL_MS_MIN = 1000;
/** Video that pauses longer than this does not hold up the ends of segments: audio makes them. */
const VIDEO_PAUSE_MS = 1000;
/** Audio may be so far ahead of the video, in the order of a publisher's messages, before it counts for a part. */
const AUDIO_LEAD_MS = 100;

/**
 * One track's frames in the current segment. Lengths are differences within one track: two tracks need not have the
 * same base of time.
 */
class Span {
  /** Where the segment begins by this track's times; NaN while it has no frame in it. */
  startMs = Number.NaN;
  /** Last frame, of this segment or the one before. */
  lastMs = Number.NaN;
  /** Distance from the frame before; what the last frame of a time line lasts. */
  stepMs = 0;

  get isHere(): boolean {
    return !Number.isNaN(this.startMs);
  }

  /** Position in the segment of its last frame. */
  get lastPositionMs(): number {
    return this.isHere ? this.lastMs - this.startMs : 0;
  }

  /** Position where its last frame ends. */
  get endPositionMs(): number {
    return this.isHere ? this.lastPositionMs + this.stepMs : 0;
  }

  /** @param positionMs where the segment stands, for its first frame there. */
  add(dtsMs: number, positionMs: number): void {
    this.stepMs = this.step(dtsMs);
    this.lastMs = dtsMs;
    this.startMs = this.isHere ? this.startMs : dtsMs - positionMs;
  }

  /** Distance of the next frame from the last one. */
  step(dtsMs: number): number {
    return Number.isNaN(this.lastMs) ? this.stepMs : Math.max(0, dtsMs - this.lastMs);
  }
}

/** **Units**: milliseconds of the elementary frames. Allocates nothing after construction. */
export class Segmenter {
  /** Added to the fragment: with `hls_ts_floor` what keeps segments in step with the wall clock. */
  deviationMs = 0;
  readonly #options: Required<SegmenterOptions>;
  readonly #video = new Span();
  readonly #audio = new Span();
  #startMs = Number.NaN;
  #startArrivalMs = 0;
  #parts = 0;
  /** Position in the segment of the current part. */
  #partStartMs = 0;

  constructor(options: SegmenterOptions) {
    const { fragmentMs, aofRatio = 2.1, waitKeyframe = true, partTargetMs = 0 } = options;
    this.#options = { fragmentMs, aofRatio, waitKeyframe, partTargetMs };
  }

  /** Decoding time of the current segment's first frame, NaN without one. */
  get startMs(): number {
    return this.#startMs;
  }

  /** What this frame begins. Changes nothing; follow it with {@link begin} where it cuts, and then {@link add}. */
  decide(frame: ElementaryFrame, state: SegmentState): Cut {
    if (frame.isDiscontinuity) {
      return Cut.Discontinuity;
    }
    if (Number.isNaN(this.#startMs)) {
      return Cut.Segment;
    }
    if (this.#isSegmentEnd(frame, state)) {
      return Cut.Segment;
    }
    return this.#isPartEnd(frame) ? Cut.Part : Cut.None;
  }

  /**
   * Length of the current segment when `next` begins another one; null: where its last frames end.
   *
   * The track of the next frame counts, or the video; but where it has paused and the other went on, the other.
   */
  segmentMs(next: ElementaryFrame | null): number {
    const isVideo = next?.isVideo ?? this.#video.isHere;
    const lead = isVideo ? this.#video : this.#audio;
    const other = isVideo ? this.#audio : this.#video;
    const leadMs = next === null ? lead.endPositionMs : this.#positionOf(next);
    const otherMs = other.endPositionMs;
    return Math.max(0, otherMs - leadMs > VIDEO_PAUSE_MS ? otherMs : leadMs);
  }

  /**
   * The same for the current part.
   *
   * The lengths of a segment's parts are steps of one clock, the video's, or the audio's where the video does not go on.
   * So they add up, and none is longer than the target but where no track has a frame for that long.
   */
  partMs(next: ElementaryFrame | null): number {
    const { partTargetMs } = this.#options;
    const lengthMs = this.#position(next) - this.#partStartMs;
    if (partTargetMs === 0 || !this.#audio.isHere || lengthMs > partTargetMs + AUDIO_LEAD_MS) {
      return lengthMs;
    }
    // Where the video has come back, what it is ahead of the audio that counted belongs to the next part.
    return Math.min(lengthMs, partTargetMs);
  }

  /** The next frame begins a segment, whatever it is: the current one has been ended. */
  reset(): void {
    this.#startMs = Number.NaN;
    this.#video.lastMs = Number.NaN;
    this.#audio.lastMs = Number.NaN;
  }

  /** This frame begins what {@link decide} said. */
  begin(frame: ElementaryFrame, cut: Cut, arrivalMs: number): void {
    if (cut === Cut.None) {
      return;
    }
    this.#parts += 1;
    if (cut === Cut.Part) {
      this.#partStartMs += this.partMs(frame);
      return;
    }
    this.#parts = 1;
    this.#partStartMs = 0;
    this.#startMs = frame.dtsMs;
    this.#startArrivalMs = arrivalMs;
    this.#video.startMs = Number.NaN;
    this.#audio.startMs = Number.NaN;
    if (cut === Cut.Discontinuity) {
      this.#video.lastMs = Number.NaN;
      this.#audio.lastMs = Number.NaN;
    }
  }

  /** This frame is in the current part. */
  add(frame: ElementaryFrame): void {
    this.#spanOf(frame).add(frame.dtsMs, this.#positionOf(frame));
  }

  #spanOf({ isVideo }: ElementaryFrame): Span {
    return isVideo ? this.#video : this.#audio;
  }

  /** Position of this frame by its own track; a track that comes later begins where the other one stands. */
  #positionOf(frame: ElementaryFrame): number {
    const span = this.#spanOf(frame);
    const other = frame.isVideo ? this.#audio : this.#video;
    return span.isHere ? frame.dtsMs - span.startMs : other.lastPositionMs;
  }

  /** Where the segment stands when `next` comes; null: where its last frames end. Never goes back. */
  #position(next: ElementaryFrame | null): number {
    const leadMs = this.#video.isHere || next?.isVideo === true ? AUDIO_LEAD_MS : 0;
    return Math.max(
      this.#partStartMs,
      this.#spanPosition(this.#video, next),
      this.#spanPosition(this.#audio, next) - leadMs,
    );
  }

  #spanPosition(span: Span, next: ElementaryFrame | null): number {
    if (next === null) {
      return span.endPositionMs;
    }
    return this.#spanOf(next) === span ? this.#positionOf(next) : span.lastPositionMs;
  }

  #isSegmentEnd(frame: ElementaryFrame, state: SegmentState): boolean {
    const { fragmentMs, aofRatio, waitKeyframe } = this.#options;
    const lengthMs = this.segmentMs(frame);
    if (state.bytes >= SEGMENT_BYTES_MAX || this.#parts > SEGMENT_PARTS_MAX) {
      return true;
    }
    const wallMs = Math.max(WALL_MS_MIN, fragmentMs * WALL_RATIO_MAX);
    if (state.arrivalMs - this.#startArrivalMs >= wallMs) {
      return this.#leads(frame, state.hasVideo);
    }
    if (lengthMs < SEGMENT_MS_MIN || !this.#leads(frame, state.hasVideo)) {
      return false;
    }
    const mayEnd = frame.isVideo && (frame.isKeyframe || !waitKeyframe);
    const ratio = mayEnd ? 1 : aofRatio;
    return lengthMs >= fragmentMs * ratio + this.deviationMs;
  }

  /** Whether segments end at this frame's track: the video's while it goes on, else the audio's. */
  #leads(frame: ElementaryFrame, hasVideo: boolean): boolean {
    if (frame.isVideo || !hasVideo) {
      return true;
    }
    return frame.dtsMs - this.#audio.startMs - this.#video.lastPositionMs > VIDEO_PAUSE_MS;
  }

  #isPartEnd(frame: ElementaryFrame): boolean {
    const { partTargetMs } = this.#options;
    if (partTargetMs === 0 || this.partMs(frame) <= 0) {
      return false;
    }
    const leadMs = !frame.isVideo && this.#video.isHere ? AUDIO_LEAD_MS : 0;
    const endMs = this.#positionOf(frame) - leadMs + this.#spanOf(frame).step(frame.dtsMs);
    // With this frame the part would be longer than announced.
    return endMs - this.#partStartMs > partTargetMs;
  }
}
