/**
 * The version of the configuration in force: one word in shared memory that the primary writes and every thread reads.
 * A thread accepts what version n changes for it before the word says n, so that all of them go over at one instant.
 */

/** One shared version. Counts modulo 2^32. */
export class VersionWord {
  readonly #word: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#word = new Int32Array(memory);
  }

  /** Memory for a word, **shared**; its version is 0. */
  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  /** The one in force. */
  get current(): number {
    return Atomics.load(this.#word, 0);
  }

  /** Whether `version`, or a later one, is in force. */
  isInForce(version: number): boolean {
    return ((Atomics.load(this.#word, 0) - version) | 0) >= 0;
  }

  /** Puts a version in force. The primary alone does. */
  set(version: number): void {
    Atomics.store(this.#word, 0, version);
  }
}
