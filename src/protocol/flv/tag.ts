/**
 * FLV framing: file header, tag headers and back pointers, written and read.
 *
 * Spec: FLV 10.1 Annex E.2 (header), E.3 (body), E.4.1 (tag).
 */
import { LimitError, ProtocolError } from "../errors.ts";
import {
  COMMAND_MESSAGE_BYTES_MAX,
  FLV_HEADER_BYTES_MAX,
  MEDIA_MESSAGE_BYTES_MAX,
} from "../limits.ts";

/** Tag types; the same numbers as the RTMP message types. **Spec**: FLV 10.1 Annex E.4.1. */
export const FlvTagType = { Audio: 8, Video: 9, Script: 18 } as const;

/** Bytes of {@link encodeFlvHeader}: the header and PreviousTagSize0. */
export const FLV_HEADER_BYTES = 13;
/** Bytes of a tag header. */
export const FLV_TAG_HEADER_BYTES = 11;
/** Bytes of the back pointer after each tag. */
export const FLV_BACK_POINTER_BYTES = 4;

const HEADER_FIXED_BYTES = 9;
const FLAG_AUDIO = 4;
const FLAG_VIDEO = 1;
/** The low five bits of a tag's first byte; above them the encryption filter and reserved bits. */
const TAG_TYPE_MASK = 0x1f;
/** First allocation for a tag that arrives in pieces; it doubles as bytes come. */
const ASSEMBLY_BYTES_MIN = 4096;
/** A larger assembly buffer is given back after its tag. */
const ASSEMBLY_BYTES_KEPT = 256 * 1024;

/** Which tracks a file header announces. */
export interface FlvHeader {
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
}

/** One tag. **Memory**: the object and its payload are borrowed until the sink returns. */
export interface FlvTag {
  /** One of {@link FlvTagType}, or an unknown 0–31. */
  readonly type: number;
  /** Milliseconds modulo 2^32. */
  readonly timestamp: number;
  /** At most 10 MiB; 1 MiB for types other than audio and video. */
  readonly payload: Uint8Array;
}

/** Receives what an {@link FlvTagDecoder} finds, in order. */
export interface FlvSink {
  /** The file header, once and first. */
  header?(header: FlvHeader): void;
  tag(tag: FlvTag): void;
}

/**
 * Encode the file header and PreviousTagSize0.
 *
 * **Spec**: FLV 10.1 Annex E.2, E.3.
 * **Peers**: flv.js and VLC wait for a track whose flag is set, so flags must be true to the stream.
 * @returns an owned array of {@link FLV_HEADER_BYTES}.
 */
export function encodeFlvHeader(header: FlvHeader): Uint8Array {
  const flags = (header.hasAudio ? FLAG_AUDIO : 0) | (header.hasVideo ? FLAG_VIDEO : 0);
  return Uint8Array.of(0x46, 0x4c, 0x56, 1, flags, 0, 0, 0, HEADER_FIXED_BYTES, 0, 0, 0, 0);
}

/**
 * Write a tag header at `offset`.
 *
 * **Spec**: FLV 10.1 Annex E.4.1; bits 24–31 of the timestamp go to TimestampExtended.
 * **Shape**: `length` 0–16777215; `timestamp` any integer, taken modulo 2^32, so a negative one wraps.
 * **Memory**: allocates nothing; `target` needs {@link FLV_TAG_HEADER_BYTES} from `offset`.
 * @returns the offset after the header.
 */
export function encodeTagHeader(
  target: Uint8Array,
  offset: number,
  type: number,
  timestamp: number,
  length: number,
): number {
  const time = timestamp >>> 0;
  target[offset] = type;
  putUint24(target, offset + 1, length);
  putUint24(target, offset + 4, time);
  target[offset + 7] = time >>> 24;
  putUint24(target, offset + 8, 0);
  return offset + FLV_TAG_HEADER_BYTES;
}

/**
 * Write the back pointer that follows a tag with `length` bytes of payload.
 *
 * **Spec**: FLV 10.1 Annex E.3, PreviousTagSize.
 * @returns the offset after it.
 */
export function encodePreviousTagSize(target: Uint8Array, offset: number, length: number): number {
  const sizeBytes = length + FLV_TAG_HEADER_BYTES;
  target[offset] = sizeBytes >>> 24;
  putUint24(target, offset + 1, sizeBytes);
  return offset + FLV_BACK_POINTER_BYTES;
}

/** Encode one whole tag with its back pointer. @returns an owned array. */
export function encodeFlvTag(tag: FlvTag): Uint8Array {
  const { type, timestamp, payload } = tag;
  const bytes = new Uint8Array(FLV_TAG_HEADER_BYTES + payload.length + FLV_BACK_POINTER_BYTES);
  const start = encodeTagHeader(bytes, 0, type, timestamp, payload.length);
  bytes.set(payload, start);
  encodePreviousTagSize(bytes, start + payload.length, payload.length);
  return bytes;
}

/** What the bytes that come next are. */
type Part = "fileHeader" | "skip" | "tagHeader" | "payload";

/**
 * Incremental decoder of an FLV byte stream. Any cut of the input gives the same events.
 *
 * **Memory**: owned, one assembly buffer that grows with the bytes received, never with an announced length;
 * at most one payload. A payload that lies whole inside the pushed bytes is delivered as a view of them.
 * Back pointers are skipped unread: many writers leave them wrong.
 */
