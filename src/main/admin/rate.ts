/** How fast two counters rise, over the last 30 seconds or as long as they are there: bytes of a connection, frames. */

/** Samples are taken this often. Units: ms. */
export const SAMPLE_MS = 10_000;
/** With samples so far apart the oldest of so many is 20 to 30 s old. */
const SAMPLES = 3;
const BITS = 8;
const SECOND_MS = 1000;
/** What comes at once in the beginning is no rate. */
const ELAPSED_MIN_MS = 1000;

/** Kilobits a second. */
export interface Kbps {
  readonly recv_30s: number;
  readonly send_30s: number;
}

/** The rate of one pair of counters, received and sent bytes. Memory: nine numbers. */
export class Rate {
  /** Oldest first: milliseconds, bytes in, bytes out. */
  readonly #samples: number[];

  /** @param now Milliseconds, monotonic: when both counters began. */
  constructor(now: number, bytesIn = 0, bytesOut = 0) {
    this.#samples = [now, bytesIn, bytesOut];
  }

  /** Takes a sample, every {@link SAMPLE_MS}. */
  sample(now: number, bytesIn: number, bytesOut: number): void {
    if (this.#samples.length === SAMPLES * 3) {
      this.#samples.splice(0, 3);
    }
    this.#samples.push(now, bytesIn, bytesOut);
  }

  /** Whole numbers, as SRS tells them. */
  kbps(now: number, bytesIn: number, bytesOut: number): Kbps {
    const [since = now, wasIn = 0, wasOut = 0] = this.#samples;
    const elapsed = Math.max(ELAPSED_MIN_MS, now - since);
    const rate = (bytes: number): number => Math.max(0, Math.round((bytes * BITS) / elapsed));
    return { recv_30s: rate(bytesIn - wasIn), send_30s: rate(bytesOut - wasOut) };
  }

  /** How often the first counter rises in a second. */
  perSecond(now: number, count: number): number {
    const [since = now, was = 0] = this.#samples;
    return Math.max(0, ((count - was) * SECOND_MS) / Math.max(ELAPSED_MIN_MS, now - since));
  }
}
