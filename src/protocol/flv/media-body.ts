/**
 * Classic and enhanced bodies in one form: codec, track, composition time and where the codec's bytes are.
 *
 * For description and for muxers. It writes into an object that the caller owns and reuses; nothing is
 * allocated and nothing throws.
 *
 * Spec: FLV 10.1 Annex E.4.2.1, E.4.3.1, E.4.3.2; Enhanced RTMP v2.
 */
import { classifyAudio, classifyVideo, FrameClass } from "./classify.ts";
import type { AudioCodecName, VideoCodecName } from "./codec-names.ts";
import {
  CLASSIC_AUDIO_CODECS,
  CLASSIC_VIDEO_CODECS,
  ENHANCED_AUDIO_CODECS,
  ENHANCED_VIDEO_CODECS,
} from "./codec-names.ts";
import {
  decodeEnhancedHeader,
  EnhancedHeader,
  isEnhancedAudio,
  isEnhancedVideo,
  VideoPacketType,
} from "./enhanced.ts";
import { type FourCc, VideoFourCc } from "./four-cc.ts";

const COMPOSITION_TIME_BYTES = 3;
const CODEC_ID_AVC = 7;
const CODEC_ID_HEVC = 12;
const CODEC_ID_AV1 = 13;
const SOUND_FORMAT_AAC = 10;

/**
 * One video body.
 *
 * **Memory**: owned by the caller and meant to be reused; {@link decodeVideoBody} overwrites every field.
 */
export class VideoBody {
  codec: VideoCodecName = "Other";
  frameClass: FrameClass = FrameClass.VideoOther;
  /** 0 in classic bodies. */
  fourCc: FourCc = 0;
  /** 0 outside multitrack bodies; the first track's where there are several. */
  trackId = 0;
  /** Milliseconds to add to the message's time for presentation, -8388608–8388607. */
  compositionTimeMs = 0;
  /** Nanoseconds to add to both times, 0–16777215 (ModEx TimestampOffsetNano). */
  nanosecondOffset = 0;
  /** The first track's configuration record or coded data is payload[bodyStart, bodyEnd). */
  bodyStart = 0;
  bodyEnd = 0;
}

/**
 * One audio body.
 *
 * **Memory**: owned by the caller and meant to be reused; {@link decodeAudioBody} overwrites every field.
 */
export class AudioBody {
  codec: AudioCodecName = "Other";
  frameClass: FrameClass = FrameClass.Audio;
  /** 0 in classic bodies. */
  fourCc: FourCc = 0;
  /** 0 outside multitrack bodies; the first track's where there are several. */
  trackId = 0;
  /** Nanoseconds to add to the message's time, 0–16777215 (ModEx TimestampOffsetNano). */
  nanosecondOffset = 0;
  /** The first track's configuration or coded data is payload[bodyStart, bodyEnd). */
  bodyStart = 0;
  bodyEnd = 0;
}

const scratch = new EnhancedHeader();

/**
 * Decode the header of a video body into `target`.
 *
 * **Memory**: allocates nothing, never throws; a body that cannot be read has class VideoOther and codec Other.
 */
export function decodeVideoBody(payload: Uint8Array, target: VideoBody): void {
  target.frameClass = classifyVideo(payload);
  target.codec = "Other";
  target.fourCc = 0;
  target.trackId = 0;
  target.compositionTimeMs = 0;
  target.nanosecondOffset = 0;
  target.bodyStart = Math.min(1, payload.length);
  target.bodyEnd = payload.length;
  if (isEnhancedVideo(payload)) {
    decodeEnhancedVideo(payload, target);
    return;
  }
  const codecId = (payload[0] ?? 0) & 15;
  target.codec = payload.length === 0 ? "Other" : (CLASSIC_VIDEO_CODECS[codecId] ?? "Other");
  if (codecId !== CODEC_ID_AVC && codecId !== CODEC_ID_HEVC && codecId !== CODEC_ID_AV1) {
    return;
  }
  if (payload.length >= 2 + COMPOSITION_TIME_BYTES) {
    target.compositionTimeMs = int24At(payload, 2);
    target.bodyStart = 2 + COMPOSITION_TIME_BYTES;
  }
}

/**
 * Decode the header of an audio body into `target`.
 *
 * **Memory**: allocates nothing, never throws; a body that cannot be read has class Audio and codec Other.
 */
export function decodeAudioBody(payload: Uint8Array, target: AudioBody): void {
  target.frameClass = classifyAudio(payload);
  target.codec = "Other";
  target.fourCc = 0;
  target.trackId = 0;
  target.nanosecondOffset = 0;
  target.bodyStart = Math.min(1, payload.length);
  target.bodyEnd = payload.length;
  if (isEnhancedAudio(payload)) {
    if (decodeEnhancedHeader(payload, "audio", scratch)) {
      target.codec = ENHANCED_AUDIO_CODECS.get(scratch.fourCc) ?? "Other";
      copyEnhanced(target);
    }
    return;
  }
  const soundFormat = (payload[0] ?? 0) >> 4;
  target.codec = payload.length === 0 ? "Other" : (CLASSIC_AUDIO_CODECS[soundFormat] ?? "Other");
  if (soundFormat === SOUND_FORMAT_AAC) {
    target.bodyStart = Math.min(2, payload.length);
  }
}

function decodeEnhancedVideo(payload: Uint8Array, target: VideoBody): void {
  if (!decodeEnhancedHeader(payload, "video", scratch)) {
    return;
  }
  target.codec = ENHANCED_VIDEO_CODECS.get(scratch.fourCc) ?? "Other";
  copyEnhanced(target);
  const isTimed =
    scratch.packetType === VideoPacketType.CodedFrames && hasCompositionTime(scratch.fourCc);
  if (isTimed && scratch.bodyStart + COMPOSITION_TIME_BYTES <= scratch.bodyEnd) {
    target.compositionTimeMs = int24At(payload, scratch.bodyStart);
    target.bodyStart += COMPOSITION_TIME_BYTES;
  }
}

function hasCompositionTime(fourCc: FourCc): boolean {
  return fourCc === VideoFourCc.Avc || fourCc === VideoFourCc.Hevc || fourCc === VideoFourCc.Vvc;
}

function copyEnhanced(target: VideoBody | AudioBody): void {
  target.fourCc = scratch.fourCc;
  target.trackId = scratch.trackId;
  target.nanosecondOffset = scratch.nanosecondOffset;
  target.bodyStart = scratch.bodyStart;
  target.bodyEnd = scratch.bodyEnd;
}

/** SI24 in big-endian order. */
function int24At(bytes: Uint8Array, offset: number): number {
  const high = bytes[offset] ?? 0;
  const low = ((bytes[offset + 1] ?? 0) << 8) | (bytes[offset + 2] ?? 0);
  return ((high << 24) >> 8) | low;
}
