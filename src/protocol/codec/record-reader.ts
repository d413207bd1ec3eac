/**
 * Byte-wise reading of a configuration record with length-prefixed NAL units.
 *
 * Spec: ISO/IEC 14496-15 §5.3.3.1, §8.3.3.1.
 */
import { LimitError, ProtocolError } from "../errors.ts";
import { PARAMETER_SETS_MAX } from "../limits.ts";

/** Walks a configuration record; running past its end is an error of the record. */
export class RecordReader {
  readonly #bytes: Uint8Array;
  readonly #code: string;
  readonly #spec: string;
  #offset = 0;
  #unitCount = 0;

  /** `code` and `spec` name the record in errors. **Memory**: `bytes` are borrowed. */
  constructor(bytes: Uint8Array, code: string, spec: string) {
    this.#bytes = bytes;
    this.#code = code;
    this.#spec = spec;
  }

  /** @throws ProtocolError with the record's code at its end. */
  readByte(): number {
    const byte = this.#bytes[this.#offset];
    if (byte === undefined) {
      throw this.error("truncated");
    }
    this.#offset += 1;
    return byte;
  }

  /** Pass over `count` bytes. @throws ProtocolError with the record's code at its end. */
  skip(count: number): void {
    if (this.#offset + count > this.#bytes.length) {
      throw this.error("truncated");
    }
    this.#offset += count;
  }

  /**
   * Read a NAL unit with its 16-bit length.
   *
   * @returns a borrowed view of the record.
   * @throws ProtocolError with the record's code when it is empty or runs past the record; LimitError past
   * {@link PARAMETER_SETS_MAX} units.
   */
  readUnit(): Uint8Array {
    this.#unitCount += 1;
    if (this.#unitCount > PARAMETER_SETS_MAX) {
      throw new LimitError(this.#code, `more than ${PARAMETER_SETS_MAX} parameter sets`, {
        spec: this.#spec,
      });
    }
    const length = this.readByte() * 256 + this.readByte();
    const start = this.#offset;
    if (length === 0) {
      throw this.error("empty parameter set");
    }
    this.skip(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** An error of this record, to throw. */
  error(reason: string): ProtocolError {
    return new ProtocolError(this.#code, `${reason} at byte ${this.#offset}`, { spec: this.#spec });
  }
}
