/**
 * Segments encrypted with AES-128.
 *
 * Spec: RFC 8216 §5.2: CBC with PKCS7 padding, each segment by itself; the vector is its number.
 */
import { createCipheriv, randomBytes } from "node:crypto";

const KEY_BYTES = 16;

/** A key with the number of the first segment that it is for. */
export interface SegmentSecret {
  readonly key: Uint8Array;
  readonly firstSequence: number;
}

/** A new key. */
export function newSecret(firstSequence: number): SegmentSecret {
  return { key: randomBytes(KEY_BYTES), firstSequence };
}

/** The vector of a segment: 32 hexadecimal digits. */
export function segmentVector(sequence: number): string {
  return sequence.toString(16).padStart(KEY_BYTES * 2, "0");
}

/** **Memory**: owned. */
export function encryptSegment(
  pieces: readonly Uint8Array[],
  { key }: SegmentSecret,
  sequence: number,
): Uint8Array[] {
  const cipher = createCipheriv("aes-128-cbc", key, Buffer.from(segmentVector(sequence), "hex"));
  return [...pieces.map((piece) => cipher.update(piece)), cipher.final()];
}
