/**
 * Waking threads: one counter for each thread, a cache line apart, in one shared array.
 *
 * The waiter loads `value`, looks at everything it serves, then waits for a change since that value: a ring in between
 * makes the wait return at once, so no wake-up is lost. Who rings never waits. A bell holds no lock, so nothing is
 * left behind by a thread that dies.
 *
 * Waking a thread costs both sides far more than counting. One that looks by itself often enough dozes: its bell is
 * counted and nobody is woken.
 */

/** A cache line. */
const WORDS_PER_BELL = 16;
const BYTES_PER_BELL = WORDS_PER_BELL * 4;
/** The word, after that of the count, that is 1 while the thread dozes. */
const DOZES = 1;

/** `Atomics.waitAsync` (ECMAScript 2024), which the library typings of es2023 lack. */
interface AsyncAtomics {
  waitAsync(words: Int32Array, index: number, value: number, timeoutMs?: number): AsyncWait;
}
/** The promise yields how the wait ended, which nobody here asks. */
type AsyncWait = { async: false } | { async: true; value: Promise<void> };

const asyncAtomics = Atomics as unknown as AsyncAtomics;

/** The bells of all threads. Memory: a shared view. */
export class Doorbell {
  /** Threads that have a bell. */
  readonly threads: number;
  readonly #words: Int32Array;

  /** @param sab of at least {@link Doorbell.bytes}, zeroed at first. */
  constructor(sab: SharedArrayBuffer) {
    this.#words = new Int32Array(sab);
    this.threads = this.#words.length / WORDS_PER_BELL;
  }

  /** Byte length of the shared memory for `threads` bells. */
  static bytes(threads: number): number {
    return threads * BYTES_PER_BELL;
  }

  /** Wake `thread` if it waits and does not doze, and let its next wait return at once if it does not wait. */
  ring(thread: number): void {
    const word = thread * WORDS_PER_BELL;
    Atomics.add(this.#words, word, 1);
    if (Atomics.load(this.#words, word + DOZES) === 0) {
      Atomics.notify(this.#words, word);
    }
  }

  /** Whether `thread` looks by itself, without being woken. Set by that thread alone; look once more after `false`. */
  doze(thread: number, dozes: boolean): void {
    Atomics.store(this.#words, thread * WORDS_PER_BELL + DOZES, dozes ? 1 : 0);
  }

  /** How often `thread` was rung, Int32 modulo 2^32. Load it before looking for work. */
  value(thread: number): number {
    return Atomics.load(this.#words, thread * WORDS_PER_BELL);
  }

  /**
   * Wait until `thread` was rung since `value` returned `seen`, or until the time is over.
   * @param timeoutMs none: for ever.
   * @returns null when it was already rung (or `timeoutMs` is 0); else a promise that never rejects.
   */
  wait(thread: number, seen: number, timeoutMs?: number): Promise<void> | null {
    const word = thread * WORDS_PER_BELL;
    const wait =
      timeoutMs === undefined
        ? asyncAtomics.waitAsync(this.#words, word, seen)
        : asyncAtomics.waitAsync(this.#words, word, seen, timeoutMs);
    return wait.async ? wait.value : null;
  }
}
