/** How readers of a byte stream get a header whole without copying what is around it. */

/** Free bytes that everyone who reads received bytes leaves before them, for a {@link Stash}. */
export const HEADROOM_BYTES = 256;

/** The unfinished end of a piece, put before the next one: a header is always contiguous, payload never copied. */
export class Stash {
  readonly #bytes: Uint8Array = new Uint8Array(HEADROOM_BYTES);
  #count: number = 0;

  /** Put what was kept before `bytes[start]`. @returns where it begins. */
  restore(bytes: Uint8Array, start: number): number {
    const at = start - this.#count;
    if (this.#count > 0) {
      bytes.set(this.#bytes.subarray(0, this.#count), at);
      this.#count = 0;
    }
    return at;
  }

  /** Keep `bytes[at, end)`, at most {@link HEADROOM_BYTES}. */
  keep(bytes: Uint8Array, at: number, end: number): void {
    this.#bytes.set(bytes.subarray(at, end));
    this.#count = end - at;
  }

  /** Forget what was kept. */
  clear(): void {
    this.#count = 0;
  }
}
