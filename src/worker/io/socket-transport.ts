/** Players' connections as descriptors of this thread: direct sends, one epoll set. */
import { type Board, EPOLL_ROW, RowRole, RowState } from "../../protocol/control/board.ts";
import type { TlsBoard } from "../../protocol/control/tls-board.ts";
import {
  closeDescriptor,
  EpollSet,
  Errno,
  KERNEL_LATER_MS,
  type KeepAlive,
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
import {
  RowEvent,
  type RowMemory,
  type RowOptions,
  type RowTransport,
  SEND_FAILED,
} from "./row-transport.ts";

const EVENTS_PER_POLL = 1024;
const READ_BYTES = 64 * 1024;
const WATCH_IN = RowEvent.In | RowEvent.RdHup;
const WATCH_IN_OUT = WATCH_IN | RowEvent.Out;
/** A player to whom nothing is sent is asked this often whether it is still there. */
const KEEP_ALIVE: KeepAlive = { idleSeconds: 30, intervalSeconds: 5, probes: 3 };

/** The kernel's sockets. */
export class SocketTransport implements RowTransport {
  readonly #board: Board;
  readonly #tls: TlsBoard | null;
  readonly #epoll = new EpollSet(EVENTS_PER_POLL);
  readonly #read: RowMemory;
  readonly #readBytes: Uint8Array;

  /** @param tls Where connections come from whose client is not at the other end of the descriptor. */
  constructor(board: Board, tls: TlsBoard | null = null) {
    this.#board = board;
    this.#tls = tls;
    this.#read = memoryBase(new SharedArrayBuffer(READ_BYTES));
    this.#readBytes = new Uint8Array(this.#read.buffer);
  }

  memory(buffer: SharedArrayBuffer): RowMemory {
    return memoryBase(buffer);
  }

  /** The epoll set's own descriptor stands on the board: the primary closes it if this thread dies. */
  begin(): void {
    const board = this.#board;
    board.role[EPOLL_ROW] = RowRole.System;
    board.descriptor[EPOLL_ROW] = this.#epoll.descriptor;
    Atomics.store(board.state, EPOLL_ROW, RowState.Held);
  }

  end(): void {
    Atomics.store(this.#board.state, EPOLL_ROW, RowState.Free);
    this.#epoll.close();
  }

  open(row: number, options: RowOptions): boolean {
    const descriptor = this.#descriptor(row);
    this.tune(row, options);
    setKeepAlive(descriptor, KEEP_ALIVE);
    setUnsentLimit(descriptor, options.unsentBytes);
    return this.#epoll.add(descriptor, WATCH_IN, row) >= 0;
  }

  tune(row: number, { noDelay, stallMs }: Pick<RowOptions, "noDelay" | "stallMs">): void {
    const descriptor = this.#descriptor(row);
    setNoDelay(descriptor, noDelay);
    setUserTimeout(descriptor, stallMs + KERNEL_LATER_MS);
  }

  release(row: number): void {
    this.#epoll.remove(this.#descriptor(row));
  }

  limitUnsent(row: number, bytes: number): void {
    setUnsentLimit(this.#descriptor(row), bytes);
  }

  send(row: number, memory: RowMemory, offset: number, length: number, more: boolean): number {
    const sent = send(this.#descriptor(row), memory, offset, length, more);
    if (sent >= 0) {
      return sent;
    }
    return sent === -Errno.Again || sent === -Errno.Intr ? 0 : SEND_FAILED;
  }

  watchRoom(row: number, on: boolean): void {
    this.#epoll.change(this.#descriptor(row), on ? WATCH_IN_OUT : WATCH_IN, row);
  }

  poll(): number {
    return this.#epoll.poll();
  }

  eventRow(index: number): number {
    return this.#epoll.row(index);
  }

  eventBits(index: number): number {
    return this.#epoll.events(index);
  }

  read(row: number): Uint8Array | null {
    const received = receive(this.#descriptor(row), this.#read, READ_BYTES);
    if (received > 0) {
      return this.#readBytes.subarray(0, received);
    }
    return received === -Errno.Again || received === -Errno.Intr
      ? null
      : this.#readBytes.subarray(0, 0);
  }

  unacknowledged(row: number): number {
    return unacknowledgedBytes(this.#descriptor(row));
  }

  close(row: number, reset: boolean): void {
    const descriptor = this.#descriptor(row);
    this.#epoll.remove(descriptor);
    if (reset) {
      setResetOnClose(descriptor);
      const front = this.#board.front[row] ?? 0;
      if (front > 0) {
        this.#tls?.markReset(front, this.#board.inode[row] ?? -1);
      }
    }
    closeDescriptor(descriptor);
  }

  #descriptor(row: number): number {
    return this.#board.descriptor[row] ?? -1;
  }
}
