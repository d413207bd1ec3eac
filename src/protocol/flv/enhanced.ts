/**
 * Headers of enhanced RTMP (FourCC) audio and video bodies: packet type, ModEx chain, multitrack framing.
 *
 * One decoder serves classification, description and remuxing. It writes into a header object that the caller
 * owns and reuses, so that looking at a frame allocates nothing.
 *
 * Spec: Enhanced RTMP v2, "Enhanced Audio" (ExAudioTagHeader) and "Enhanced Video" (ExVideoTagHeader).
 */
import { MOD_EX_PACKETS_MAX, MULTITRACK_TRACKS_MAX } from "../limits.ts";
import type { FourCc } from "./four-cc.ts";

/** Which of the two media message types a body came in. */
export type MediaKind = "audio" | "video";

/** VideoPacketType. **Spec**: Enhanced RTMP v2, "Enhanced Video". */
export const VideoPacketType = {
  SequenceStart: 0,
  CodedFrames: 1,
  SequenceEnd: 2,
  /** Coded frames whose composition time is zero and not sent. */
  CodedFramesX: 3,
  /** AMF pairs such as `colorInfo` (HDR), valid for the frames that follow. */
  Metadata: 4,
  Mpeg2TsSequenceStart: 5,
  Multitrack: 6,
  ModEx: 7,
} as const;

/** AudioPacketType. **Spec**: Enhanced RTMP v2, "Enhanced Audio". */
export const AudioPacketType = {
  SequenceStart: 0,
  CodedFrames: 1,
  SequenceEnd: 2,
  MultichannelConfig: 4,
  Multitrack: 5,
  ModEx: 7,
} as const;

/** AvMultitrackType. **Spec**: Enhanced RTMP v2, "Enhanced Audio". */
export const MultitrackType = { OneTrack: 0, ManyTracks: 1, ManyTracksManyCodecs: 2 } as const;

/** VideoFrameType, the same values in classic and enhanced bodies. **Spec**: FLV 10.1 Annex E.4.3.1. */
export const VideoFrameType = {
  Key: 1,
  Inter: 2,
  DisposableInter: 3,
  GeneratedKey: 4,
  Command: 5,
} as const;

/** The SoundFormat that announces an enhanced audio body. */
const SOUND_FORMAT_EX = 9;
const EX_VIDEO_BIT = 0x80;
const FOUR_CC_BYTES = 4;
const TRACK_SIZE_BYTES = 3;
/** ModEx type 0: the frame's time is later than its message's by this many nanoseconds. */
const MOD_EX_TIMESTAMP_OFFSET_NANO = 0;

/**
 * What the header of an enhanced body says.
 *
 * **Memory**: owned by the caller and meant to be reused; {@link decodeEnhancedHeader} overwrites every field.
 */
export class EnhancedHeader {
  /** {@link VideoPacketType} or {@link AudioPacketType}, inside a multitrack body that of its tracks. 0–15. */
  packetType = 0;
  /** {@link VideoFrameType}; 0 for audio. */
  frameType = 0;
  /** The first track's codec as a big-endian number, 0 in a command frame. */
  fourCc: FourCc = 0;
  /** The body is a multitrack body. */
  isMultitrack = false;
  /** {@link MultitrackType}, 0 outside multitrack bodies. */
  multitrackType = 0;
  /** Track id of the first track, 0 outside multitrack bodies. */
  trackId = 0;
  /** The body holds the default track: it is no multitrack body, or one of its tracks has the id 0. */
  hasDefaultTrack = true;
  /** Nanoseconds, 0–16777215, to add to the message's time (ModEx TimestampOffsetNano). */
  nanosecondOffset = 0;
  /** Where the first track's data starts: after FourCC, track id and size. */
  bodyStart = 0;
  /** Where the first track's data ends, at most the payload's length. */
  bodyEnd = 0;
}

/** Whether a video body has an enhanced header. @returns false for an empty one. */
export function isEnhancedVideo(payload: Uint8Array): boolean {
  return ((payload[0] ?? 0) & EX_VIDEO_BIT) !== 0;
}

/** Whether an audio body has an enhanced header. @returns false for an empty one. */
export function isEnhancedAudio(payload: Uint8Array): boolean {
  return (payload[0] ?? 0) >> 4 === SOUND_FORMAT_EX;
}

/**
 * Decode the header of an enhanced body into `target`.
 *
 * **Spec**: Enhanced RTMP v2, ExAudioTagHeader and ExVideoTagHeader.
 * **Shape**: a chain of at most {@link MOD_EX_PACKETS_MAX} ModEx packets, then a FourCC or a multitrack header.
 * **Memory**: allocates nothing and never throws.
 * **Peers**: early OBS betas cut the FourCC (`0x90 'h' 'v'`); such a body is reported as unreadable and relayed.
 *
 * @returns false when the body is truncated, nests multitrack, or passes a bound; `target` is then meaningless.
 */
