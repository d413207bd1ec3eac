/**
 * The deadlines of one attempt at an origin: connection, answers, first media, then the gaps between media. Pure: the
 * owner says what happened and when, and asks now and then whether it took too long.
 */
import type { AttemptFault, UpstreamSettings } from "../../protocol/control/upstream.ts";

/** An origin that answers in drops has this many times the time for one answer. */
const ANSWERS_MAX = 4;

/** Where an attempt stands. */
export type AttemptPhase = "connecting" | "answering" | "ready" | "flowing";

/** The clock of one attempt. Milliseconds. */
export class AttemptClock {
  readonly #settings: UpstreamSettings;
  #phase: AttemptPhase = "connecting";
  /** Since when the next thing is waited for. */
  #since: number;
  #connectedAt = 0;
  #flowingSince = 0;

  constructor(settings: UpstreamSettings, now: number) {
    this.#settings = settings;
    this.#since = now;
  }

  get phase(): AttemptPhase {
    return this.#phase;
  }

  /** The connection stands. */
  connected(now: number): void {
    this.#phase = "answering";
    this.#since = now;
    this.#connectedAt = now;
  }

  /** Bytes came. They count as an answer only while answers are waited for. */
  heard(now: number): void {
    const limit = this.#settings.replyTimeoutMs * (ANSWERS_MAX - 1);
    if (this.#phase === "answering" && now - this.#connectedAt <= limit) {
      this.#since = now;
    }
  }

  /** The origin has said Start. */
  ready(now: number): void {
    this.#phase = "ready";
    this.#since = now;
  }

  /** Media came, or was taken. @returns true for the first time. */
  moved(now: number): boolean {
    const isFirst = this.#phase !== "flowing";
    if (isFirst) {
      this.#phase = "flowing";
      this.#flowingSince = now;
    }
    this.#since = now;
    return isFirst;
  }

  /** What took too long; undefined while all is well. */
  overdue(now: number): AttemptFault | undefined {
    const waited = now - this.#since;
    const { connectTimeoutMs, replyTimeoutMs, firstMediaTimeoutMs, stallTimeoutMs } =
      this.#settings;
    switch (this.#phase) {
      case "connecting":
        return waited > connectTimeoutMs ? "connect" : undefined;
      case "answering":
        return waited > replyTimeoutMs ? "reply" : undefined;
      case "ready":
        return waited > firstMediaTimeoutMs ? "no media" : undefined;
      case "flowing":
        return waited > stallTimeoutMs ? "stall" : undefined;
    }
  }

  /** Since when the next thing is waited for. */
  get since(): number {
    return this.#since;
  }

  /** How long media has flowed, to its last; 0: never. */
  get mediaMs(): number {
    return this.#phase === "flowing" ? Math.max(1, this.#since - this.#flowingSince) : 0;
  }

  /** What a connection that ended on its own counts as. */
  get endFault(): AttemptFault {
    if (this.#phase === "connecting") {
      return "connect";
    }
    return this.#phase === "answering" ? "reply" : "closed";
  }
}
