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
/** Video that pauses longer than this does not hold up cuts: audio makes them. */
const VIDEO_PAUSE_MS = 1000;

/** One track's last frame. */
interface Last {
  dtsMs: number;
  /** Distance from the frame before; what the last frame of a time line lasts. */
  stepMs: number;
}

/** **Units**: milliseconds of the elementary frames. Allocates nothing after construction. */
export class Segmenter {
  /** Added to the fragment: with `hls_ts_floor` what keeps segments in step with the wall clock. */
  deviationMs = 0;
  readonly #options: Required<SegmenterOptions>;
  readonly #video: Last = { dtsMs: Number.NaN, stepMs: 0 };
  readonly #audio: Last = { dtsMs: Number.NaN, stepMs: 0 };
  #startMs = Number.NaN;
  #partStartMs = Number.NaN;
  #startArrivalMs = 0;
  #parts = 0;

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
    return this.#isPartEnd(frame, state.hasVideo) ? Cut.Part : Cut.None;
  }

  /** Length of the current segment when a frame at `endMs` begins the next; NaN: where its last frame ends. */
  segmentMs(endMs: number): number {
    return Math.max(0, this.#endOr(endMs) - this.#startMs);
  }

  /** The same for the current part. */
  partMs(endMs: number): number {
    return Math.max(0, this.#endOr(endMs) - this.#partStartMs);
  }

  /** The next frame begins a segment, whatever it is: the current one has been ended. */
  reset(): void {
    this.#startMs = Number.NaN;
    this.#video.dtsMs = Number.NaN;
    this.#audio.dtsMs = Number.NaN;
  }

  /** This frame begins what {@link decide} said. */
  begin(frame: ElementaryFrame, cut: Cut, arrivalMs: number): void {
    if (cut === Cut.None) {
      return;
    }
    this.#partStartMs = frame.dtsMs;
    this.#parts += 1;
    if (cut === Cut.Part) {
      return;
    }
    this.#parts = 1;
    this.#startMs = frame.dtsMs;
    this.#startArrivalMs = arrivalMs;
    if (cut === Cut.Discontinuity) {
      this.#video.dtsMs = Number.NaN;
      this.#audio.dtsMs = Number.NaN;
    }
  }

  /** This frame is in the current part. */
  add(frame: ElementaryFrame): void {
    const last = frame.isVideo ? this.#video : this.#audio;
    if (!Number.isNaN(last.dtsMs)) {
      last.stepMs = Math.max(0, frame.dtsMs - last.dtsMs);
    }
    last.dtsMs = frame.dtsMs;
  }

  #endOr(endMs: number): number {
    if (!Number.isNaN(endMs)) {
      return endMs;
    }
    const videoEnd = this.#video.dtsMs + this.#video.stepMs;
    const audioEnd = this.#audio.dtsMs + this.#audio.stepMs;
    if (Number.isNaN(videoEnd)) {
      return Number.isNaN(audioEnd) ? this.#startMs : audioEnd;
    }
    // The video's end, as everywhere else; but not where it has stopped and sound went on.
    return audioEnd - videoEnd > VIDEO_PAUSE_MS ? audioEnd : videoEnd;
  }

  #isSegmentEnd(frame: ElementaryFrame, state: SegmentState): boolean {
    const { fragmentMs, aofRatio, waitKeyframe } = this.#options;
    const lengthMs = frame.dtsMs - this.#startMs;
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

  /** Whether cuts are made at this frame's track: the video's while it goes on, else the audio's. */
  #leads(frame: ElementaryFrame, hasVideo: boolean): boolean {
    if (frame.isVideo || !hasVideo) {
      return true;
    }
    const sinceVideoMs = frame.dtsMs - this.#video.dtsMs;
    return Number.isNaN(sinceVideoMs)
      ? frame.dtsMs - this.#startMs > VIDEO_PAUSE_MS
      : sinceVideoMs > VIDEO_PAUSE_MS;
  }

  #isPartEnd(frame: ElementaryFrame, hasVideo: boolean): boolean {
    const { partTargetMs } = this.#options;
    const lengthMs = frame.dtsMs - this.#partStartMs;
    if (partTargetMs === 0 || lengthMs <= 0 || !this.#leads(frame, hasVideo)) {
      return false;
    }
    const last = frame.isVideo ? this.#video : this.#audio;
    const stepMs = Number.isNaN(last.dtsMs) ? 0 : frame.dtsMs - last.dtsMs;
    // With this frame the part would be longer than announced.
    return lengthMs + stepMs > partTargetMs;
  }
}
