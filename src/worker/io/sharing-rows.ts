/**
 * Rows without a descriptor: each stands for one play of a connection that carries several streams. Fan-outs treat them
 * as any row; what is sent on one goes, copied message by message, to the connection that they share.
 */
import type { Board } from "../../protocol/control/board.ts";
import type { EndReason } from "../../protocol/control/calls.ts";

/** A connection that several streams share, as its rows see it. */
export interface Carrier {
  /** Queues whole messages of a row. The bytes are **borrowed**. */
  send(row: number, bytes: Uint8Array): void;
  /** Bytes that may wait unsent in the socket. */
  limitUnsent(bytes: number): void;
  /** The stream of a row cannot go on. */
  ended(row: number, reason: EndReason): void;
}

/** Gives out the rows that lie behind those of connections. */
export class SharingRows {
  readonly #board: Board;
  readonly #carriers = new Map<number, Carrier>();
  readonly #free: number[] = [];
  #next: number;

  constructor(board: Board) {
    this.#board = board;
    this.#next = board.rows;
  }

  /** Rows in use. */
  get count(): number {
    return this.#carriers.size;
  }

  get hasRoom(): boolean {
    return this.#free.length > 0 || this.#next < this.#board.allRows;
  }

  /** A clean row for one play of a connection; -1 when there is none. */
  allocate(carrier: Carrier): number {
    let row = this.#free.pop() ?? -1;
    if (row < 0) {
      if (this.#next >= this.#board.allRows) {
        return -1;
      }
      row = this.#next;
      this.#next += 1;
    }
    this.#board.clear(row);
    this.#board.descriptor[row] = -1;
    this.#board.place[row] = -1;
    this.#carriers.set(row, carrier);
    return row;
  }

  /** The play is over and no fan-out has the row any more. */
  free(row: number): void {
    if (this.#carriers.delete(row)) {
      this.#free.push(row);
    }
  }

  carrierOf(row: number): Carrier | undefined {
    return this.#carriers.get(row);
  }
}
