/**
 * Messages of a live stream into HLS segments and LL-HLS parts, as MPEG-TS or fragmented MP4.
 *
 * Puts together the frame reader, the segmenter and a muxer. A segment is the bytes of its parts, one after the
 * other; without LL-HLS each has one part.
 */
import type {
  AudioTrack,
  ElementaryFrame,
  ElementarySink,
  VideoTrack,
} from "../flv/elementary-frame.ts";
import { FrameReader } from "../flv/frame-reader.ts";
import type { SegmentMuxer } from "./segment-muxer.ts";
import { Cut, Segmenter, type SegmenterOptions } from "./segmenter.ts";

/** A piece of a segment. **Memory**: the bytes are owned by the receiver. */
export interface PackagedPart {
  readonly bytes: Uint8Array;
  readonly durationMs: number;
  /** Its first video frame is a keyframe; always so without video. */
  readonly isIndependent: boolean;
  /** Its segment begins a new time line, or another configuration. */
  readonly isDiscontinuity: boolean;
}

/** A segment whose parts have all been delivered. */
export interface PackagedSegment {
  readonly durationMs: number;
  /** Decoding time of its first frame, milliseconds without wrap. */
  readonly startMs: number;
  /** It begins a new time line, or another configuration. */
  readonly isDiscontinuity: boolean;
  /** {@link PackagedPart.isIndependent} of its first part. */
  readonly isIndependent: boolean;
}

/** Receives what a {@link Packager} makes, in order: init, then parts, then their segment. */
export interface PackagerSink {
  /** The init segment of what follows; fragmented MP4 only. **Memory**: owned by the receiver. */
  init(bytes: Uint8Array): void;
  part(part: PackagedPart): void;
  segment(segment: PackagedSegment): void;
}

/** **Memory**: owns one part's media; see the muxers. */
export class Packager {
  /** The intake: its tracks and its counts of messages passed over. */
  readonly reader: FrameReader = new FrameReader();
  /** The decisions, for `hls_ts_floor`. */
  readonly segmenter: Segmenter;
  readonly #muxer: SegmentMuxer;
  readonly #sink: PackagerSink;
  readonly #fragmentMs: number;
  readonly #intake: ElementarySink;
  #arrivalMs = 0;
  #hasVideo = false;
  #hasAudio = false;
  /** Video before the next keyframe is left out; decoding starts there. */
  #needsKeyframe = true;
  /** Decoding time of the first audio frame left out while waiting for a keyframe. */
  #waitingSinceMs = Number.NaN;
  #isInitDue = true;
  #isDiscontinuity = false;
  #isFirstSegment = true;
  #segmentBytes = 0;
  #isSegmentIndependent = true;
  #isPartIndependent = true;
  #partHasVideo = false;
  #isFirstPart = true;

