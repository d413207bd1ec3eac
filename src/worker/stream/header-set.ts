/**
 * The metadata and sequence headers that a player needs before a keyframe, kept in a ring's header slot.
 * A private form of a few messages, so that each join can stamp them with the keyframe's own time:
 * `[type u8][length u32 BE][payload]…`, metadata first.
 */

/** One cached message. */
export interface CachedHeader {
  /** RTMP message type. */
  readonly type: number;
  /** **Owned**. */
  readonly payload: Uint8Array;
}

const FRAME_BYTES = 5;

/** Length in bytes of a header set. */
export function headerSetBytes(headers: readonly CachedHeader[]): number {
  return headers.reduce((sum, header) => sum + FRAME_BYTES + header.payload.length, 0);
}

/** Bytes of a header set for a ring's slot. Owned. */
export function encodeHeaderSet(headers: readonly CachedHeader[]): Uint8Array {
  const bytes = new Uint8Array(headerSetBytes(headers));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const { type, payload } of headers) {
    view.setUint8(offset, type);
    view.setUint32(offset + 1, payload.length);
    bytes.set(payload, offset + FRAME_BYTES);
    offset += FRAME_BYTES + payload.length;
  }
  return bytes;
}

/** The messages of a header set, in order. Borrows `bytes`. */
export function decodeHeaderSet(bytes: Uint8Array): CachedHeader[] {
  const headers: CachedHeader[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let offset = 0;
  while (offset + FRAME_BYTES <= bytes.length) {
    const length = view.getUint32(offset + 1);
    const start = offset + FRAME_BYTES;
    headers.push({ type: view.getUint8(offset), payload: bytes.subarray(start, start + length) });
    offset = start + length;
  }
  return headers;
}
