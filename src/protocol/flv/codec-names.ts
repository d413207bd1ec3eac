/**
 * Codec names by the numbers of classic and enhanced FLV bodies, as the HTTP API prints them.
 *
 * Spec: FLV 10.1 Annex E.4.2.1 (SoundFormat), E.4.3.1 (CodecID); Enhanced RTMP v2.
 */
import { AudioFourCc, type FourCc, VideoFourCc } from "./four-cc.ts";

/** Video codecs. */
export type VideoCodecName =
  | "H264"
  | "HEVC"
  | "VVC"
  | "AV1"
  | "VP9"
  | "VP8"
  | "VP6"
  | "H263"
  | "Screen"
  | "Other";

/** Audio codecs. */
export type AudioCodecName =
  | "AAC"
  | "MP3"
  | "Opus"
  | "FLAC"
  | "AC3"
  | "EAC3"
  | "PCM"
  | "PCMA"
  | "PCMU"
  | "ADPCM"
  | "Nellymoser"
  | "Speex"
  | "Other";

/** By CodecID, 0–15; 12 and 13 are the Chinese FLV dialect. */
export const CLASSIC_VIDEO_CODECS: readonly VideoCodecName[] = [
  "Other",
  "Other",
  "H263",
  "Screen",
  "VP6",
  "VP6",
  "Screen",
  "H264",
  "Other",
  "Other",
  "Other",
  "Other",
  "HEVC",
  "AV1",
  "Other",
  "Other",
];

/** By SoundFormat, 0–15; 9 announces an enhanced body. */
export const CLASSIC_AUDIO_CODECS: readonly AudioCodecName[] = [
  "PCM",
  "ADPCM",
  "MP3",
  "PCM",
  "Nellymoser",
  "Nellymoser",
  "Nellymoser",
  "PCMA",
  "PCMU",
  "Other",
  "AAC",
  "Speex",
  "Other",
  "Other",
  "MP3",
  "Other",
];

/** By FourCC. */
export const ENHANCED_VIDEO_CODECS: ReadonlyMap<FourCc, VideoCodecName> = new Map([
  [VideoFourCc.Avc, "H264"],
  [VideoFourCc.Hevc, "HEVC"],
  [VideoFourCc.Vvc, "VVC"],
  [VideoFourCc.Av1, "AV1"],
  [VideoFourCc.Vp9, "VP9"],
  [VideoFourCc.Vp8, "VP8"],
]);

/** By FourCC. */
export const ENHANCED_AUDIO_CODECS: ReadonlyMap<FourCc, AudioCodecName> = new Map([
  [AudioFourCc.Aac, "AAC"],
  [AudioFourCc.Mp3, "MP3"],
  [AudioFourCc.Opus, "Opus"],
  [AudioFourCc.Flac, "FLAC"],
  [AudioFourCc.Ac3, "AC3"],
  [AudioFourCc.Eac3, "EAC3"],
]);
