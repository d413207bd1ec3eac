/**
 * Enhanced HEVC bodies in the older dialect (codec id 12), for players that know nothing else.
 *
 * Spec: Enhanced RTMP v2, ExVideoTagHeader; the dialect puts codec id 12 into AVC's header (FLV 10.1 Annex E.4.3.1).
 */
import {
  decodeEnhancedHeader,
  EnhancedHeader,
  isEnhancedVideo,
  VideoPacketType,
} from "./enhanced.ts";
import { VideoFourCc } from "./four-cc.ts";

/** Frame type and codec, packet type, composition time. */
export const LEGACY_HEADER_BYTES = 5;

const CODEC_ID_HEVC = 12;
const PACKET_CODED = 1;
const COMPOSITION_TIME_BYTES = 3;

/** A body in two pieces: a new header, and what follows in the payload. **Memory**: owned by the caller and reused. */
export class LegacyBody {
  readonly header: Uint8Array = new Uint8Array(LEGACY_HEADER_BYTES);
  /** The rest is payload[start, end). */
  start = 0;
  end = 0;
}

const scratch = new EnhancedHeader();

/**
 * Convert an enhanced HEVC body into `target`.
 *
 * **Memory**: allocates nothing, never throws.
 * @returns false for bodies that stay as they are: other codecs, classic ones, other tracks, metadata.
 */
export function toLegacyHevc(payload: Uint8Array, target: LegacyBody): boolean {
  if (!(isEnhancedVideo(payload) && decodeEnhancedHeader(payload, "video", scratch))) {
    return false;
  }
  const packetType = legacyPacketType(scratch.packetType);
  if (scratch.fourCc !== VideoFourCc.Hevc || scratch.trackId !== 0 || packetType < 0) {
    return false;
  }
  const { header } = target;
  header.fill(0);
  header[0] = (scratch.frameType << 4) | CODEC_ID_HEVC;
  header[1] = packetType;
  target.start = scratch.bodyStart;
  target.end = scratch.bodyEnd;
  if (scratch.packetType === VideoPacketType.CodedFrames) {
    if (scratch.bodyStart + COMPOSITION_TIME_BYTES > scratch.bodyEnd) {
      return false;
    }
    header.set(payload.subarray(target.start, target.start + COMPOSITION_TIME_BYTES), 2);
    target.start += COMPOSITION_TIME_BYTES;
  }
  return true;
}

/** @returns -1 where the dialect has none. */
function legacyPacketType(packetType: number): number {
  switch (packetType) {
    case VideoPacketType.SequenceStart:
    case VideoPacketType.CodedFrames:
    case VideoPacketType.SequenceEnd:
      return packetType;
    case VideoPacketType.CodedFramesX:
      return PACKET_CODED;
    default:
      return -1;
  }
}