  constructor(muxer: SegmentMuxer, options: SegmenterOptions, sink: PackagerSink) {
    this.#muxer = muxer;
    this.#sink = sink;
    this.#fragmentMs = options.fragmentMs;
    this.segmenter = new Segmenter(options);
    this.#intake = {
      videoTrack: (track) => this.#videoTrack(track),
      audioTrack: (track) => this.#audioTrack(track),
      frame: (frame) => this.#frame(frame),
    };
  }

  /**
   * Take a message.
   *
   * **Shape**: `type` and `timestamp` as in FLV; `arrivalMs` by any monotonic clock.
   * **Memory**: the payload is borrowed.
   */
  push(type: number, timestamp: number, payload: Uint8Array, arrivalMs: number): void {
    this.#arrivalMs = arrivalMs;
    this.reader.push(type, timestamp, payload, this.#intake);
  }

  /** End the current segment: the publisher left. What follows, if anything, is another time line. */
  finish(): void {
    this.#endSegment(null);
    this.#breakLine();
  }

  #videoTrack(track: VideoTrack): void {
    const isCarried = this.#muxer.carries(track);
    this.#prepareChange(this.#hasVideo);
    this.#muxer.setVideo(isCarried ? track : null);
    this.#hasVideo = isCarried;
    this.#needsKeyframe = true;
  }

  #audioTrack(track: AudioTrack): void {
    const isCarried = this.#muxer.carries(track);
    this.#prepareChange(this.#hasAudio);
    this.#muxer.setAudio(isCarried ? track : null);
    this.#hasAudio = isCarried;
  }

  /** A track is about to change, or, where `isKnown` is false, to be added. */
  #prepareChange(isKnown: boolean): void {
    // Before the first part is out its init segment can still tell of another track (MP3 has no header).
    const isSeamless = !isKnown && (this.#muxer.canAddTracks || this.#isInitDue);
    if (!(isSeamless || Number.isNaN(this.segmenter.startMs))) {
      this.#endSegment(null);
      this.#breakLine();
    }
    this.#isInitDue = true;
  }

  #breakLine(): void {
    this.segmenter.reset();
    this.#muxer.breakLine();
    this.#needsKeyframe = true;
    this.#waitingSinceMs = Number.NaN;
    this.#isDiscontinuity = !this.#isFirstSegment;
  }

  #frame(frame: ElementaryFrame): void {
    if (frame.isVideo ? !this.#hasVideo : !this.#hasAudio) {
      return;
    }
    if (frame.isDiscontinuity) {
      this.#endSegment(null);
      this.#breakLine();
    }
    if (this.#isWaiting(frame)) {
      return;
    }
    const state = {
      hasVideo: this.#hasVideo,
      arrivalMs: this.#arrivalMs,
      bytes: this.#segmentBytes,
    };
    const cut = this.segmenter.decide(frame, state);
    const isFull = this.#muxer.isFull && cut === Cut.None;
    this.#cut(frame, isFull ? Cut.Segment : cut);
    this.segmenter.add(frame);
    if (frame.isVideo && !this.#partHasVideo) {
      this.#partHasVideo = true;
      this.#isPartIndependent = frame.isKeyframe;
    }
    this.#segmentBytes += frame.end - frame.start;
    this.#muxer.write(frame);
  }

  /** Whether the frame is left out because nothing can be decoded yet. */
  #isWaiting(frame: ElementaryFrame): boolean {
    if (!(this.#hasVideo && this.#needsKeyframe)) {
      return false;
    }
    if (frame.isVideo) {
      if (frame.isKeyframe) {
        this.#needsKeyframe = false;
        this.#waitingSinceMs = Number.NaN;
      }
      return this.#needsKeyframe;
    }
    // Sound alone is better than nothing when no keyframe comes.
    if (Number.isNaN(this.#waitingSinceMs)) {
      this.#waitingSinceMs = frame.dtsMs;
    }
    return (
      Number.isNaN(this.segmenter.startMs) && frame.dtsMs - this.#waitingSinceMs < this.#fragmentMs
    );
  }

  #cut(frame: ElementaryFrame, cut: Cut): void {
    if (cut === Cut.None) {
      return;
    }
    if (cut === Cut.Part) {
      this.#endPart(frame);
    } else {
      this.#endSegment(frame);
      this.#beginSegment();
    }
    this.segmenter.begin(frame, cut, this.#arrivalMs);
    this.#partHasVideo = false;
    this.#isPartIndependent = !this.#hasVideo;
  }

  #beginSegment(): void {
    this.#muxer.beginSegment();
    this.#segmentBytes = 0;
    this.#isFirstPart = true;
  }

  #writeInit(): void {
    if (!this.#isInitDue) {
      return;
    }
    this.#isInitDue = false;
    const init = this.#muxer.encodeInit();
    if (init !== null) {
      this.#sink.init(init);
    }
  }

  /** `next` begins what follows; null where nothing continues it. */
  #endSegment(next: ElementaryFrame | null): void {
    if (Number.isNaN(this.segmenter.startMs)) {
      return;
    }
    this.#endPart(next);
    this.#sink.segment({
      durationMs: this.segmenter.segmentMs(next),
      startMs: this.segmenter.startMs,
      isDiscontinuity: this.#isDiscontinuity,
      isIndependent: this.#isSegmentIndependent,
    });
    this.#isDiscontinuity = false;
    this.#isFirstSegment = false;
  }

  #endPart(next: ElementaryFrame | null): void {
    const nextVideoMs = next?.isVideo ? next.dtsMs : Number.NaN;
    const bytes = this.#muxer.takePart(nextVideoMs);
    if (this.#isFirstPart) {
      this.#isSegmentIndependent = this.#isPartIndependent;
      this.#isFirstPart = false;
    }
    if (bytes !== null) {
      this.#writeInit();
      const durationMs = this.segmenter.partMs(next);
      const isIndependent = this.#isPartIndependent;
      const isDiscontinuity = this.#isDiscontinuity;
      this.#sink.part({ bytes, durationMs, isIndependent, isDiscontinuity });
    }
  }
}
