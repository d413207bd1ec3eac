/**
 * Boxes of the ISO base media file format, written front to back with their sizes filled in afterwards.
 *
 * Spec: ISO/IEC 14496-12 §4.2.
 */
import { ByteWriter } from "../bytes/byte-writer.ts";

const DWORD = 2 ** 32;

/** **Memory**: owns one growing buffer. */
export class BoxWriter {
  readonly bytes: ByteWriter = new ByteWriter(1024);
  /** Offsets of the boxes that are open, outermost first. */
  readonly #open: number[] = [];

  /** Open a box with a four-letter type. */
  open(type: string): this {
    this.#open.push(this.bytes.length);
    this.bytes.uint32(0).utf8(type);
    return this;
  }

  /** Open a box with version and flags. */
  openFull(type: string, version: number, flags: number): this {
    this.open(type).bytes.uint8(version).uint24(flags);
    return this;
  }

  /** Close the box opened last. */
  close(): this {
    const start = this.#open.pop() ?? 0;
    this.bytes.setUint32(start, this.bytes.length - start);
    return this;
  }

  uint8(value: number): this {
    this.bytes.uint8(value);
    return this;
  }

  uint16(value: number): this {
    this.bytes.uint16(value);
    return this;
  }

  uint32(value: number): this {
    this.bytes.uint32(value);
    return this;
  }

  /** A non-negative integer up to 2^53. */
  uint64(value: number): this {
    this.bytes.uint32(Math.floor(value / DWORD)).uint32(value % DWORD);
    return this;
  }

  /** So many zero bytes. */
  zeros(count: number): this {
    for (let index = 0; index < count; index += 1) {
      this.bytes.uint8(0);
    }
    return this;
  }

  /** Text without an end mark. */
  text(value: string): this {
    this.bytes.utf8(value);
    return this;
  }

  /** Bytes as they are, copied. */
  raw(value: Uint8Array): this {
    this.bytes.bytes(value);
    return this;
  }
}
