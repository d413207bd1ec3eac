/**
 * Messages into chunks (RTMP 1.0 §5.3).
 *
 * Every message starts with a format-0 chunk and continues with format 3, so that its bytes depend on nothing that
 * was sent before: they can be stored once, joined at any message and shared by all receivers. The extended
 * timestamp is repeated on every continuation, as §5.3.1.3 asks (GStreamer warns when it is not).
 */

import { InvariantError } from "../errors.ts";
import {
  basicHeaderBytesOf,
  CHUNK_HEADER_BYTES_MAX,
  CHUNK_STREAM_ID_MAX,
  CHUNK_STREAM_ID_MIN,
  EXTENDED_TIMESTAMP,
  encodeBasicHeader,
} from "./chunk-header.ts";
import type { MessageHeader } from "./message.ts";

/** Where encoded bytes go: the ring's writer or a buffer. */
export interface ByteTarget {
  /** Append `source[start, end)`. The source is **borrowed** until return. */
  put(source: Uint8Array, start: number, end: number): void;
}

/** The largest payload whose length fits the 24-bit field (§5.3.1.2.1). */
const PAYLOAD_BYTES_MAX = 0xff_ff_ff;

/**
 * Length in wire form of a message, chunk headers included.
 * Units: bytes; `timestamp` in milliseconds modulo 2^32.
 * @returns the number of bytes {@link ChunkEncoder.encode} will put
 */
export function encodedLength(
  payloadBytes: number,
  timestamp: number,
  chunkSize: number,
  chunkStreamId: number,
): number {
  const extended = timestamp >>> 0 >= EXTENDED_TIMESTAMP ? 4 : 0;
  const chunkHeader = basicHeaderBytesOf(chunkStreamId) + extended;
  const chunks = Math.max(1, Math.ceil(payloadBytes / chunkSize));
  return chunks * chunkHeader + 11 + payloadBytes;
}

/** Encodes messages into a {@link ByteTarget}. One can serve any number of connections: it keeps no stream state. */
export class ChunkEncoder {
  /** **Owned**; the header being put. */
  readonly #header = new Uint8Array(CHUNK_HEADER_BYTES_MAX);

  /**
   * Puts one message in wire form.
   * Shape: payload 0–0xFFFFFF bytes, chunk size at least 1, chunk stream id 2–65599.
   * Memory: allocates nothing; payload and header bytes are borrowed by the target during each put.
   * @throws InvariantError when the message cannot be expressed
   */
  encode(target: ByteTarget, header: MessageHeader, payload: Uint8Array, chunkSize: number): void {
    const length = payload.length;
    const id = header.chunkStreamId;
    if (length > PAYLOAD_BYTES_MAX || !(chunkSize >= 1)) {
      throw new InvariantError(`message of ${length} bytes in chunks of ${chunkSize}`);
    }
    if (!(id >= CHUNK_STREAM_ID_MIN && id <= CHUNK_STREAM_ID_MAX)) {
      throw new InvariantError(`chunk stream id ${id}`);
    }
    target.put(this.#header, 0, encodeFirstHeader(this.#header, header, length));
    if (length <= chunkSize) {
      target.put(payload, 0, length);
      return;
    }
    target.put(payload, 0, chunkSize);
    const next = encodeNextHeader(this.#header, header);
    for (let start = chunkSize; start < length; start += chunkSize) {
      target.put(this.#header, 0, next);
      target.put(payload, start, Math.min(start + chunkSize, length));
    }
  }
}

/**
 * One message in wire form in an array of its own, for control traffic off the hot path.
 * Memory: **owned** by the caller.
 * @throws InvariantError when the message cannot be expressed
 */
export function encodeMessage(
  header: MessageHeader,
  payload: Uint8Array,
  chunkSize: number,
): Uint8Array {
  const length = encodedLength(payload.length, header.timestamp, chunkSize, header.chunkStreamId);
  const bytes = new Uint8Array(length);
  let offset = 0;
  new ChunkEncoder().encode(
    {
      put(source, start, end) {
        bytes.set(source.subarray(start, end), offset);
        offset += end - start;
      },
    },
    header,
    payload,
    chunkSize,
  );
  return bytes;
}

function encodeFirstHeader(target: Uint8Array, header: MessageHeader, length: number): number {
  const timestamp = header.timestamp >>> 0;
  const streamId = header.streamId;
  const field = Math.min(timestamp, EXTENDED_TIMESTAMP);
  let at = encodeBasicHeader(target, 0, 0, header.chunkStreamId);
  target[at++] = field >>> 16;
  target[at++] = field >>> 8;
  target[at++] = field;
  target[at++] = length >>> 16;
  target[at++] = length >>> 8;
  target[at++] = length;
  target[at++] = header.type;
  target[at++] = streamId;
  target[at++] = streamId >>> 8;
  target[at++] = streamId >>> 16;
  target[at++] = streamId >>> 24;
  return encodeExtended(target, at, timestamp);
}

function encodeNextHeader(target: Uint8Array, header: MessageHeader): number {
  const at = encodeBasicHeader(target, 0, 3, header.chunkStreamId);
  return encodeExtended(target, at, header.timestamp >>> 0);
}

function encodeExtended(target: Uint8Array, offset: number, timestamp: number): number {
  if (timestamp < EXTENDED_TIMESTAMP) {
    return offset;
  }
  target[offset] = timestamp >>> 24;
  target[offset + 1] = timestamp >>> 16;
  target[offset + 2] = timestamp >>> 8;
  target[offset + 3] = timestamp;
  return offset + 4;
}
