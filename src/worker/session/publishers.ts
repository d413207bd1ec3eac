/** The publishing connections of one shard, by row. */
import type { EndReason } from "../../protocol/control/calls.ts";
import { LeisurelyReads } from "./leisurely-reads.ts";
import type { Publisher } from "./publisher.ts";

/** All publishers of a shard. */
export class Publishers {
  readonly #byRow = new Map<number, Publisher>();
  readonly #reads = new LeisurelyReads(this.#byRow);
  #isDraining = false;

  /** How many there are. */
  get size(): number {
    return this.#byRow.size;
  }

  /** One more connection. */
  add(publisher: Publisher): void {
    this.#byRow.set(publisher.row, publisher);
  }

  /** It has its streams by now. */
  adopted(publisher: Publisher): void {
    if (this.#isDraining) {
      publisher.requestReconnect();
    }
  }

  find(row: number): Publisher | undefined {
    return this.#byRow.get(row);
  }

  /** Its connection is closed. */
  remove(row: number): void {
    this.#byRow.delete(row);
  }

  /** Every tick: reads of those that nobody watches. `now` in monotonic milliseconds. */
  readAtLeisure(now: number): void {
    this.#reads.turn(now);
  }

  /** Every 100 ms: those that send nothing are ended. */
  tick(playersOf: (streamId: number) => number): void {
    for (const publisher of this.#byRow.values()) {
      publisher.tick(playersOf);
    }
  }

  /** The server stops gracefully: encoders that understand it are asked to connect again, newcomers too. */
  drain(): void {
    this.#isDraining = true;
    for (const publisher of this.#byRow.values()) {
      publisher.requestReconnect();
    }
  }

  /** Ends every publisher. */
  endAll(reason: EndReason): void {
    for (const publisher of this.#byRow.values()) {
      publisher.end(reason, "");
    }
  }
}
