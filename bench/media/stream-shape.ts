/** What the stream of a scenario looks like: rate, frames, keyframes, codec. */

/** Video of the stream; audio is AAC-LC, 44.1 kHz, 96 kbit/s in each. */
export const CODEC_PROFILES = ["avc-high", "avc-baseline", "hevc"] as const;
export type CodecProfile = (typeof CODEC_PROFILES)[number];

export interface StreamShape {
  /** Audio and video payload. */
  readonly bitrateKbps: number;
  readonly fps: number;
  readonly gopSeconds: number;
  readonly codec: CodecProfile;
}

/** 720p30 H.264 + AAC of 1.1 Mbit/s, 73 messages a second, 2 s GOP. */
export const REFERENCE_SHAPE: StreamShape = {
  bitrateKbps: 1100,
  fps: 30,
  gopSeconds: 2,
  codec: "avc-high",
};

/** The merge of the merged mode, as servers that merge do by default. */
export const MERGE_MS = 350;

/** Least length of a segment of HLS. */
const FRAGMENT_SECONDS = 2;
/** Segments that are listed. */
const WINDOW_SEGMENTS = 10;

export const AUDIO_BYTES = 280;
export const AUDIO_INTERVAL_US: number = (1024 / 44_100) * 1_000_000;

/** Share of a GOP's video bytes that are its keyframe's. */
const KEYFRAME_SHARE = 0.16;
const FRAME_BYTES_MIN = 64;
const BYTES_PER_KBIT = 125;

export const videoIntervalUs = ({ fps }: StreamShape): number => 1_000_000 / fps;

export const gopFrames = ({ fps, gopSeconds }: StreamShape): number =>
  Math.max(1, Math.round(fps * gopSeconds));

/** Payload bytes of one second, on average. */
export const payloadBytesPerSecond = ({ bitrateKbps }: StreamShape): number =>
  bitrateKbps * BYTES_PER_KBIT;

/** Video frames in a send of a player that waits at most `mergeMs` for more, one frame at least. */
export function framesMergedIn(shape: StreamShape, mergeMs: number): number {
  return Math.floor((mergeMs * 1000) / videoIntervalUs(shape)) + 1;
}

/** How long segments of HLS are, and servers are asked to make them: 2 s at least, in whole GOPs. */
export function segmentSeconds(shape: StreamShape): number {
  const gopSeconds = gopFrames(shape) / shape.fps;
  return Math.ceil(FRAGMENT_SECONDS / gopSeconds) * gopSeconds;
}

/** How much of it playlists list. */
export const windowSeconds = (shape: StreamShape): number =>
  WINDOW_SEGMENTS * segmentSeconds(shape);

/** Bytes of the keyframe and, on average, of the other frames. */
export function frameSizes(shape: StreamShape): { readonly key: number; readonly inter: number } {
  const audio = AUDIO_BYTES * (1_000_000 / AUDIO_INTERVAL_US);
  const frames = gopFrames(shape);
  const gopBytes = ((payloadBytesPerSecond(shape) - audio) * frames) / shape.fps;
  if (frames === 1) {
    return { key: Math.max(FRAME_BYTES_MIN, Math.round(gopBytes)), inter: 0 };
  }
  const key = Math.max(FRAME_BYTES_MIN, Math.round(gopBytes * KEYFRAME_SHARE));
  return { key, inter: Math.max(FRAME_BYTES_MIN, (gopBytes - key) / (frames - 1)) };
}
