/**
 * Who waits for more of HLS at one gateway. Thousands may wait for the same moment. They are answered in short turns, and
 * those to whom a moment makes no difference over a second: viewers who got their first playlist together would ask for
 * its segments together, and for each further playlist, for as long as they watch.
 */
import { HLS_WAITING_MAX } from "../../protocol/limits.ts";

/** A turn of answers is cut after this, and goes on when other work had its chance. */
const TURN_MS = 4;
/** Of those who are patient so many are answered at once, as long as they are few. */
const PORTION = 20;
const PORTION_MS = 10;
/** All are answered in so many portions. */
const PORTIONS_MAX = 100;

/** Somebody who waits for more of a stream. */
export interface Waiter {
  readonly key: string;
  /** Milliseconds, monotonic. */
  readonly untilMs: number;
  /** Waits for the stream to begin, not for the moment that something was announced for. */
  readonly isPatient: boolean;
  /** Looks again. @returns true when it was answered. */
  look(): boolean;
  /** Its time is over. */
  expired(): void;
}

/** All of them. */
export class HlsWaiters {
  readonly #now: () => number;
  /** News of one stream are nothing to those who wait for another. */
  readonly #byKey = new Map<string, Set<Waiter>>();
  #size = 0;
  /** For whom there is news: looked at in this order. */
  readonly #prompt = new Set<Waiter>();
  readonly #patient = new Set<Waiter>();
  #portion = 0;
  #isCut = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param now Milliseconds, monotonic. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Waits, unless too many do. @returns what takes it back. */
  add(waiter: Waiter): () => void {
    if (this.#size >= HLS_WAITING_MAX) {
      waiter.expired();
      return () => undefined;
    }
    const waiters = this.#byKey.get(waiter.key) ?? new Set();
    this.#byKey.set(waiter.key, waiters);
    waiters.add(waiter);
    this.#size += 1;
    return () => this.#remove(waiter);
  }

  /** There is news of a stream. */
  look(key: string): void {
    for (const waiter of this.#byKey.get(key) ?? []) {
      (waiter.isPatient ? this.#patient : this.#prompt).add(waiter);
    }
    this.#answerPrompt();
    this.#portion = Math.max(PORTION, this.#portion, Math.ceil(this.#patient.size / PORTIONS_MAX));
    if (this.#timer === undefined) {
      this.#answerPatient();
    }
  }

  /** Ends those whose time is over. `now` in milliseconds, monotonic. */
  expire(now: number): void {
    for (const waiters of [...this.#byKey.values()]) {
      for (const waiter of [...waiters]) {
        if (waiter.untilMs <= now) {
          this.#remove(waiter);
          // What it waits for may be there, and only its turn not.
          if (!waiter.look()) {
            waiter.expired();
          }
        }
      }
    }
  }

  #answerPrompt(): void {
    const end = this.#now() + TURN_MS;
    for (const waiter of this.#prompt) {
      if (this.#now() >= end) {
        this.#goOnLater();
        return;
      }
      this.#prompt.delete(waiter);
      this.#answer(waiter);
    }
  }

  #goOnLater(): void {
    if (!this.#isCut) {
      this.#isCut = true;
      setImmediate(() => {
        this.#isCut = false;
        this.#answerPrompt();
      });
    }
  }

  #answerPatient(): void {
    this.#timer = undefined;
    let left = this.#portion;
    for (const waiter of this.#patient) {
      if (left === 0) {
        this.#timer = setTimeout(() => this.#answerPatient(), PORTION_MS);
        return;
      }
      left -= 1;
      this.#patient.delete(waiter);
      this.#answer(waiter);
    }
    this.#portion = 0;
  }

  #answer(waiter: Waiter): void {
    if (waiter.look()) {
      this.#remove(waiter);
    }
  }

  #remove(waiter: Waiter): void {
    const waiters = this.#byKey.get(waiter.key);
    if (waiters?.delete(waiter) !== true) {
      return;
    }
    this.#prompt.delete(waiter);
    this.#patient.delete(waiter);
    this.#size -= 1;
    if (waiters.size === 0) {
      this.#byKey.delete(waiter.key);
    }
  }
}
