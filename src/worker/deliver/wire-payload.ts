/**
 * The payload of a message in the form in which rings keep it: one fmt 0 chunk, then fmt 3 chunks, chunk stream ids
 * below 64, extended timestamps repeated (RTMP 1.0 §5.3.1).
 */

const HEADER_BYTES = 12;
const EXTENDED_BYTES = 4;
const LENGTH_OFFSET = 4;
const TYPE_OFFSET = 7;
const TIMESTAMP_EXTENDED = 0xff_ff_ff;

/** What a ring message says of itself. */
export interface WireMessage {
  type: number;
  payload: Uint8Array;
}

/**
 * Takes a message apart. Where it is more than one chunk its payload is put together in place: `bytes` are changed.
 *
 * @param bytes One whole message. The payload is a view of them.
 * @param into Filled.
 */
export function readWireMessage(bytes: Uint8Array, chunkSize: number, into: WireMessage): void {
  const length = uint24(bytes, LENGTH_OFFSET);
  const extended = uint24(bytes, 1) === TIMESTAMP_EXTENDED ? EXTENDED_BYTES : 0;
  const start = HEADER_BYTES + extended;
  into.type = bytes[TYPE_OFFSET] ?? 0;
  let from = start + chunkSize;
  for (let to = start + chunkSize; to < start + length; to += chunkSize) {
    from += 1 + extended;
    bytes.copyWithin(to, from, from + Math.min(chunkSize, start + length - to));
    from += chunkSize;
  }
  into.payload = bytes.subarray(start, start + length);
}

function uint24(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 16) | ((bytes[offset + 1] ?? 0) << 8) | (bytes[offset + 2] ?? 0);
}
