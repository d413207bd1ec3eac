/** RTMP messages into chunks (RTMP 1.0 §5.3.1), always a type 0 header and type 3 continuations. */

/** Bytes of a type 0 header without extended timestamp. */
export const FIRST_HEADER_BYTES = 12;
/** Where the 24-bit timestamp and the stream id stand in it. */
export const TIMESTAMP_OFFSET = 1;
export const STREAM_ID_OFFSET = 8;

export interface WireMessage {
  readonly chunkStreamId: number;
  readonly type: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

/** @returns **owned** bytes of the message with timestamp 0. Chunk stream ids 2–63 only. */
export function encodeWire(message: WireMessage, chunkSize: number): Uint8Array {
  const { payload, chunkStreamId } = message;
  const continuations = Math.max(0, Math.ceil(payload.length / chunkSize) - 1);
  const wire = new Uint8Array(FIRST_HEADER_BYTES + payload.length + continuations);
  const view = new DataView(wire.buffer);
  wire[0] = chunkStreamId;
  wire[4] = payload.length >> 16;
  wire[5] = payload.length >> 8;
  wire[6] = payload.length;
  wire[7] = message.type;
  view.setUint32(STREAM_ID_OFFSET, message.streamId, true);
  let offset = FIRST_HEADER_BYTES;
  for (let at = 0; at < payload.length; at += chunkSize) {
    if (at > 0) {
      wire[offset++] = 0xc0 | chunkStreamId;
    }
    const part = payload.subarray(at, at + chunkSize);
    wire.set(part, offset);
    offset += part.length;
  }
  return wire;
}

/** Join byte arrays into an **owned** one. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}
