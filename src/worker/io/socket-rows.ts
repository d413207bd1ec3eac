/**
 * The players' descriptors of one shard as rows of the board: one epoll set, sends straight from ring memory, and the
 * few out-of-band bytes that a socket did not take at once. No object per player.
 */
import { type Board, EPOLL_ROW, RowRole, RowState } from "../../protocol/control/board.ts";
import { RowFlag } from "../stream/row-flags.ts";
import {
  closeDescriptor,
  EpollSet,
  Errno,
  type KeepAlive,
  type MemoryBase,
  memoryBase,
  receive,
  send,
  setKeepAlive,
  setNoDelay,
  setResetOnClose,
  setUnsentLimit,
  setUserTimeout,
  unacknowledgedBytes,
} from "./native.ts";
import { Pending, type SharedBytes } from "./pending.ts";
import { type PlayerRows, RowEvent, type RowOptions, SEND_FAILED } from "./player-rows.ts";

const EVENTS_PER_POLL = 1024;
const READ_BYTES = 64 * 1024;
const STAGING_BYTES = 128 * 1024;
const WATCH_IN = RowEvent.In | RowEvent.RdHup;
const WATCH_IN_OUT = WATCH_IN | RowEvent.Out;
/** A player to whom nothing is sent is asked this often whether it is still there. */
const KEEP_ALIVE: KeepAlive = { idleSeconds: 30, intervalSeconds: 5, probes: 3 };

/** Descriptors of players: sending, reading, closing. */
export class SocketRows implements PlayerRows {
  readonly board: Board;
  /** Rows whose socket is full. */
  readonly blocked: Set<number> = new Set();
  /** Chunk size last announced to each row's peer, 0 where the lobby's still holds. */
  readonly chunkSize: Int32Array;
  /** send(2) calls made. */
  sends = 0;
  readonly #epoll = new EpollSet(EVENTS_PER_POLL);
  readonly #pending = new Map<number, Pending>();
  /** Unsent bytes that each row's socket is set to. */
  readonly #unsentBytes: Int32Array;
  readonly #staging: MemoryBase;
  readonly #stagingBytes: Uint8Array;
  readonly #read: MemoryBase;
  readonly #readBytes: Uint8Array;

  constructor(board: Board) {
    this.board = board;
    this.chunkSize = new Int32Array(board.rows);
    this.#unsentBytes = new Int32Array(board.rows);
    this.#staging = memoryBase(new SharedArrayBuffer(STAGING_BYTES));
    this.#stagingBytes = new Uint8Array(this.#staging.buffer);
    this.#read = memoryBase(new SharedArrayBuffer(READ_BYTES));
    this.#readBytes = new Uint8Array(this.#read.buffer);
  }

  memory(buffer: SharedArrayBuffer): MemoryBase {
    return memoryBase(buffer);
  }

  /** Marks the epoll set's own descriptor on the board: the primary closes it if this thread dies. */
  ownEpollSet(): void {
    const { board } = this;
    board.role[EPOLL_ROW] = RowRole.System;
    board.descriptor[EPOLL_ROW] = this.#epoll.descriptor;
    Atomics.store(board.state, EPOLL_ROW, RowState.Held);
  }

  /** Closes the epoll set at the shard's orderly end. */
  closeEpollSet(): void {
    Atomics.store(this.board.state, EPOLL_ROW, RowState.Free);
    this.#epoll.close();
  }

  adopt(row: number, options: RowOptions): boolean {
    const descriptor = this.#descriptor(row);
    Atomics.store(this.board.state, row, RowState.Held);
    setNoDelay(descriptor, options.noDelay);
    setUserTimeout(descriptor, options.stallMs);
    setKeepAlive(descriptor, KEEP_ALIVE);
    this.chunkSize[row] = 0;
    this.#unsentBytes[row] = 0;
    this.limitUnsent(row, options.unsentBytes);
    return this.#epoll.add(descriptor, WATCH_IN, row) >= 0;
  }

  limitUnsent(row: number, bytes: number): void {
    if (this.#unsentBytes[row] !== bytes) {
      this.#unsentBytes[row] = bytes;
      setUnsentLimit(this.#descriptor(row), bytes);
    }
  }

  send(row: number, memory: MemoryBase, offset: number, length: number, more: boolean): number {
    this.sends += 1;
    const sent = send(this.board.descriptor[row] ?? -1, memory, offset, length, more);
    if (sent >= 0) {
      return sent;
    }
    return sent === -Errno.Again || sent === -Errno.Intr ? 0 : SEND_FAILED;
  }

  sendBytes(row: number, bytes: Uint8Array, more = false): boolean {
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

  keepShared(row: number, shared: SharedBytes, offset: number): void {
    this.#queueOf(row).addShared(shared, offset);
  }

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

  block(row: number): void {
    if (((this.board.flags[row] ?? 0) & RowFlag.Blocked) === 0) {
      this.#setFlag(row, RowFlag.Blocked);
      this.blocked.add(row);
      this.#epoll.change(this.#descriptor(row), WATCH_IN_OUT, row);
    }
  }

  unblock(row: number): void {
    if (((this.board.flags[row] ?? 0) & RowFlag.Blocked) !== 0) {
      this.#clearFlag(row, RowFlag.Blocked);
      this.blocked.delete(row);
      this.#epoll.change(this.#descriptor(row), WATCH_IN, row);
    }
  }

  unacknowledged(row: number): number {
    return unacknowledgedBytes(this.#descriptor(row));
  }

  /** Rows with events now; see {@link eventRow} and {@link eventBits}. Never waits. */
  poll(): number {
    return this.#epoll.poll();
  }

  eventRow(index: number): number {
    return this.#epoll.row(index);
  }

  eventBits(index: number): number {
    return this.#epoll.events(index);
  }

  /**
   * Reads what the row's peer sent. The bytes are **borrowed** until the next read.
   * @returns null when nothing is there; an empty array at the peer's end or on failure.
   */
  read(row: number): Uint8Array | null {
    const received = receive(this.#descriptor(row), this.#read, READ_BYTES);
    if (received > 0) {
      this.board.bytesIn[row] = (this.board.bytesIn[row] ?? 0) + received;
      return this.#readBytes.subarray(0, received);
    }
    return received === -Errno.Again || received === -Errno.Intr
      ? null
      : this.#readBytes.subarray(0, 0);
  }

  /** Closes the row's descriptor: HELD → CLOSING → FREE. `reset`: queued bytes must not be delivered. */
  close(row: number, reset: boolean): void {
    const descriptor = this.#descriptor(row);
    Atomics.store(this.board.state, row, RowState.Closing);
    this.#pending.get(row)?.clear();
    this.#pending.delete(row);
    this.blocked.delete(row);
    this.#epoll.remove(descriptor);
    if (reset) {
      setResetOnClose(descriptor);
    }
    closeDescriptor(descriptor);
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

  #descriptor(row: number): number {
    return this.board.descriptor[row] ?? -1;
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
