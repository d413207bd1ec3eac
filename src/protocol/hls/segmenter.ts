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

/**
 * One track's frames in the current segment. Lengths are differences within one track: two tracks need not have the
 * same base of time.
 */
class Span {
  /** First frame in the segment and in the part; NaN without one. */
  startMs = Number.NaN;
  partStartMs = Number.NaN;
  /** Last frame, of this segment or the one before. */
  lastMs = Number.NaN;
  /** Distance from the frame before; what the last frame of a time line lasts. */
  stepMs = 0;

  add(dtsMs: number): void {
    if (!Number.isNaN(this.lastMs)) {
      this.stepMs = Math.max(0, dtsMs - this.lastMs);
    }
    this.lastMs = dtsMs;
    this.startMs = Number.isNaN(this.startMs) ? dtsMs : this.startMs;
    this.partStartMs = Number.isNaN(this.partStartMs) ? dtsMs : this.partStartMs;
  }

  /** Where it ends: at `endMs`, or where its last frame does. */
  end(endMs: number): number {
    return Number.isNaN(endMs) ? this.lastMs + this.stepMs : endMs;
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

  /** Length of the current segment when `next` begins another one; null: where its last frames end. */
  segmentMs(next: ElementaryFrame | null): number {
    return this.#length(next, "startMs");
  }

  /** The same for the current part. */
  partMs(next: ElementaryFrame | null): number {
    return this.#length(next, "partStartMs");
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
    this.#video.partStartMs = Number.NaN;
    this.#audio.partStartMs = Number.NaN;
    if (cut === Cut.Part) {
      return;
    }
    this.#parts = 1;
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
    (frame.isVideo ? this.#video : this.#audio).add(frame.dtsMs);
  }

  /** The track of the next frame counts, or the video; but where it has paused and the other went on, the other. */
  #length(next: ElementaryFrame | null, start: "startMs" | "partStartMs"): number {
    const isVideo = next?.isVideo ?? !Number.isNaN(this.#video[start]);
    const lead = isVideo ? this.#video : this.#audio;
    const other = isVideo ? this.#audio : this.#video;
    const leadMs = lead.end(next?.dtsMs ?? Number.NaN) - lead[start];
    const otherMs = other.end(Number.NaN) - other[start];
    if (Number.isNaN(leadMs) || otherMs - leadMs > VIDEO_PAUSE_MS) {
      return Math.max(0, Number.isNaN(otherMs) ? 0 : otherMs);
    }
    return Math.max(0, leadMs);
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

  /** Whether cuts are made at this frame's track: the video's while it goes on, else the audio's. */
  #leads(frame: ElementaryFrame, hasVideo: boolean): boolean {
    if (frame.isVideo || !hasVideo) {
      return true;
    }
    const isVideoHere = !Number.isNaN(this.#video.startMs);
    const videoMs = isVideoHere ? this.#video.lastMs - this.#video.startMs : 0;
    return frame.dtsMs - this.#audio.startMs - videoMs > VIDEO_PAUSE_MS;
  }

  #isPartEnd(frame: ElementaryFrame, hasVideo: boolean): boolean {
    const { partTargetMs } = this.#options;
    const lengthMs = this.partMs(frame);
    if (partTargetMs === 0 || lengthMs <= 0 || !this.#leads(frame, hasVideo)) {
      return false;
    }
    const last = frame.isVideo ? this.#video : this.#audio;
    const stepMs = Number.isNaN(last.lastMs) ? 0 : Math.max(0, frame.dtsMs - last.lastMs);
    // With this frame the part would be longer than announced.
    return lengthMs + stepMs > partTargetMs;
  }
}
