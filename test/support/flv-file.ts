/**
 * FLV files as lists of frames, read with code of the tests' own: it judges what weir's code did.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** What a message is to a player. */
export type FrameKind = "end" | "data" | "header" | "key" | "inter" | "audio";

/** One audio, video or data message. */
export interface Frame {
  /** RTMP message type: 8 audio, 9 video, 18 data. */
  readonly type: number;
  readonly kind: FrameKind;
  /** Milliseconds. */
  readonly timestamp: number;
  readonly hash: string;
  readonly payload: Uint8Array;
}

const FILE_HEADER_BYTES = 9;
const BACK_POINTER_BYTES = 4;
const TAG_HEADER_BYTES = 11;

/** Short name of a payload's bytes. */
export function hashPayload(payload: Uint8Array): string {
  return createHash("sha1").update(payload).digest("base64");
}

/** What a message's first bytes say it is; enhanced RTMP's forms too. */
export function kindOf(type: number, payload: Uint8Array): FrameKind {
  const [first = 0, second = 0] = payload;
  if (type === 9) {
    return videoKindOf(first, second);
  }
  if (type === 8) {
    const codec = first >> 4;
    const isHeader = (codec === 10 && second === 0) || (codec === 9 && (first & 0x0f) === 0);
    return isHeader ? "header" : "audio";
  }
  return "data";
}

function videoKindOf(first: number, second: number): FrameKind {
  const hasPacketType = (first & 0x0f) === 7 || (first & 0x0f) === 12;
  const classic = hasPacketType ? second : 1;
  const packetType = (first & 0x80) === 0 ? classic : first & 0x0f;
  if (packetType === 0) {
    return "header";
  }
  if (packetType === 2) {
    return "end";
  }
  return ((first >> 4) & 7) === 1 ? "key" : "inter";
}

/** Name of a data message: its first AMF0 string; empty for other messages. */
export function nameOf(type: number, payload: Uint8Array): string {
  if (type !== 18 || payload[0] !== 2) {
    return "";
  }
  const length = ((payload[1] ?? 0) << 8) | (payload[2] ?? 0);
  return Buffer.from(payload.subarray(3, 3 + length)).toString("latin1");
}

/** All tags of a file, the end of sequence left out: what follows it may be more of the same. */
export function readFlv(file: string): Frame[] {
  return readFlvBytes(readFileSync(file));
}

/** The same of a body, as far as its tags are whole. */
export function readFlvBytes(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  let at = FILE_HEADER_BYTES + BACK_POINTER_BYTES;
  while (at + TAG_HEADER_BYTES <= bytes.length) {
    const type = bytes.readUInt8(at);
    const length = bytes.readUIntBE(at + 1, 3);
    const timestamp = bytes.readUIntBE(at + 4, 3) + bytes.readUInt8(at + 7) * 0x1_00_00_00;
    const payload = bytes.subarray(at + TAG_HEADER_BYTES, at + TAG_HEADER_BYTES + length);
    const kind = kindOf(type, payload);
    if (kind !== "end" && payload.length === length) {
      frames.push({ type, kind, timestamp, hash: hashPayload(payload), payload });
    }
    at += TAG_HEADER_BYTES + length + BACK_POINTER_BYTES;
  }
  return frames;
}
