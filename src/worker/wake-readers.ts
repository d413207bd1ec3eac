/** Ringing the bells of the threads that read a ring. */
import type { Doorbell } from "../protocol/ring/doorbell.ts";
import { READER_WORDS } from "../protocol/ring/ring-layout.ts";
import type { RingWriter } from "../protocol/ring/ring-writer.ts";

const READERS_PER_WORD = 32;

/**
 * Rings each reading thread's bell but `ownThread`'s. Allocates nothing.
 * @returns whether `ownThread` reads the ring itself.
 */
export function wakeReaders(writer: RingWriter, bell: Doorbell, ownThread: number): boolean {
  let isOwnReader = false;
  const words = Math.min(READER_WORDS, Math.ceil(bell.threads / READERS_PER_WORD));
  for (let word = 0; word < words; word += 1) {
    let mask = writer.readerMask(word);
    while (mask !== 0) {
      const bit = 31 - Math.clz32(mask & -mask);
      mask &= mask - 1;
      const thread = word * READERS_PER_WORD + bit;
      if (thread === ownThread) {
        isOwnReader = true;
      } else {
        bell.ring(thread);
      }
    }
  }
  return isOwnReader;
}
