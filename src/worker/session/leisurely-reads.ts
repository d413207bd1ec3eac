/**
 * Publishers that nobody watches are read in rounds: what has gathered in a tenth of a second costs about what one
 * message costs, and there is nobody to wait for it. A round is spread over the ticks, so that none of them is long.
 */
import type { Publisher } from "./publisher.ts";

/** Every publisher has its turn within this: as long as the first player of a stream may wait for live bytes. */
const ROUND_MS = 100;

/** The rounds of one shard. */
export class LeisurelyReads {
  readonly #publishers: ReadonlyMap<number, Publisher>;
  /** Over {@link #publishers}; it finds those that come and leaves out those that go meanwhile. */
  #round: Iterator<Publisher>;
  #turnMs = 0;

  /** @param publishers All of the shard; changes as they come and go. */
  constructor(publishers: ReadonlyMap<number, Publisher>) {
    this.#publishers = publishers;
    this.#round = publishers.values();
  }

  /** Every tick: reads as many as are due since the last one, all at the most. `now` in monotonic milliseconds. */
  turn(now: number): void {
    const share = Math.min(1, (now - this.#turnMs) / ROUND_MS);
    this.#turnMs = now;
    for (let due = Math.ceil(this.#publishers.size * share); due > 0; due -= 1) {
      let next = this.#round.next();
      if (next.done === true) {
        this.#round = this.#publishers.values();
        next = this.#round.next();
      }
      if (next.done !== true) {
        next.value.readAtLeisure();
      }
    }
  }
}
