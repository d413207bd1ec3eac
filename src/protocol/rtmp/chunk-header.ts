/**
 * Chunk headers (RTMP 1.0 §5.3.1): sizes and forms shared by the decoder and the encoder.
 *
 * | csid | form | bytes |
 * |---|---|---|
 * | 2–63 | `fmt(2) csid(6)` | 1 |
 * | 64–319 | `fmt(2) 0`, `csid - 64` | 2 |
 * | 64–65599 | `fmt(2) 1`, `csid - 64` little-endian | 3 |
 */

/** Lowest chunk stream id: 0 and 1 announce the longer forms. */
export const CHUNK_STREAM_ID_MIN = 2;
/** Highest chunk stream id of the three-byte form. */
export const CHUNK_STREAM_ID_MAX = 65_599;
/** Basic header 3, message header 11, extended timestamp 4. */
export const CHUNK_HEADER_BYTES_MAX = 18;
/** In the 24-bit field: the time stands in the four bytes after the message header (§5.3.1.3). */
export const EXTENDED_TIMESTAMP = 0xff_ff_ff;
/** Message header bytes by chunk format 0–3 (§5.3.1.2). */
export const MESSAGE_HEADER_BYTES: readonly number[] = [11, 7, 3, 0];

/**
 * Length of the basic header that begins with `first`.
 * Spec: RTMP 1.0 §5.3.1.1.
 * @returns 1, 2 or 3
 */
export function basicHeaderBytes(first: number): number {
  const low = first & 0x3f;
  return low > 1 ? 1 : low + 2;
}

/**
 * The chunk stream id of the basic header at `offset`; the whole header must be there.
 * The two-byte and the three-byte form of one id name the same chunk stream.
 * Spec: RTMP 1.0 §5.3.1.1.
 * @returns 2–65599
 */
export function decodeChunkStreamId(bytes: Uint8Array, offset: number): number {
  const low = (bytes[offset] ?? 0) & 0x3f;
  if (low > 1) {
    return low;
  }
  const second = bytes[offset + 1] ?? 0;
  return low === 0 ? second + 64 : second + (bytes[offset + 2] ?? 0) * 256 + 64;
}

/**
 * Writes the shortest basic header for a chunk stream.
 * Spec: RTMP 1.0 §5.3.1.1. Memory: writes at most 3 bytes into `target`, allocates nothing.
 * @returns the offset after it
 */
export function encodeBasicHeader(
  target: Uint8Array,
  offset: number,
  format: number,
  chunkStreamId: number,
): number {
  const top = format << 6;
  if (chunkStreamId < 64) {
    target[offset] = top | chunkStreamId;
    return offset + 1;
  }
  const rest = chunkStreamId - 64;
  if (rest < 256) {
    target[offset] = top;
    target[offset + 1] = rest;
    return offset + 2;
  }
  target[offset] = top | 1;
  target[offset + 1] = rest & 0xff;
  target[offset + 2] = rest >>> 8;
  return offset + 3;
}

/**
 * Bytes of the shortest basic header for a chunk stream.
 * @returns 1, 2 or 3
 */
export function basicHeaderBytesOf(chunkStreamId: number): number {
  if (chunkStreamId < 64) {
    return 1;
  }
  return chunkStreamId < 320 ? 2 : 3;
}
