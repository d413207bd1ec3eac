/**
 * What a media message is to a live stream: header to keep, keyframe to join at, or a frame to pass on.
 *
 * Called once per message on the hot path: nothing is allocated, nothing throws, and whatever cannot be
 * understood is still a class that is relayed.
 *
 * Spec: FLV 10.1 Annex E.4.2 (audio), E.4.3 (video), E.4.4 (data); Enhanced RTMP v2.
 */
import {
  AudioPacketType,
  decodeEnhancedHeader,
  EnhancedHeader,
  isEnhancedAudio,
  isEnhancedVideo,
  type MediaKind,
  MultitrackType,
  VideoFrameType,
  VideoPacketType,
} from "./enhanced.ts";

export type { MediaKind } from "./enhanced.ts";

/**
 * Class of a message. Small numbers that fit in four bits of a ring's frame index.
 */
export const FrameClass = {
  /** Video sequence header: cached per track, not part of a GOP. */
  VideoHeader: 0,
  /** Video metadata such as HDR colour information (enhanced packet type 4): cached per track like a header. */
  VideoMetadata: 1,
  /** A frame of the default track at which a player can start; opens a GOP. */
  Keyframe: 2,
  /** Any other coded video frame, keyframes of other tracks than the default one among them. */
  Inter: 3,
  /** Command frame, end of sequence, and bodies that cannot be read: relayed, never cached. */
  VideoOther: 4,
  /** Coded audio, end of sequence, and bodies that cannot be read. */
  Audio: 5,
  /** Audio sequence header: cached per track. */
  AudioHeader: 6,
  /** Multichannel configuration (enhanced packet type 4): cached per track like a header. */
  AudioConfig: 7,
  /** Data message other than metadata. */
  Data: 8,
  /** onMetaData: the latest one is cached. */
  Metadata: 9,
} as const;
export type FrameClass = (typeof FrameClass)[keyof typeof FrameClass];

/** {@link headerSlot} of a message that replaces no cached header. */
export const NO_HEADER_SLOT = -1;

const CODEC_ID_AVC = 7;
const CODEC_ID_HEVC = 12;
const CODEC_ID_AV1 = 13;
const SOUND_FORMAT_AAC = 10;
/** Frame type and codec, packet type, 24 bits of composition time. */
const AVC_HEADER_BYTES = 5;
const AAC_HEADER_BYTES = 2;

// Slot layout: 8 bits of track id, one bit for each of the questions below.
const SLOT_SECOND = 0x1_00;
const SLOT_AUDIO = 0x2_00;
const SLOT_MANY_TRACKS = 0x4_00;

const AMF0_STRING = 2;
const SET_DATA_FRAME = "@setDataFrame";
const ON_META_DATA = "onMetaData";

const scratch = new EnhancedHeader();

/**
 * Classify the body of a video message.
 *
 * **Spec**: FLV 10.1 Annex E.4.3.1; Enhanced RTMP v2, ExVideoTagHeader.
 * **Memory**: allocates nothing, never throws; the payload is borrowed.
 * **Peers**: codec ids 12 (HEVC) and 13 (AV1) of the Chinese FLV dialect carry AVC's packet type; for codecs
 * without sequence headers frame type 1 is a keyframe. A multitrack body has its tracks' packet type; only one
 * that holds the default track can be a {@link FrameClass.Keyframe}: a player that joined at another track's
 * keyframe would miss the default track's, which precedes it.
 *
 * @returns the class; {@link FrameClass.VideoOther} for anything short or unknown.
 */
export function classifyVideo(payload: Uint8Array): FrameClass {
  if (isEnhancedVideo(payload)) {
    return classifyEnhancedVideo(payload);
  }
  const first = payload[0] ?? 0;
  const frameType = first >> 4;
  const codecId = first & 15;
  if (frameType < VideoFrameType.Key || frameType >= VideoFrameType.Command) {
    return FrameClass.VideoOther;
  }
  if (codecId !== CODEC_ID_AVC && codecId !== CODEC_ID_HEVC && codecId !== CODEC_ID_AV1) {
    return payload.length > 1 ? codedClass(frameType) : FrameClass.VideoOther;
  }
  if (payload.length <= AVC_HEADER_BYTES) {
    return FrameClass.VideoOther;
  }
  const packetType = payload[1];
  if (packetType === VideoPacketType.SequenceStart) {
    return FrameClass.VideoHeader;
  }
  return packetType === VideoPacketType.CodedFrames ? codedClass(frameType) : FrameClass.VideoOther;
}

/**
 * Classify the body of an audio message.
 *
 * **Spec**: FLV 10.1 Annex E.4.2.1; Enhanced RTMP v2, ExAudioTagHeader.
 * **Memory**: allocates nothing, never throws; the payload is borrowed.
 * **Peers**: some encoders send an empty AAC header (`af 00`) before the real one; it is relayed as
 * {@link FrameClass.Audio} so that it never replaces a good one.
 *
 * @returns the class; {@link FrameClass.Audio} for anything short or unknown.
 */
