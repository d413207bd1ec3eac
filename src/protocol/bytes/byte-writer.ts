/**
 * Big-endian writes into a buffer that grows.
 */

import { encodeUtf8, utf8BytesMax } from "./utf8.ts";

const CAPACITY_BYTES_MIN = 256;
const scratch = new DataView(new ArrayBuffer(8));

/** Appends numbers, bytes and text. The caller bounds what is written; the buffer doubles as needed. */
export class ByteWriter {
  /** **Owned**; `#bytes[0, #length)` is written. */
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacityBytes: number = CAPACITY_BYTES_MIN) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  uint8(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  uint16(value: number): this {
    return this.uint8(value >>> 8).uint8(value);
  }

  uint24(value: number): this {
    return this.uint8(value >>> 16).uint16(value);
  }

  uint32(value: number): this {
    return this.uint16(value >>> 16).uint16(value);
  }

  /** IEEE 754 double. */
  float64(value: number): this {
    scratch.setFloat64(0, value);
    return this.uint32(scratch.getUint32(0)).uint32(scratch.getUint32(4));
  }

  /** Copies the bytes. */
  bytes(source: Uint8Array): this {
    this.#reserve(source.length);
    this.#bytes.set(source, this.#length);
    this.#length += source.length;
    return this;
  }

  /**
   * UTF-8 without a length, cut at a whole character to at most `bytesMax` bytes.
   * @returns bytes written
   */
  utf8(text: string, bytesMax: number = Number.MAX_SAFE_INTEGER): number {
    const room = Math.min(utf8BytesMax(text), bytesMax);
    this.#reserve(room);
    const end = this.#length + room;
    const written = encodeUtf8(this.#bytes.subarray(0, end), this.#length, text);
    this.#length += written;
    return written;
  }

  /** What was written. **Borrowed** until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes back what was written after the first `length` bytes. */
  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  /** Overwrites a length written earlier as a placeholder. */
  setUint16(offset: number, value: number): void {
    this.#bytes[offset] = value >>> 8;
    this.#bytes[offset + 1] = value;
  }

  /** Overwrites a length written earlier as a placeholder. */
  setUint32(offset: number, value: number): void {
    this.setUint16(offset, value >>> 16);
    this.setUint16(offset + 2, value);
  }

  /** What was written, as an array **owned** by the caller; the writer is empty again. */
  finish(): Uint8Array {
    const written = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return written;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) {
      return;
    }
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
