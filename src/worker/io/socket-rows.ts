/**
 * The players' connections of one shard as rows of the board: sends straight from ring memory, and the few out-of-band
 * bytes that a connection did not take at once. No object per player.
 */
import { type Board, RowState } from "../../protocol/control/board.ts";
import { RowFlag } from "../stream/row-flags.ts";
import { Pending, type SharedBytes } from "./pending.ts";
import {
  type RowMemory,
  type RowOptions,
  type RowTransport,
  SEND_FAILED,
} from "./row-transport.ts";
import type { Rows } from "./rows.ts";
import { SharingRows } from "./sharing-rows.ts";

const STAGING_BYTES = 128 * 1024;

/** Connections of players: sending, reading, closing. */
export class SocketRows implements Rows {
  readonly board: Board;
  /** Rows without a socket of their own, behind all others. */
  readonly sharing: SharingRows;
  /** Rows whose socket is full; none of {@link sharing}. */
  readonly blocked: Set<number> = new Set();
  /** Chunk size last announced to each row's peer, 0 where the lobby's still holds. */
  readonly chunkSize: Int32Array;
  /** Sends made. */
  sends = 0;
  readonly #transport: RowTransport;
  readonly #pending = new Map<number, Pending>();
  /** Unsent bytes that each row's socket is set to. */
  readonly #unsentBytes: Int32Array;
  readonly #staging: RowMemory;
  readonly #stagingBytes: Uint8Array;

  constructor(board: Board, transport: RowTransport) {
    this.board = board;
    this.sharing = new SharingRows(board);
    this.#transport = transport;
    this.chunkSize = new Int32Array(board.allRows);
    this.#unsentBytes = new Int32Array(board.rows);
    this.#staging = transport.memory(new SharedArrayBuffer(STAGING_BYTES));
    this.#stagingBytes = new Uint8Array(this.#staging.buffer);
  }

  /** Begins: what outlives this thread is marked on the board. */
  begin(): void {
    this.#transport.begin();
  }

  /** The shard's orderly end, after its rows are closed. */
  end(): void {
    this.#transport.end();
  }

  /** The memory of a ring as rows send from it; stable for the buffer's life. */
  memory(buffer: SharedArrayBuffer): RowMemory {
    return this.#transport.memory(buffer);
  }

  /**
   * Takes a given connection over: GIVEN → HELD, options set, inbound bytes watched.
   * @returns false when it cannot be watched: the row is to be closed.
   */
  adopt(row: number, options: RowOptions): boolean {
    Atomics.store(this.board.state, row, RowState.Held);
    this.chunkSize[row] = 0;
    this.#unsentBytes[row] = options.unsentBytes;
    return this.#transport.open(row, options);
  }

  /** Sets how many bytes may wait in the row's socket unsent; a call only where that changes. */
  limitUnsent(row: number, bytes: number): void {
    if (row >= this.board.rows) {
      this.sharing.carrierOf(row)?.limitUnsent(bytes);
    } else if (this.#unsentBytes[row] !== bytes) {
      this.#unsentBytes[row] = bytes;
      this.#transport.limitUnsent(row, bytes);
    }
  }

  /** Sets a row's socket options that follow the stream's settings. */
  tune(row: number, options: Pick<RowOptions, "noDelay" | "stallMs">): void {
    this.#transport.tune(row, options);
  }

  /**
   * Sends memory bytes on a row.
   * @returns bytes taken (0 when the socket is full) or {@link SEND_FAILED}.
   */
  send(row: number, memory: RowMemory, offset: number, length: number, more: boolean): number {
    this.sends += 1;
    return this.#transport.send(row, memory, offset, length, more);
  }

