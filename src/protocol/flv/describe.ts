/**
 * What a media message says about its track, for the API, callbacks and the choice of muxers.
 *
 * Not on the hot path: called for headers, and for the first frame of a track without one. Everything that the
 * bytes do not say is null, and a configuration that cannot be decoded is named instead of thrown.
 */
import { decodeAacConfig } from "../codec/aac-config.ts";
import { decodeAv1Config } from "../codec/av1-config.ts";
import { decodeAvcConfig } from "../codec/avc-config.ts";
import { decodeFlacConfig } from "../codec/flac-config.ts";
import { decodeHevcConfig } from "../codec/hevc-config.ts";
import { decodeMp3FrameHeader } from "../codec/mp3-frame.ts";
import { decodeOpusConfig } from "../codec/opus-config.ts";
import { decodeVpConfig } from "../codec/vp-config.ts";
import { ProtocolError } from "../errors.ts";
import { FrameClass } from "./classify.ts";
import type { AudioCodecName, VideoCodecName } from "./codec-names.ts";
import { formatFourCc } from "./four-cc.ts";
import { AudioBody, decodeAudioBody, decodeVideoBody, VideoBody } from "./media-body.ts";

export type { AudioCodecName, VideoCodecName } from "./codec-names.ts";

/** What a video message says about its track. */
export interface VideoDescription {
  readonly codec: VideoCodecName;
  /** Printable FourCC of an enhanced body, null in classic ones. */
  readonly fourCc: string | null;
  /** 0–255; 0 outside multitrack bodies. The first track's where a message carries several. */
  readonly trackId: number;
  /** Luma samples after cropping, from a sequence header. */
  readonly width: number | null;
  readonly height: number | null;
  /** Profile name, e.g. `High`, from a sequence header. */
  readonly profile: string | null;
  /** Level as printed, e.g. `3.1`, from a sequence header. */
  readonly level: string | null;
  /** Frames per second when the sequence header states a fixed or nominal rate. */
  readonly frameRate: number | null;
  /** Code of the error when this is a sequence header that cannot be decoded. */
  readonly configError: string | null;
}

/** What an audio message says about its track. */
export interface AudioDescription {
  readonly codec: AudioCodecName;
  /** Printable FourCC of an enhanced body, null in classic ones. */
  readonly fourCc: string | null;
  /** 0–255; 0 outside multitrack bodies. The first track's where a message carries several. */
  readonly trackId: number;
  /** Hz. From a sequence header; for classic codecs without one from the tag's own bits. */
  readonly sampleRate: number | null;
  readonly channels: number | null;
  /** AAC profile, e.g. `LC`, from a sequence header. */
  readonly profile: string | null;
  /** Code of the error when this is a sequence header that cannot be decoded. */
  readonly configError: string | null;
}

type VideoFacts = Pick<
  VideoDescription,
  "codec" | "width" | "height" | "profile" | "level" | "frameRate"
>;
type AudioFacts = Pick<AudioDescription, "sampleRate" | "channels" | "profile">;

/** Hz by SoundRate. **Spec**: FLV 10.1 Annex E.4.2.1. */
const CLASSIC_SAMPLE_RATES: readonly number[] = [5512, 11_025, 22_050, 44_100];
/** Formats of one rate, whatever their SoundRate says: [Hz, channels or null for SoundType]. */
const FIXED_SAMPLE_RATES: ReadonlyMap<number, readonly [number, number | null]> = new Map([
  [4, [16_000, 1]],
  [5, [8000, 1]],
  [7, [8000, null]],
  [8, [8000, null]],
  [11, [16_000, 1]],
  [14, [8000, null]],
]);
const NO_AUDIO_FACTS: AudioFacts = { sampleRate: null, channels: null, profile: null };

/**
 * Describe a video message.
 *
 * **Spec**: FLV 10.1 Annex E.4.3; Enhanced RTMP v2; the codecs' configuration records.
 * **Peers**: old OBS versions send HEVC under codec id 7; a sequence header that is no AVC record and a valid
 * HEVC one is described as HEVC.
 * @returns null for what its bytes do not say; never throws.
 */
export function describeVideo(payload: Uint8Array): VideoDescription {
  const body = new VideoBody();
  decodeVideoBody(payload, body);
  const { codec, fourCc, trackId } = body;
  let facts = noVideoFacts(codec);
  let configError: string | null = null;
  if (body.frameClass === FrameClass.VideoHeader) {
    try {
      facts = decodeVideoFacts(codec, payload.subarray(body.bodyStart, body.bodyEnd));
    } catch (error) {
      configError = codeOf(error);
    }
  }
  return { ...facts, fourCc: fourCc === 0 ? null : formatFourCc(fourCc), trackId, configError };
}

