/**
 * HTTP viewers' sockets as rows. The HTTP library takes all that is written and keeps what the socket does not take, so
 * a row is full from the first write that says so until it has drained, and its cursor is always at a boundary.
 */
import type { Board } from "../../protocol/control/board.ts";
import { elapsedMs, MS_MASK } from "../io/clock.ts";
import { type RowMemory, SEND_FAILED } from "../io/row-transport.ts";
import type { Rows } from "../io/rows.ts";
import { RowFlag } from "../stream/row-flags.ts";

const NOTHING: Uint8Array = new Uint8Array(0);

/** Where a row's bytes go. */
export interface RowSink {
  /** @returns false when it is full. Memory: borrowed. */
  write(bytes: Uint8Array): boolean;
}

/** All viewers of a gateway. */
export class HttpRows implements Rows {
  readonly board: Board;
  /** Rows that are full. */
  readonly blocked: Set<number> = new Set();
  /** There are no chunks here. */
  readonly chunkSize: Int32Array;
  /** Writes made. */
  sends = 0;
  readonly #sinks = new Map<number, RowSink>();
  /** The first part of a write that goes over the end of its ring; length 0: there is none. */
  #firstOffset = 0;
  #firstLength = 0;
  /** The last such write as one piece, which rows of one phase share, and where in its ring it begins. */
  #joined: Uint8Array = NOTHING;
  #joinedMemory: SharedArrayBuffer | undefined;
  #joinedFrom = 0;
  #scratch: Uint8Array = NOTHING;
  // Rows of one phase mostly send the same bytes: one view serves them.
  #buffer: SharedArrayBuffer | undefined;
  #offset = 0;
  #view: Uint8Array = NOTHING;

  readonly #now: () => number;

  /** @param now Milliseconds, monotonic. */
  constructor(board: Board, now: () => number) {
    this.board = board;
    this.#now = now;
    this.chunkSize = new Int32Array(board.rows);
  }

  open(row: number, sink: RowSink): void {
    this.#sinks.set(row, sink);
  }

  /** Milliseconds since a row that is full became so. */
  stillFor(row: number, now: number): number {
    return elapsedMs(now, this.board.progress[row] ?? 0);
  }

  close(row: number): void {
    this.#sinks.delete(row);
    this.blocked.delete(row);
  }

  memory(buffer: SharedArrayBuffer): RowMemory {
    return { buffer, address: 0 };
  }

  send(row: number, memory: RowMemory, offset: number, length: number, more: boolean): number {
    if (more) {
      // One write, so that a WebSocket message ends where a tag does.
      this.#firstOffset = offset;
      this.#firstLength = length;
      return length;
    }
    const bytes =
      this.#firstLength === 0
        ? this.#viewOf(memory.buffer, offset, length)
        : this.#join(row, memory.buffer, offset, length);
    this.#firstLength = 0;
    return this.#write(row, bytes) ? length : SEND_FAILED;
  }

  sendBytes(row: number, bytes: Uint8Array): boolean {
    if (bytes.length === 0) {
      return this.#sinks.has(row);
    }
    if (!this.#write(row, bytes)) {
      return false;
    }
    this.board.bytesOut[row] = (this.board.bytesOut[row] ?? 0) + bytes.length;
    return true;
  }

  keepShared(): void {
    // No row ever stands inside a message.
  }

  flushPending(): boolean {
    return true;
  }

  limitUnsent(): void {
    // The library's own.
  }

  block(row: number): void {
    // One that is closed would be full, and standing still, as soon as it is given to its next viewer.
    if (this.#sinks.has(row) && !this.blocked.has(row)) {
      this.board.flags[row] = (this.board.flags[row] ?? 0) | RowFlag.Blocked;
      this.blocked.add(row);
      this.board.progress[row] = this.#now() & MS_MASK;
    }
  }

  unblock(row: number): void {
    this.board.flags[row] = (this.board.flags[row] ?? 0) & ~RowFlag.Blocked;
    this.blocked.delete(row);
  }

  /** @returns false when there is nobody to write to. */
  #write(row: number, bytes: Uint8Array): boolean {
    const sink = this.#sinks.get(row);
    if (sink === undefined) {
      return false;
    }
    this.sends += 1;
    if (!sink.write(bytes)) {
      this.block(row);
    }
    // Its end may be told within the write.
    return this.#sinks.get(row) === sink;
  }

  /** Both parts of a write, copied once for all rows that stand at one place. */
  #join(row: number, buffer: SharedArrayBuffer, offset: number, length: number): Uint8Array {
    const from = this.board.cursor[row] ?? 0;
    const total = this.#firstLength + length;
    const isSame =
      this.#joinedMemory === buffer && this.#joinedFrom === from && this.#joined.length === total;
    if (!isSame) {
      if (this.#scratch.length < total) {
        this.#scratch = new Uint8Array(total * 2);
      }
      this.#scratch.set(new Uint8Array(buffer, this.#firstOffset, this.#firstLength));
      this.#scratch.set(new Uint8Array(buffer, offset, length), this.#firstLength);
      this.#joined = this.#scratch.subarray(0, total);
      this.#joinedMemory = buffer;
      this.#joinedFrom = from;
    }
    return this.#joined;
  }

  #viewOf(buffer: SharedArrayBuffer, offset: number, length: number): Uint8Array {
    const isSame =
      this.#buffer === buffer && this.#offset === offset && this.#view.length === length;
    if (!isSame) {
      this.#buffer = buffer;
      this.#offset = offset;
      this.#view = new Uint8Array(buffer, offset, length);
    }
    return this.#view;
  }
}
