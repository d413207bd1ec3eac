/**
 * Frames of length-prefixed NAL units, and the same in the byte stream form with start codes.
 *
 * Spec: ISO/IEC 14496-15 §5.3.2 (length-prefixed samples); H.264 and H.265 Annex B.
 */

/** A NAL unit's length at `offset`. @returns 0–2^32-1; bytes beyond the end count as 0. */
export function nalLengthAt(bytes: Uint8Array, offset: number, lengthBytes: number): number {
  let length = 0;
  for (let index = 0; index < lengthBytes; index += 1) {
    length = length * 256 + (bytes[offset + index] ?? 0);
  }
  return length;
}

/**
 * Whether bytes[start, end) is a row of NAL units, none empty, none past the end.
 *
 * **Memory**: allocates nothing.
 */
export function isNalRow(
  bytes: Uint8Array,
  start: number,
  end: number,
  lengthBytes: number,
): boolean {
  let offset = start;
  while (offset < end) {
    const length = nalLengthAt(bytes, offset, lengthBytes);
    offset += lengthBytes + length;
    if (length === 0 || offset > end) {
      return false;
    }
  }
  return end > start;
}
