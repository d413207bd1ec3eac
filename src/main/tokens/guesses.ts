/**
 * Who guesses passwords or tokens, by address. Of IPv6 the first 64 bits count.
 * What is made of it is the asker's: passwords are not looked at any more for a while; a signature cannot be guessed, and
 * behind one address may be a whole network or an edge, so right tokens always count and wrong ones are answered late.
 */
import { randomInt } from "node:crypto";
import { subscriberOf } from "../../protocol/access/network.ts";
import { GUESSING_ADDRESSES_MAX, LATE_REFUSALS_MAX } from "../../protocol/limits.ts";
import { monotonicMs } from "../monotonic.ts";

/** Wrong ones from one address within {@link WINDOW_MS} before it counts as guessing. */
const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;
/** An answer comes so late; shorter than an edge waits for its origin. */
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 2000;

interface Failures {
  count: number;
  /** Milliseconds, monotonic: the first of them. */
  readonly since: number;
}

/** Remembers who was wrong. Memory: {@link GUESSING_ADDRESSES_MAX} addresses at the most. */
export class Guesses {
  readonly #now: () => number;
  readonly #failures = new Map<string, Failures>();
  #waiting = 0;
  /** Refusals that were answered late, for metrics. */
  lateCount = 0;

  /** @param now Milliseconds, monotonic. */
  constructor(now: () => number = monotonicMs) {
    this.#now = now;
  }

  /** True while an address was wrong too often. It ends a minute after the first time, whatever came then. */
  isGuessing(ip: string): boolean {
    const network = subscriberOf(ip);
    const failures = this.#failures.get(network);
    if (failures !== undefined && this.#now() - failures.since >= WINDOW_MS) {
      this.#failures.delete(network);
      return false;
    }
    return failures !== undefined && failures.count >= FAILURES_MAX;
  }

  /** It was wrong once more. */
  failed(ip: string): void {
    const network = subscriberOf(ip);
    const now = this.#now();
    const known = this.#failures.get(network);
    if (known !== undefined && now - known.since < WINDOW_MS) {
      known.count += 1;
      return;
    }
    this.#failures.delete(network);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= GUESSING_ADDRESSES_MAX && oldest !== undefined) {
      this.#failures.delete(oldest);
    }
    this.#failures.set(network, { count: 1, since: now });
  }

  /** It was right. */
  forget(ip: string): void {
    this.#failures.delete(subscriberOf(ip));
  }

  /** What a refusal waits for; undefined: nothing, it is told at once. Never rejects. */
  pause(ip: string): Promise<void> | undefined {
    if (this.#waiting >= LATE_REFUSALS_MAX || !this.isGuessing(ip)) {
      return undefined;
    }
    this.#waiting += 1;
    this.lateCount += 1;
    return new Promise((resolve) => {
      const ended = (): void => {
        this.#waiting -= 1;
        resolve();
      };
      setTimeout(ended, randomInt(PAUSE_MS_MIN, PAUSE_MS_MAX)).unref();
    });
  }
}