export class FlvTagDecoder {
  #part: Part = "fileHeader";
  /** Bytes that the current part needs. */
  #needed = HEADER_FIXED_BYTES;
  /** Bytes of the current part received, held in {@link #assembly} unless the part is 'skip'. */
  #held = 0;
  #assembly = new Uint8Array(ASSEMBLY_BYTES_MIN);
  /** Input bytes before the current part: the place of errors. */
  #offset = 0;
  readonly #tag: { type: number; timestamp: number; payload: Uint8Array } = {
    type: 0,
    timestamp: 0,
    payload: new Uint8Array(0),
  };

  /**
   * Decode `bytes` and deliver every header and tag that they complete.
   *
   * @throws ProtocolError `ERR_FLV_SIGNATURE`, `ERR_FLV_HEADER`; LimitError `ERR_FLV_TAG_SIZE` when a tag
   * announces more than its type may carry. A decoder that threw must not be used again.
   */
  push(bytes: Uint8Array, sink: FlvSink): void {
    let offset = 0;
    // A tag without payload completes with no further input.
    while (offset < bytes.length || this.#needed === 0) {
      const taken = Math.min(this.#needed - this.#held, bytes.length - offset);
      const isWhole = this.#held === 0 && taken === this.#needed;
      if (this.#part !== "skip" && !isWhole) {
        this.#hold(bytes, offset, taken);
      }
      this.#held += taken;
      offset += taken;
      if (this.#held === this.#needed) {
        const part = isWhole
          ? bytes.subarray(offset - taken, offset)
          : this.#assembly.subarray(0, this.#held);
        this.#complete(part, sink);
      }
    }
  }

  #hold(bytes: Uint8Array, start: number, count: number): void {
    const wanted = this.#held + count;
    if (wanted > this.#assembly.length) {
      const grown = new Uint8Array(
        Math.max(wanted, Math.min(this.#assembly.length * 2, this.#needed)),
      );
      grown.set(this.#assembly.subarray(0, this.#held));
      this.#assembly = grown;
    }
    this.#assembly.set(bytes.subarray(start, start + count), this.#held);
  }

  #complete(part: Uint8Array, sink: FlvSink): void {
    const done = this.#part;
    this.#offset += this.#needed;
    this.#held = 0;
    switch (done) {
      case "fileHeader":
        this.#fileHeader(part, sink);
        return;
      case "skip":
        this.#expect("tagHeader", FLV_TAG_HEADER_BYTES);
        return;
      case "tagHeader":
        this.#tagHeader(part);
        return;
      case "payload":
        this.#expect("skip", FLV_BACK_POINTER_BYTES);
        this.#tag.payload = part;
        sink.tag(this.#tag);
        this.#tag.payload = part.subarray(0, 0);
        if (this.#assembly.length > ASSEMBLY_BYTES_KEPT) {
          this.#assembly = new Uint8Array(ASSEMBLY_BYTES_MIN);
        }
        return;
    }
  }

  #expect(part: Part, needed: number): void {
    this.#part = part;
    this.#needed = needed;
  }

  #fileHeader(bytes: Uint8Array, sink: FlvSink): void {
    const place = { offset: this.#offset - HEADER_FIXED_BYTES, spec: "FLV 10.1 Annex E.2" };
    if (bytes[0] !== 0x46 || bytes[1] !== 0x4c || bytes[2] !== 0x56) {
      throw new ProtocolError("ERR_FLV_SIGNATURE", 'an FLV stream starts with "FLV"', place);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const headerBytes = view.getUint32(5);
    if (headerBytes < HEADER_FIXED_BYTES) {
      throw new ProtocolError("ERR_FLV_HEADER", `FLV header of ${headerBytes} bytes`, place);
    }
    if (headerBytes > FLV_HEADER_BYTES_MAX) {
      throw new LimitError("ERR_FLV_HEADER", `FLV header of ${headerBytes} bytes`, place);
    }
    const flags = view.getUint8(4);
    this.#expect("skip", headerBytes - HEADER_FIXED_BYTES + FLV_BACK_POINTER_BYTES);
    sink.header?.({ hasAudio: (flags & FLAG_AUDIO) !== 0, hasVideo: (flags & FLAG_VIDEO) !== 0 });
  }

  #tagHeader(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const type = view.getUint8(0) & TAG_TYPE_MASK;
    const length = view.getUint32(0) & 0xff_ff_ff;
    const isMedia = type === FlvTagType.Audio || type === FlvTagType.Video;
    const lengthMax = isMedia ? MEDIA_MESSAGE_BYTES_MAX : COMMAND_MESSAGE_BYTES_MAX;
    if (length > lengthMax) {
      throw new LimitError("ERR_FLV_TAG_SIZE", `FLV tag type ${type} of ${length} bytes`, {
        offset: this.#offset - FLV_TAG_HEADER_BYTES,
        spec: "FLV 10.1 Annex E.4.1",
      });
    }
    this.#tag.type = type;
    this.#tag.timestamp = ((view.getUint8(7) << 24) | (view.getUint32(3) & 0xff_ff_ff)) >>> 0;
    this.#expect("payload", length);
  }
}

function putUint24(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 16;
  target[offset + 1] = value >>> 8;
  target[offset + 2] = value;
}
