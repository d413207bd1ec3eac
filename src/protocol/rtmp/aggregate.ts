/**
 * Aggregate messages (RTMP 1.0 §7.1.6): FLV tags back to back in one message.
 */
import type { Message } from "./message.ts";
import { ChunkStream, MessageType } from "./message.ts";

/** Tag header (11) and the trailing size (4) of an FLV tag. */
const HEADER_BYTES = 11;
const TRAILER_BYTES = 4;

/**
 * Takes an aggregate apart: its audio, video and data messages with their own times, shifted so that the first one
 * has the aggregate's. Nested aggregates and unknown types are passed over; the missing size behind the last tag is
 * not a fault.
 * Spec: RTMP 1.0 §7.1.6. Units: milliseconds modulo 2^32.
 * Memory: delivered payloads are views of the aggregate's, **borrowed** until the call returns.
 * @returns false when the bytes end inside a tag: what stood before the fault was delivered
 */
export function decodeAggregate(aggregate: Message, deliver: (message: Message) => void): boolean {
  const bytes = aggregate.payload;
  let offset = 0;
  let shift: number | undefined;
  while (offset < bytes.length) {
    if (bytes.length - offset < HEADER_BYTES) {
      return false;
    }
    const type = byteAt(bytes, offset);
    const length = uint24(bytes, offset + 1);
    const time = (uint24(bytes, offset + 4) | (byteAt(bytes, offset + 7) << 24)) >>> 0;
    const start = offset + HEADER_BYTES;
    if (length > bytes.length - start) {
      return false;
    }
    shift ??= aggregate.timestamp - time;
    if (length > 0 && isPart(type)) {
      deliver({
        type,
        timestamp: (time + shift) >>> 0,
        streamId: aggregate.streamId,
        chunkStreamId: chunkStreamOf(type),
        payload: bytes.subarray(start, start + length),
      });
    }
    offset = start + length + TRAILER_BYTES;
  }
  return true;
}

/** The chunk stream weir sends this kind of media on. */
export function chunkStreamOf(type: number): number {
  if (type === MessageType.Video) {
    return ChunkStream.Video;
  }
  return type === MessageType.Audio ? ChunkStream.Audio : ChunkStream.Stream;
}

function isPart(type: number): boolean {
  return type === MessageType.Audio || type === MessageType.Video || type === MessageType.DataAmf0;
}

function uint24(bytes: Uint8Array, offset: number): number {
  return (
    (byteAt(bytes, offset) << 16) | (byteAt(bytes, offset + 1) << 8) | byteAt(bytes, offset + 2)
  );
}

function byteAt(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}