export function classifyAudio(payload: Uint8Array): FrameClass {
  if (isEnhancedAudio(payload)) {
    return classifyEnhancedAudio(payload);
  }
  const isAac = (payload[0] ?? 0) >> 4 === SOUND_FORMAT_AAC;
  const isHeader = isAac && payload[1] === 0 && payload.length > AAC_HEADER_BYTES;
  return isHeader ? FrameClass.AudioHeader : FrameClass.Audio;
}

/**
 * Classify the body of a data message by the name it carries.
 *
 * **Spec**: FLV 10.1 Annex E.4.4.1 (ScriptTagBody: an AMF0 string first).
 * **Memory**: allocates nothing, never throws; the payload is borrowed.
 * **Peers**: encoders put `@setDataFrame` before `onMetaData`; AMF3 data messages have a leading zero byte.
 * ffmpeg sends 4-byte data messages without a name.
 *
 * @returns {@link FrameClass.Metadata} for onMetaData, else {@link FrameClass.Data}.
 */
export function classifyData(payload: Uint8Array): FrameClass {
  const start = payload[0] === 0 ? 1 : 0;
  const afterSet = skipAmf0Name(payload, start, SET_DATA_FRAME);
  const isMetadata = skipAmf0Name(payload, afterSet < 0 ? start : afterSet, ON_META_DATA) >= 0;
  return isMetadata ? FrameClass.Metadata : FrameClass.Data;
}

/**
 * Which cached header a message replaces: the same key for the same track and the same purpose.
 *
 * **Shape**: 0–2047. Bits 0–7 the (first) track's id, bit 8 set for HDR metadata or a multichannel
 * configuration, bit 9 set for audio, bit 10 set when one message carries several tracks. A new default-track
 * header sent alone and one sent together with others have different keys: a cache that replays its slots in
 * the order of their last update stays right.
 * **Memory**: allocates nothing, never throws.
 *
 * @returns the key, or {@link NO_HEADER_SLOT} when the message is no header.
 */
export function headerSlot(payload: Uint8Array, kind: MediaKind): number {
  const frameClass = kind === "video" ? classifyVideo(payload) : classifyAudio(payload);
  const isFirst = frameClass === FrameClass.VideoHeader || frameClass === FrameClass.AudioHeader;
  const isSecond = frameClass === FrameClass.VideoMetadata || frameClass === FrameClass.AudioConfig;
  if (!(isFirst || isSecond)) {
    return NO_HEADER_SLOT;
  }
  const base = (kind === "audio" ? SLOT_AUDIO : 0) | (isSecond ? SLOT_SECOND : 0);
  const isEnhanced = kind === "video" ? isEnhancedVideo(payload) : isEnhancedAudio(payload);
  // The classification above read this payload's enhanced header last.
  if (!(isEnhanced && scratch.isMultitrack)) {
    return base;
  }
  const isMany = scratch.multitrackType !== MultitrackType.OneTrack;
  return base | scratch.trackId | (isMany ? SLOT_MANY_TRACKS : 0);
}

/** @returns the offset after an AMF0 string equal to `name` (ASCII), or -1. */
function skipAmf0Name(payload: Uint8Array, start: number, name: string): number {
  const text = start + 3;
  const isOfLength =
    payload[start] === AMF0_STRING &&
    payload[start + 1] === 0 &&
    payload[start + 2] === name.length;
  if (!isOfLength) {
    return -1;
  }
  for (let index = 0; index < name.length; index += 1) {
    if (payload[text + index] !== name.charCodeAt(index)) {
      return -1;
    }
  }
  return text + name.length;
}

function codedClass(frameType: number): FrameClass {
  const isKey = frameType === VideoFrameType.Key || frameType === VideoFrameType.GeneratedKey;
  return isKey ? FrameClass.Keyframe : FrameClass.Inter;
}

function classifyEnhancedVideo(payload: Uint8Array): FrameClass {
  if (!decodeEnhancedHeader(payload, "video", scratch)) {
    return FrameClass.VideoOther;
  }
  const { frameType, packetType } = scratch;
  if (scratch.bodyStart >= scratch.bodyEnd) {
    return FrameClass.VideoOther;
  }
  if (packetType === VideoPacketType.Metadata) {
    return FrameClass.VideoMetadata;
  }
  if (frameType < VideoFrameType.Key || frameType >= VideoFrameType.Command) {
    return FrameClass.VideoOther;
  }
  switch (packetType) {
    case VideoPacketType.SequenceStart:
    case VideoPacketType.Mpeg2TsSequenceStart:
      return FrameClass.VideoHeader;
    case VideoPacketType.CodedFrames:
    case VideoPacketType.CodedFramesX:
      return scratch.hasDefaultTrack ? codedClass(frameType) : FrameClass.Inter;
    default:
      return FrameClass.VideoOther;
  }
}

function classifyEnhancedAudio(payload: Uint8Array): FrameClass {
  if (!decodeEnhancedHeader(payload, "audio", scratch)) {
    return FrameClass.Audio;
  }
  switch (scratch.packetType) {
    case AudioPacketType.SequenceStart:
      // An Opus sequence start may be empty.
      return FrameClass.AudioHeader;
    case AudioPacketType.MultichannelConfig:
      return FrameClass.AudioConfig;
    default:
      return FrameClass.Audio;
  }
}
