/**
 * Where transport packets are written: a buffer that grows, and is used again.
 */

/** Bytes of a transport packet. **Spec**: ISO/IEC 13818-1 §2.4.3.2. */
export const TS_PACKET_BYTES = 188;

const PACKETS_MIN = 64;

/** **Memory**: owned; `bytes[0, length)` is written. It keeps the largest size it had. */
export class PacketBuffer {
  #bytes: Uint8Array;
  #length = 0;

  /** `packets` is the capacity to begin with. */
  constructor(packets: number = PACKETS_MIN) {
    this.#bytes = new Uint8Array(Math.max(1, packets) * TS_PACKET_BYTES);
  }

  /** The whole buffer, **borrowed** until the next {@link reserve}. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Bytes written. */
  get length(): number {
    return this.#length;
  }

  /** Room for `packets` more, to be filled by the caller. @returns the offset where they begin. */
  reserve(packets: number): number {
    const start = this.#length;
    const needed = start + packets * TS_PACKET_BYTES;
    if (needed > this.#bytes.length) {
      const doubled = this.#bytes.length * 2;
      const grown = new Uint8Array(
        Math.max(doubled, Math.ceil(needed / TS_PACKET_BYTES) * TS_PACKET_BYTES),
      );
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    this.#length = needed;
    return start;
  }

  /** What was written, **owned** by the caller; the buffer is empty again. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** Forget what was written. */
  clear(): void {
    this.#length = 0;
  }
}