/**
 * Describe an audio message.
 *
 * **Spec**: FLV 10.1 Annex E.4.2; Enhanced RTMP v2; the codecs' configuration records.
 * @returns null for what its bytes do not say; never throws.
 */
export function describeAudio(payload: Uint8Array): AudioDescription {
  const body = new AudioBody();
  decodeAudioBody(payload, body);
  const { codec, fourCc, trackId } = body;
  let facts = NO_AUDIO_FACTS;
  let configError: string | null = null;
  try {
    facts = decodeAudioFacts(payload, body);
  } catch (error) {
    configError = codeOf(error);
  }
  const fourCcText = fourCc === 0 ? null : formatFourCc(fourCc);
  return { codec, fourCc: fourCcText, trackId, ...facts, configError };
}

function noVideoFacts(codec: VideoCodecName): VideoFacts {
  return { codec, width: null, height: null, profile: null, level: null, frameRate: null };
}

/** @throws ProtocolError of the configuration record. */
function decodeVideoFacts(codec: VideoCodecName, record: Uint8Array): VideoFacts {
  switch (codec) {
    case "H264":
      return avcOrHevcFacts(record);
    case "HEVC":
      return videoFacts(codec, decodeHevcConfig(record));
    case "AV1":
      return videoFacts(codec, decodeAv1Config(record));
    case "VP8":
    case "VP9": {
      const { profileId, level } = decodeVpConfig(record);
      return { ...noVideoFacts(codec), profile: String(profileId), level };
    }
    case "VVC":
    case "VP6":
    case "H263":
    case "Screen":
    case "Other":
      return noVideoFacts(codec);
  }
}

function avcOrHevcFacts(record: Uint8Array): VideoFacts {
  try {
    return videoFacts("H264", decodeAvcConfig(record));
  } catch (avcError) {
    try {
      return videoFacts("HEVC", decodeHevcConfig(record));
    } catch {
      // The codec id said AVC, so its error is the one to report.
      throw avcError;
    }
  }
}

function videoFacts(codec: VideoCodecName, config: Omit<VideoFacts, "codec">): VideoFacts {
  const { width, height, profile, level, frameRate } = config;
  return { codec, width, height, profile, level, frameRate };
}

/** @throws ProtocolError of the configuration record or frame header. */
function decodeAudioFacts(payload: Uint8Array, body: AudioBody): AudioFacts {
  const data = payload.subarray(body.bodyStart, body.bodyEnd);
  const isHeader = body.frameClass === FrameClass.AudioHeader;
  if (body.frameClass === FrameClass.AudioConfig) {
    // AudioChannelOrder, then the channel count.
    return { ...NO_AUDIO_FACTS, channels: data[1] ?? null };
  }
  if (isHeader) {
    return decodeAudioHeader(body.codec, data);
  }
  if (body.codec === "MP3" && data.length > 0) {
    return { ...NO_AUDIO_FACTS, ...decodeMp3FrameHeader(data) };
  }
  return body.fourCc === 0 && body.codec !== "AAC" ? classicFacts(payload, body) : NO_AUDIO_FACTS;
}

function decodeAudioHeader(codec: AudioCodecName, data: Uint8Array): AudioFacts {
  if (codec === "AAC") {
    const { sampleRate, channels, profile } = decodeAacConfig(data);
    return { sampleRate, channels, profile };
  }
  if (codec === "Opus" && data.length > 0) {
    const { sampleRate, channels } = decodeOpusConfig(data);
    return { sampleRate, channels, profile: null };
  }
  if (codec === "FLAC") {
    const { sampleRate, channels } = decodeFlacConfig(data);
    return { sampleRate, channels, profile: null };
  }
  return NO_AUDIO_FACTS;
}

/** Rate and channels from the tag's own bits. */
function classicFacts(payload: Uint8Array, body: AudioBody): AudioFacts {
  const first = payload[0];
  if (first === undefined || body.codec === "Other") {
    return NO_AUDIO_FACTS;
  }
  const typeChannels = (first & 1) + 1;
  const fixed = FIXED_SAMPLE_RATES.get(first >> 4);
  if (fixed !== undefined) {
    return { sampleRate: fixed[0], channels: fixed[1] ?? typeChannels, profile: null };
  }
  const sampleRate = CLASSIC_SAMPLE_RATES[(first >> 2) & 3] ?? null;
  return { sampleRate, channels: typeChannels, profile: null };
}

/** The code of a peer's error; anything else is a bug and goes on. */
function codeOf(error: unknown): string {
  if (error instanceof ProtocolError) {
    return error.code;
  }
  throw error;
}
