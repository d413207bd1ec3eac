/**
 * Bits of a borrowed byte range, most significant first, with bounded exponential Golomb codes.
 *
 * Reading past the end, or a code that no 32-bit value has, breaks the reader instead of throwing: every later
 * read gives 0 and {@link BitReader.isBroken} says so. A decoder checks once after the fields it cannot do
 * without, and may keep what it has when only optional fields are broken.
 *
 * Spec: H.264 §7.2 (read_bits), §9.1 (ue, se).
 */

/** Leading zero bits of the longest code in use: 31 of them reach 2^32-2, the largest ue(v) (H.264 §7.2). */
const LEADING_ZEROS_MAX = 31;

/** **Memory**: the bytes are borrowed for the life of the reader. */
export class BitReader {
  readonly #bytes: Uint8Array;
  readonly #bitsEnd: number;
  #bitOffset = 0;
  #isBroken = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#bitsEnd = bytes.length * 8;
  }

  /** Whether a read went past the end or met an impossible code. Stays true. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Bits not read yet; 0 once broken. */
  get bitsLeft(): number {
    return this.#isBroken ? 0 : this.#bitsEnd - this.#bitOffset;
  }

  /** Bits consumed so far, for finding the byte where a part of a structure ends. */
  get bitOffset(): number {
    return this.#bitOffset;
  }

  /** Read an unsigned number of `count` bits. **Shape**: 0–32 bits. @returns 0 when broken. */
  readBits(count: number): number {
    if (count > this.bitsLeft) {
      this.#isBroken = true;
      return 0;
    }
    let value = 0;
    for (let left = count; left > 0; ) {
      const bitInByte = this.#bitOffset & 7;
      const taken = Math.min(left, 8 - bitInByte);
      const byte = this.#bytes[this.#bitOffset >>> 3] ?? 0;
      // Multiplied, not shifted: 32 bits do not fit in a signed shift.
      value = value * 2 ** taken + ((byte >>> (8 - bitInByte - taken)) & (2 ** taken - 1));
      this.#bitOffset += taken;
      left -= taken;
    }
    return value;
  }

  /** Read one bit. @returns false when broken. */
  readFlag(): boolean {
    return this.readBits(1) === 1;
  }

  /** Pass over `count` bits, any number. */
  skipBits(count: number): void {
    if (count > this.bitsLeft) {
      this.#isBroken = true;
      return;
    }
    this.#bitOffset += count;
  }

  /**
   * Read an unsigned exponential Golomb code.
   *
   * **Spec**: H.264 §9.1. **Shape**: at most 31 leading zeros, so 0–2^32-2; a longer code breaks the reader.
   * @returns 0 when broken.
   */
  readUnsignedGolomb(): number {
    let zeros = 0;
    while (!this.readFlag()) {
      zeros += 1;
      if (this.#isBroken || zeros > LEADING_ZEROS_MAX) {
        this.#isBroken = true;
        return 0;
      }
    }
    const suffix = this.readBits(zeros);
    return this.#isBroken ? 0 : 2 ** zeros - 1 + suffix;
  }

  /** Read a signed exponential Golomb code. **Spec**: H.264 §9.1.1. @returns 0 when broken. */
  readSignedGolomb(): number {
    const code = this.readUnsignedGolomb();
    return code % 2 === 0 ? 0 - code / 2 : (code + 1) / 2;
  }
}
