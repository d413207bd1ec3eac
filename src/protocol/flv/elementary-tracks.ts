/**
 * Tracks out of sequence headers.
 */
import { decodeAacConfig } from "../codec/aac-config.ts";
import { decodeAv1Config } from "../codec/av1-config.ts";
import { decodeAvcConfig } from "../codec/avc-config.ts";
import { decodeHevcConfig } from "../codec/hevc-config.ts";
import { decodeOpusConfig } from "../codec/opus-config.ts";
import { ProtocolError } from "../errors.ts";
import type { VideoCodecName } from "./codec-names.ts";
import type { AudioTrack, VideoTrack } from "./elementary-frame.ts";

const NAL_LENGTH_RESERVED = 3;
const MP3_SAMPLES = 1152;
const MP3_LOW_RATE_SAMPLES = 576;
/** MPEG-1 rates start here; MPEG-2 and 2.5 are below. */
const MP3_RATE_MPEG_1 = 32_000;

/**
 * A track out of a video configuration record.
 *
 * **Memory**: copies the record.
 * **Peers**: old OBS versions send HEVC under AVC's codec id; the record tells.
 * @returns null for codecs that no muxer takes.
 * @throws ProtocolError of the record.
 */
export function decodeVideoTrack(codec: VideoCodecName, borrowed: Uint8Array): VideoTrack | null {
  const record = copyOf(borrowed);
  switch (codec) {
    case "H264":
      return decodeAvcTrack(record);
    case "HEVC":
      return decodeHevcTrack(record);
    case "AV1": {
      const { width, height } = decodeAv1Config(record);
      const sides = { width: width ?? 0, height: height ?? 0 };
      return { codec, record, ...sides, nalLengthBytes: 0, parameterSets: [] };
    }
    case "VVC":
    case "VP9":
    case "VP8":
    case "VP6":
    case "H263":
    case "Screen":
    case "Other":
      return null;
  }
}

/** @throws ProtocolError `ERR_AAC_CONFIG`. */
export function decodeAacTrack(borrowed: Uint8Array): AudioTrack {
  const record = copyOf(borrowed);
  const aac = decodeAacConfig(record);
  const { coreSampleRate: sampleRate, channels, frameSamples } = aac;
  return { codec: "AAC", record, sampleRate, channels, frameSamples, aac };
}

/** An empty header means two channels. @throws ProtocolError `ERR_OPUS_CONFIG`. */
export function decodeOpusTrack(borrowed: Uint8Array): AudioTrack {
  const record = copyOf(borrowed);
  const channels = record.length === 0 ? 2 : decodeOpusConfig(record).channels;
  return { codec: "Opus", record, sampleRate: 48_000, channels, frameSamples: 0, aac: null };
}

/** A track out of what an MP3 frame says. */
export function mp3Track(sampleRate: number, channels: number): AudioTrack {
  const frameSamples = sampleRate >= MP3_RATE_MPEG_1 ? MP3_SAMPLES : MP3_LOW_RATE_SAMPLES;
  const record = new Uint8Array(0);
  return { codec: "MP3", record, sampleRate, channels, frameSamples, aac: null };
}

/** Whether two arrays hold the same bytes. */
export function isSameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) {
    return false;
  }
  for (let index = 0; index < left.length; index += 1) {
    if (left[index] !== right[index]) {
      return false;
    }
  }
  return true;
}

function decodeAvcTrack(record: Uint8Array): VideoTrack {
  try {
    const config = decodeAvcConfig(record);
    const parameterSets = [...config.sequenceParameterSets, ...config.pictureParameterSets];
    return { codec: "H264", record, ...nalFacts(config), parameterSets };
  } catch (avcError) {
    try {
      return decodeHevcTrack(record);
    } catch {
      // The codec id said AVC, so its error is the one to report.
      throw avcError;
    }
  }
}

function decodeHevcTrack(record: Uint8Array): VideoTrack {
  const config = decodeHevcConfig(record);
  const parameterSets = [
    ...config.videoParameterSets,
    ...config.sequenceParameterSets,
    ...config.pictureParameterSets,
  ];
  return { codec: "HEVC", record, ...nalFacts(config), parameterSets };
}

function nalFacts(config: {
  readonly width: number;
  readonly height: number;
  readonly nalLengthBytes: number;
}): Pick<VideoTrack, "width" | "height" | "nalLengthBytes"> {
  const { width, height, nalLengthBytes } = config;
  if (nalLengthBytes === NAL_LENGTH_RESERVED) {
    throw new ProtocolError("ERR_NAL_LENGTH", "NAL unit lengths of 3 bytes", {
      spec: "ISO/IEC 14496-15 §5.3.3.1.2",
    });
  }
  return { width, height, nalLengthBytes };
}

/** `slice` of a host's buffer type may share memory; a plain array's copy never does. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy;
}
