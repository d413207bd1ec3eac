/** Bytes given to a reader in pieces, as sockets do. */
import fc from "fast-check";
import { HEADROOM_BYTES } from "../../bench/native/headroom.ts";

/** Sizes of pieces, from single bytes up. */
export const cutSizes: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 3000 }), {
  minLength: 1,
  maxLength: 40,
});

/** Gives all bytes in pieces of these sizes, over and over, each with the headroom that readers count on. */
export function pushCut(
  bytes: Uint8Array,
  sizes: readonly number[],
  push: (buffer: Uint8Array, start: number, end: number) => void,
): void {
  const buffer = new Uint8Array(HEADROOM_BYTES + Math.max(...sizes));
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const piece = bytes.subarray(at, at + (sizes[index % sizes.length] ?? 1));
    buffer.fill(0xee);
    buffer.set(piece, HEADROOM_BYTES);
    push(buffer, HEADROOM_BYTES, HEADROOM_BYTES + piece.length);
    at += piece.length;
  }
}
