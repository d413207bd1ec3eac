/**
 * The headers of a stream (metadata and sequence headers in wire form) under version numbers, in a few slots that are
 * used in turn. Each slot is a seqlock: its version word is 0 while its bytes change, and a reader believes a copy only
 * when the word still shows the version it wanted. The writer never waits, a reader never tries twice.
 */
import { ControlWord, controlWords, HEADER_SLOTS, type RingLayout } from "./ring-layout.ts";

/** The slots of one ring. Memory: shared views. */
export class HeaderSlots {
  /** Largest headers. Units: bytes. */
  readonly bytesMax: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #fence: Int32Array = new Int32Array(1);

  constructor(sab: SharedArrayBuffer, layout: RingLayout) {
    this.bytesMax = layout.headerSlotBytes;
    this.#words = controlWords(sab);
    this.#bytes = new Uint8Array(sab, layout.headersOffset, HEADER_SLOTS * layout.headerSlotBytes);
  }

  /** Writer only: hold `bytes`, at most `bytesMax`, as `version` (above 0). Memory: borrowed. */
  write(version: number, bytes: Uint8Array): void {
    const slot = version % HEADER_SLOTS;
    // A full barrier: the bytes may not overtake the 0.
    Atomics.exchange(this.#words, ControlWord.SlotVersion + slot, 0);
    this.#bytes.set(bytes, slot * this.bytesMax);
    Atomics.store(this.#words, ControlWord.SlotLength + slot, bytes.length);
    Atomics.store(this.#words, ControlWord.SlotVersion + slot, version);
  }

  /**
   * Copy the headers of `version`. Memory: owned, allocated.
   * @returns null when the slot holds another version, or is being written.
   */
  read(version: number): Uint8Array | null {
    const slot = version & (HEADER_SLOTS - 1);
    const word = ControlWord.SlotVersion + slot;
    if (version === 0 || Atomics.load(this.#words, word) !== version) {
      return null;
    }
    // It may be the length of a later version: within the slot all the same, and found out below.
    const length = Atomics.load(this.#words, ControlWord.SlotLength + slot);
    const offset = slot * this.bytesMax;
    const headers = new Uint8Array(length);
    headers.set(this.#bytes.subarray(offset, offset + length));
    // A full barrier: the copy may not be delayed past the second look.
    Atomics.exchange(this.#fence, 0, 0);
    return Atomics.load(this.#words, word) === version ? headers : null;
  }

  /** Writer only: hold what the slots of `from`, which nobody writes any more, hold; as far as it fits here. */
  copy(from: HeaderSlots): void {
    for (let slot = 0; slot < HEADER_SLOTS; slot++) {
      const version = Atomics.load(from.#words, ControlWord.SlotVersion + slot);
      const headers = from.read(version);
      if (headers !== null && headers.length <= this.bytesMax) {
        this.write(version, headers);
      }
    }
  }
}
