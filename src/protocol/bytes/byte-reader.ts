/**
 * Big-endian reads over borrowed bytes. Every read is checked: running out is the peer's fault and named so.
 */

import { ProtocolError } from "../errors.ts";

const scratch = new DataView(new ArrayBuffer(8));

/** Reads numbers, bytes and text one after the other; never past the end. */
export class ByteReader {
  /** **Borrowed** from the caller for the reader's life. */
  readonly bytes: Uint8Array;
  /** Offset in {@link ByteReader.bytes} of the next byte. */
  offset: number;
  readonly #shortCode: string;

  /** @param shortCode the error code when bytes run out, e.g. `ERR_AMF_SHORT` */
  constructor(bytes: Uint8Array, shortCode: string, offset = 0) {
    this.bytes = bytes;
    this.offset = offset;
    this.#shortCode = shortCode;
  }

  /** Bytes left. */
  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /**
   * Moves over `length` bytes.
   * @returns the offset they begin at
   * @throws ProtocolError with the reader's code when fewer are left
   */
  take(length: number): number {
    const start = this.offset;
    if (length > this.bytes.length - start) {
      throw new ProtocolError(
        this.#shortCode,
        `${length} bytes announced where ${this.bytes.length - start} are left`,
        { offset: start },
      );
    }
    this.offset = start + length;
    return start;
  }

  /** @throws ProtocolError when no byte is left */
  uint8(): number {
    return this.bytes[this.take(1)] ?? 0;
  }

  /** @throws ProtocolError when fewer than 2 bytes are left */
  uint16(): number {
    const at = this.take(2);
    return ((this.bytes[at] ?? 0) << 8) | (this.bytes[at + 1] ?? 0);
  }

  /** Two's complement. @throws ProtocolError when fewer than 2 bytes are left */
  int16(): number {
    return (this.uint16() << 16) >> 16;
  }

  /** @throws ProtocolError when fewer than 3 bytes are left */
  uint24(): number {
    const at = this.take(3);
    const bytes = this.bytes;
    return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  }

  /** @throws ProtocolError when fewer than 4 bytes are left */
  uint32(): number {
    return decodeUint32(this.bytes, this.take(4));
  }

  /** IEEE 754 double. @throws ProtocolError when fewer than 8 bytes are left */
  float64(): number {
    const at = this.take(8);
    scratch.setUint32(0, decodeUint32(this.bytes, at));
    scratch.setUint32(4, decodeUint32(this.bytes, at + 4));
    return scratch.getFloat64(0);
  }

  /** A **borrowed** view of the next bytes. @throws ProtocolError when fewer are left */
  view(length: number): Uint8Array {
    const at = this.take(length);
    return this.bytes.subarray(at, at + length);
  }
}

/**
 * The big-endian unsigned 32-bit number at `offset`; bytes beyond the end count as 0.
 * @returns 0–2^32-1
 */
export function decodeUint32(bytes: Uint8Array, offset: number): number {
  const high = ((bytes[offset] ?? 0) << 24) | ((bytes[offset + 1] ?? 0) << 16);
  return (high | ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0)) >>> 0;
}
