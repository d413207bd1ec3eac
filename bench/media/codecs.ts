/** How frames of each codec profile look inside an RTMP or FLV media body, and where the stamp stands in them. */
import { concatBytes } from "../rtmp/chunks.ts";
import type { CodecProfile } from "./stream-shape.ts";

/** Where the stamp stands in an audio payload: after the two bytes of the tag header. */
export const AUDIO_STAMP_OFFSET = 2;
const AVC_STAMP_OFFSET = 10;
const HEVC_STAMP_OFFSET = 11;
/** Bytes of the payload that must be there to read a stamp. */
export const STAMP_PEEK_BYTES = 24;

const ENHANCED = 0x80;
const PACKET_CODED_FRAMES_X = 3;
const FOUR_CC_HEVC = [0x68, 0x76, 0x63, 0x31] as const;
const KEYFRAME = 1;

// High profile, level 3.1, 1280 × 720.
const AVC_HIGH =
  "0164001fffe100186764001facb200a00b760220000003002000000781e3064901000668ebc3cb22c0fdf8f800";
// Constrained Baseline, level 1.3, 320 × 240.
const AVC_BASELINE =
  "0142c00dffe100186742c00dd90141fb0110000003001000000303c0f142a48001000568cb83cb20";
// Main, 640 × 360: VPS, SPS, PPS.
const HEVC_MAIN =
  "0101600000009000000000003ff000fcfdf8f800000f03" +
  "a00001001840010c01ffff01600000030090000003000003003f959809" +
  "a10001002a42010101600000030090000003000003003fa00502016965959a4932bc05a02000000300200000030321" +
  "a2000100074401c172b46240";
const AAC_CONFIG = "1210";

const fromHex = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));

/** @returns **owned** video body with the decoder's configuration. */
export function videoHeader(codec: CodecProfile): Uint8Array {
  if (codec === "hevc") {
    return concatBytes([
      Uint8Array.from([ENHANCED | (KEYFRAME << 4), ...FOUR_CC_HEVC]),
      fromHex(HEVC_MAIN),
    ]);
  }
  const config = codec === "avc-high" ? AVC_HIGH : AVC_BASELINE;
  return concatBytes([Uint8Array.from([0x17, 0, 0, 0, 0]), fromHex(config)]);
}

/** @returns **owned** audio body with the decoder's configuration. */
export function audioHeader(): Uint8Array {
  return concatBytes([Uint8Array.from([0xaf, 0]), fromHex(AAC_CONFIG)]);
}

/** Write tag header, NAL length and NAL header over a filler of the frame's size. */
export function dressFrame(payload: Uint8Array, codec: CodecProfile, isKey: boolean): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (codec === "hevc") {
    const frameType = isKey ? KEYFRAME : 2;
    payload.set([ENHANCED | (frameType << 4) | PACKET_CODED_FRAMES_X, ...FOUR_CC_HEVC]);
    view.setUint32(5, payload.length - 9);
    payload.set([isKey ? 0x26 : 0x02, 0x01], 9);
    return;
  }
  payload.set([isKey ? 0x17 : 0x27, 1, 0, 0, 0]);
  view.setUint32(5, payload.length - 9);
  payload[9] = isKey ? 0x65 : 0x41;
}

/** Where the stamp stands in a video body of the profile. */
export const videoStampOffset = (codec: CodecProfile): number =>
  codec === "hevc" ? HEVC_STAMP_OFFSET : AVC_STAMP_OFFSET;

/** The same, told by the body's own first byte. */
export const stampOffsetOf = (first: number): number =>
  (first & ENHANCED) === 0 ? AVC_STAMP_OFFSET : HEVC_STAMP_OFFSET;

/** Whether a video or audio body's first two bytes announce a sequence header and not a frame. */
export function isHeaderBody(isVideo: boolean, first: number, second: number): boolean {
  if (!isVideo || (first & ENHANCED) === 0) {
    return second !== 1;
  }
  return (first & 15) !== PACKET_CODED_FRAMES_X;
}

export const isKeyframeBody = (first: number): boolean => ((first >> 4) & 7) === KEYFRAME;