  /**
   * Sends replies, a preamble or copies; what the socket does not take is kept and goes out first.
   * @returns false when the connection failed or its backlog is over the limit.
   */
  sendBytes(row: number, bytes: Uint8Array, more = false): boolean {
    if (row >= this.board.rows) {
      this.sharing.carrierOf(row)?.send(row, bytes);
      return true;
    }
    if (this.#pending.has(row)) {
      return this.#keep(row, bytes, 0);
    }
    let offset = 0;
    while (offset < bytes.length) {
      const part = Math.min(STAGING_BYTES, bytes.length - offset);
      this.#stagingBytes.set(bytes.subarray(offset, offset + part));
      const sent = this.send(row, this.#staging, 0, part, more || offset + part < bytes.length);
      if (sent === SEND_FAILED) {
        return false;
      }
      offset += sent;
      this.#count(row, sent);
      if (sent < part) {
        return this.#keep(row, bytes, offset);
      }
    }
    return true;
  }

  /** Queues a message that was taken out of a ring, from `offset` on: it goes out before ring bytes. */
  keepShared(row: number, shared: SharedBytes, offset: number): void {
    this.#queueOf(row).addShared(shared, offset);
  }

  /** Sends what was kept. @returns true when nothing is left; false when blocked; null when the connection failed. */
  flushPending(row: number): boolean | null {
    const pending = this.#pending.get(row);
    if (pending === undefined) {
      return true;
    }
    while (!pending.isEmpty) {
      const staged = pending.peek(this.#stagingBytes);
      const sent = this.send(row, this.#staging, 0, staged, false);
      if (sent === SEND_FAILED) {
        return null;
      }
      pending.drop(sent);
      this.#count(row, sent);
      if (sent < staged) {
        return false;
      }
    }
    this.#pending.delete(row);
    this.#clearFlag(row, RowFlag.Pending);
    return true;
  }

  /** Marks a row as full and watches for room. */
  block(row: number): void {
    if (((this.board.flags[row] ?? 0) & RowFlag.Blocked) === 0) {
      this.#setFlag(row, RowFlag.Blocked);
      if (row >= this.board.rows) {
        return;
      }
      this.blocked.add(row);
      this.#transport.watchRoom(row, true);
    }
  }

  /** The row has room again. */
  unblock(row: number): void {
    if (((this.board.flags[row] ?? 0) & RowFlag.Blocked) !== 0) {
      this.#clearFlag(row, RowFlag.Blocked);
      if (row >= this.board.rows) {
        return;
      }
      this.blocked.delete(row);
      this.#transport.watchRoom(row, false);
    }
  }

  /** Bytes sent on the row that its peer has not acknowledged yet; negative when that cannot be said. */
  unacknowledged(row: number): number {
    return this.#transport.unacknowledged(row);
  }

  /** Rows with events now; see {@link eventRow} and {@link eventBits}. Never waits. */
  poll(): number {
    return this.#transport.poll();
  }

  eventRow(index: number): number {
    return this.#transport.eventRow(index);
  }

  eventBits(index: number): number {
    return this.#transport.eventBits(index);
  }

  /**
   * Reads what the row's peer sent. The bytes are **borrowed** until the next read.
   * @returns null when nothing is there; an empty array at the peer's end or on failure.
   */
  read(row: number): Uint8Array | null {
    const bytes = this.#transport.read(row);
    if (bytes !== null) {
      this.board.bytesIn[row] = (this.board.bytesIn[row] ?? 0) + bytes.length;
    }
    return bytes;
  }

  /**
   * Lets the connection of a row, which stays HELD, go to another user in this thread.
   * @returns bytes that wait to be sent, in their order. Owned.
   */
  release(row: number): Uint8Array {
    const unsent = this.#pending.get(row)?.takeAll() ?? new Uint8Array(0);
    this.#pending.delete(row);
    this.blocked.delete(row);
    this.#transport.release(row);
    this.#clearFlag(row, RowFlag.Blocked | RowFlag.Pending);
    return unsent;
  }

  /** Closes the row's connection: HELD → CLOSING → FREE. `reset`: queued bytes must not be delivered. */
  close(row: number, reset: boolean): void {
    Atomics.store(this.board.state, row, RowState.Closing);
    this.#pending.get(row)?.clear();
    this.#pending.delete(row);
    this.blocked.delete(row);
    this.#transport.close(row, reset);
    this.board.descriptor[row] = -1;
    Atomics.store(this.board.state, row, RowState.Free);
  }

  #keep(row: number, bytes: Uint8Array, offset: number): boolean {
    return this.#queueOf(row).add(bytes, offset);
  }

  /** The row's queue; the row is blocked until it is empty. */
  #queueOf(row: number): Pending {
    let pending = this.#pending.get(row);
    if (pending === undefined) {
      pending = new Pending();
      this.#pending.set(row, pending);
      this.#setFlag(row, RowFlag.Pending);
    }
    this.block(row);
    return pending;
  }

  #count(row: number, sent: number): void {
    this.board.bytesOut[row] = (this.board.bytesOut[row] ?? 0) + sent;
  }

  #setFlag(row: number, flag: number): void {
    this.board.flags[row] = (this.board.flags[row] ?? 0) | flag;
  }

  #clearFlag(row: number, flag: number): void {
    this.board.flags[row] = (this.board.flags[row] ?? 0) & ~flag;
  }
}
