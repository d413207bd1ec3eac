/**
 * What muxers take: tracks with their configuration, and coded frames without their FLV header.
 */
import type { AacConfig } from "../codec/aac-config.ts";

/** A video track as its sequence header describes it. **Memory**: owned; never changed, a new header is a new track. */
export interface VideoTrack {
  readonly codec: "H264" | "HEVC" | "AV1";
  /** The configuration record: body of avcC, hvcC or av1C. */
  readonly record: Uint8Array;
  /** Samples after cropping; 0 where an AV1 record does not say. */
  readonly width: number;
  readonly height: number;
  /** Bytes of the length before each NAL unit: 1, 2 or 4; 0 for AV1. */
  readonly nalLengthBytes: number;
  /** NAL units in the order VPS, SPS, PPS; empty for AV1. */
  readonly parameterSets: readonly Uint8Array[];
}

/** An audio track. **Memory**: owned; never changed, another configuration is a new track. */
export interface AudioTrack {
  readonly codec: "AAC" | "MP3" | "Opus";
  /** AudioSpecificConfig, Opus identification header (may be empty); empty for MP3. */
  readonly record: Uint8Array;
  /** Hz in which {@link AudioTrack.frameSamples} are counted; of HE-AAC the core's. */
  readonly sampleRate: number;
  readonly channels: number;
  /** Samples of one frame; 0 for Opus, whose packets say it themselves. */
  readonly frameSamples: number;
  /** Null for other codecs. */
  readonly aac: AacConfig | null;
}

/**
 * One coded frame.
 *
 * **Memory**: the object is reused and its payload borrowed: both are valid until the sink returns.
 */
export class ElementaryFrame {
  isVideo = false;
  /** A video frame at which decoding can start. */
  isKeyframe = false;
  /** First frame after a step of time that is no step of playing. */
  isDiscontinuity = false;
  /** Milliseconds without wrap: beyond 2^32, or below 0 where a track starts just before the wrap. Never back, but at a discontinuity. */
  dtsMs = 0;
  /** Milliseconds from decoding to showing, 0–10000. */
  compositionMs = 0;
  /** The message; the frame is payload[start, end). */
  payload: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
}

/** Why a message gave no frame, counted. */
export interface IgnoredCounts {
  /** Sequence headers that could not be decoded; the last good one stays. */
  badConfigs: number;
  /** Frames that do not hold what their codec says. */
  badFrames: number;
  /** Frames before their sequence header. */
  unconfigured: number;
  /** Frames of codecs and tracks that no muxer takes. */
  unsupported: number;
}

/** Receives what a {@link FrameReader} finds, in the order of the messages. */
export interface ElementarySink {
  /** The video track is new or has another configuration; frames that follow need it. */
  videoTrack(track: VideoTrack): void;
  /** The audio track is new or has another configuration; frames that follow need it. */
  audioTrack(track: AudioTrack): void;
  frame(frame: ElementaryFrame): void;
}
