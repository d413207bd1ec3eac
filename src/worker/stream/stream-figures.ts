/** What is counted of a stream, and what it carries: for the API and metrics, never for what players get. */
import type { AudioInfo, VideoInfo } from "../../protocol/control/stream-info.ts";
import { FrameClass } from "../../protocol/flv/classify.ts";
import { describeAudio, describeVideo } from "../../protocol/flv/describe.ts";
import type { RingFigures } from "../../protocol/ring/ring-figures.ts";
import { MessageType } from "../../protocol/rtmp/message.ts";

const TELL_MS = 1000;
const KIBIBYTE = 1024;

/** What a stream carries; null: none has come. */
export interface StreamTracks {
  readonly video: VideoInfo | null;
  readonly audio: AudioInfo | null;
}

/** A message on its way into the ring. */
interface Counted {
  readonly type: number;
  readonly kind: FrameClass;
  readonly payload: Uint8Array;
  readonly timestamp: number;
}

/** The figures of one publish. */
export class StreamFigures {
  #video: VideoInfo | null = null;
  #audio: AudioInfo | null = null;
  #isNew = false;
  #toldMs = -TELL_MS;
  // Small whole numbers, which V8 keeps in the object itself.
  #videoFrames = 0;
  #audioFrames = 0;
  #hasKeyframe = false;
  /** Milliseconds modulo 2^32, signed. */
  #keyframeAt = 0;
  #gopMs = 0;
  #bytes = 0;
  #kibibytes = 0;

  /**
   * Counts a message.
   * @param length In wire form.
   * @returns what the stream carries, once when that has changed and at most once a second; else null.
   */
  count(message: Counted, length: number, nowMs: number): StreamTracks | null {
    const { kind } = message;
    if (kind === FrameClass.Keyframe || kind === FrameClass.Inter) {
      this.#videoFrames = (this.#videoFrames + 1) | 0;
      if (kind === FrameClass.Keyframe) {
        this.#noteKeyframe(message.timestamp);
      }
      if (this.#video === null) {
        this.#describe(message);
      }
    } else if (kind === FrameClass.Audio) {
      this.#audioFrames = (this.#audioFrames + 1) | 0;
      if (this.#audio === null) {
        this.#describe(message);
      }
    }
    this.#addBytes(length);
    // Headers come one after the other: what they say is told with the first frame behind them.
    const isDue = this.#isNew && kind !== FrameClass.VideoHeader && kind !== FrameClass.AudioHeader;
    return isDue && nowMs - this.#toldMs >= TELL_MS ? this.#news(nowMs) : null;
  }

  #addBytes(length: number): void {
    this.#bytes += length;
    if (this.#bytes >= KIBIBYTE) {
      this.#kibibytes = (this.#kibibytes + (this.#bytes >>> 10)) | 0;
      this.#bytes &= KIBIBYTE - 1;
    }
  }

  /** Looks at a header that is new. */
  header(message: Counted): void {
    if (message.kind === FrameClass.VideoHeader || message.kind === FrameClass.AudioHeader) {
      this.#describe(message);
    }
  }

  #news(nowMs: number): StreamTracks {
    this.#isNew = false;
    this.#toldMs = nowMs;
    return { video: this.#video, audio: this.#audio };
  }

  /** As the ring's control words keep them. */
  figures(jumps: number, dropped: number): RingFigures {
    return {
      videoFrames: this.#videoFrames,
      audioFrames: this.#audioFrames,
      gopMs: this.#gopMs,
      jumps,
      dropped,
      kibibytes: this.#kibibytes,
    };
  }

  /** The first track's, and nothing that cannot be decoded in the place of what could. */
  #describe({ type, payload }: Counted): void {
    if (type === MessageType.Video) {
      const { configError, trackId, ...video } = describeVideo(payload);
      if (this.#video === null || (configError === null && trackId === 0)) {
        const { codec, profile, level, width, height } = video;
        this.#video = { codec, profile, level, width, height };
        this.#isNew = true;
      }
    } else {
      const { configError, trackId, ...audio } = describeAudio(payload);
      if (this.#audio === null || (configError === null && trackId === 0)) {
        const { codec, sampleRate, channels, profile } = audio;
        this.#audio = { codec, sampleRate, channels, profile };
        this.#isNew = true;
      }
    }
  }

  #noteKeyframe(timestamp: number): void {
    if (this.#hasKeyframe) {
      this.#gopMs = Math.max(0, (timestamp - this.#keyframeAt) | 0);
    }
    this.#hasKeyframe = true;
    this.#keyframeAt = timestamp | 0;
  }
}