export function decodeEnhancedHeader(
  payload: Uint8Array,
  kind: MediaKind,
  target: EnhancedHeader,
): boolean {
  const first = payload[0];
  if (first === undefined) {
    return false;
  }
  target.frameType = kind === "video" ? (first >> 4) & 7 : 0;
  target.packetType = first & 15;
  target.isMultitrack = false;
  target.multitrackType = 0;
  target.trackId = 0;
  target.hasDefaultTrack = true;
  target.nanosecondOffset = 0;
  target.fourCc = 0;
  target.bodyEnd = payload.length;
  const offset = skipModEx(payload, target);
  if (offset < 0) {
    return false;
  }
  if (kind === "video" && isCommand(target)) {
    target.bodyStart = offset;
    return offset < payload.length;
  }
  const multitrack = kind === "video" ? VideoPacketType.Multitrack : AudioPacketType.Multitrack;
  return target.packetType === multitrack
    ? decodeMultitrack(payload, offset, multitrack, target)
    : decodeFourCc(payload, offset, target);
}

function isCommand(header: EnhancedHeader): boolean {
  // The frame type of a metadata packet is to be ignored.
  return (
    header.frameType === VideoFrameType.Command && header.packetType !== VideoPacketType.Metadata
  );
}

/** @returns the offset after the chain, or -1 when it is truncated or too long. */
function skipModEx(payload: Uint8Array, target: EnhancedHeader): number {
  let offset = 1;
  for (let packets = 0; target.packetType === VideoPacketType.ModEx; packets += 1) {
    if (packets === MOD_EX_PACKETS_MAX || offset >= payload.length) {
      return -1;
    }
    let sizeBytes = byteAt(payload, offset) + 1;
    offset += 1;
    if (sizeBytes === 256) {
      if (offset + 2 > payload.length) {
        return -1;
      }
      sizeBytes = ((byteAt(payload, offset) << 8) | byteAt(payload, offset + 1)) + 1;
      offset += 2;
    }
    const dataStart = offset;
    offset += sizeBytes;
    if (offset >= payload.length) {
      return -1;
    }
    const types = byteAt(payload, offset);
    offset += 1;
    if (types >> 4 === MOD_EX_TIMESTAMP_OFFSET_NANO && sizeBytes >= 3) {
      target.nanosecondOffset = uint24At(payload, dataStart);
    }
    target.packetType = types & 15;
  }
  return offset;
}

function decodeFourCc(payload: Uint8Array, offset: number, target: EnhancedHeader): boolean {
  if (offset + FOUR_CC_BYTES > payload.length) {
    return false;
  }
  target.fourCc = fourCcAt(payload, offset);
  target.bodyStart = offset + FOUR_CC_BYTES;
  return true;
}

function decodeMultitrack(
  payload: Uint8Array,
  start: number,
  multitrack: number,
  target: EnhancedHeader,
): boolean {
  const types = payload[start];
  if (types === undefined) {
    return false;
  }
  target.isMultitrack = true;
  target.multitrackType = types >> 4;
  target.packetType = types & 15;
  const isNested = target.packetType === multitrack || target.packetType === VideoPacketType.ModEx;
  if (isNested || target.multitrackType > MultitrackType.ManyTracksManyCodecs) {
    return false;
  }
  let offset = start + 1;
  if (target.multitrackType !== MultitrackType.ManyTracksManyCodecs) {
    if (!decodeFourCc(payload, offset, target)) {
      return false;
    }
    offset += FOUR_CC_BYTES;
  }
  return decodeFirstTrack(payload, offset, target);
}

function decodeFirstTrack(payload: Uint8Array, start: number, target: EnhancedHeader): boolean {
  let offset = start;
  if (target.multitrackType === MultitrackType.ManyTracksManyCodecs) {
    if (!decodeFourCc(payload, offset, target)) {
      return false;
    }
    offset += FOUR_CC_BYTES;
  }
  if (offset >= payload.length) {
    return false;
  }
  target.trackId = byteAt(payload, offset);
  target.bodyStart = offset + 1;
  target.hasDefaultTrack = target.trackId === 0;
  if (target.multitrackType === MultitrackType.OneTrack) {
    return true;
  }
  if (target.bodyStart + TRACK_SIZE_BYTES > payload.length) {
    return false;
  }
  const sizeBytes = uint24At(payload, target.bodyStart);
  target.bodyStart += TRACK_SIZE_BYTES;
  if (target.bodyStart + sizeBytes > payload.length) {
    return false;
  }
  target.bodyEnd = target.bodyStart + sizeBytes;
  target.hasDefaultTrack ||= hasDefaultTrackAfter(payload, target);
  return true;
}

/** Whether a track after the first has the id 0. Stops quietly at a truncated track. */
function hasDefaultTrackAfter(payload: Uint8Array, header: EnhancedHeader): boolean {
  const isManyCodecs = header.multitrackType === MultitrackType.ManyTracksManyCodecs;
  const idOffset = isManyCodecs ? FOUR_CC_BYTES : 0;
  let offset = header.bodyEnd;
  for (let tracks = 1; tracks < MULTITRACK_TRACKS_MAX; tracks += 1) {
    const sizeStart = offset + idOffset + 1;
    if (sizeStart + TRACK_SIZE_BYTES > payload.length) {
      return false;
    }
    if (payload[offset + idOffset] === 0) {
      return true;
    }
    offset = sizeStart + TRACK_SIZE_BYTES + uint24At(payload, sizeStart);
  }
  return false;
}

function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

function uint24At(bytes: Uint8Array, offset: number): number {
  return (
    (byteAt(bytes, offset) << 16) | (byteAt(bytes, offset + 1) << 8) | byteAt(bytes, offset + 2)
  );
}

function fourCcAt(bytes: Uint8Array, offset: number): number {
  return ((byteAt(bytes, offset) << 24) | uint24At(bytes, offset + 1)) >>> 0;
}
