/**
 * Frames of one track that wait to be a fragment.
 */

const BYTES_MIN = 16 * 1024;
/** A larger buffer is given back when it is emptied. */
const BYTES_KEPT_MAX: number = 4 * 1024 * 1024;

/** **Memory**: owned columns and one byte buffer, all reused. Times are in the track's timescale. */
export class SampleRun {
  readonly times: number[] = [];
  readonly sizes: number[] = [];
  readonly offsets: number[] = [];
  readonly keys: boolean[] = [];
  #bytes: Uint8Array = new Uint8Array(BYTES_MIN);
  #length = 0;

  /** Frames held. */
  get count(): number {
    return this.times.length;
  }

  /** Their bytes, **borrowed** until the next {@link add} or {@link clear}. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Copies payload[start, end). */
  add(
    sample: { readonly time: number; readonly offset: number; readonly isKey: boolean },
    source: { readonly payload: Uint8Array; readonly start: number; readonly end: number },
  ): void {
    const size = source.end - source.start;
    const wanted = this.#length + size;
    if (wanted > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(source.payload.subarray(source.start, source.end), this.#length);
    this.#length = wanted;
    this.times.push(sample.time);
    this.sizes.push(size);
    this.offsets.push(sample.offset);
    this.keys.push(sample.isKey);
  }

  clear(): void {
    this.times.length = 0;
    this.sizes.length = 0;
    this.offsets.length = 0;
    this.keys.length = 0;
    this.#length = 0;
    if (this.#bytes.length > BYTES_KEPT_MAX) {
      this.#bytes = new Uint8Array(BYTES_MIN);
    }
  }
}
