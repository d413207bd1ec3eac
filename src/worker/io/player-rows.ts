/**
 * What a shard does with its players' connections, whatever carries the bytes: one row of the board for each player.
 * {@link SocketRows} sends straight from ring memory.
 */
import type { Board } from "../../protocol/control/board.ts";
import type { SharedBytes } from "./pending.ts";

/** Result of a send that failed for good. */
export const SEND_FAILED = -1;

/** Event bits of {@link PlayerRows.eventBits}: those of epoll_ctl(2). */
export const RowEvent = {
  In: 0x0_01,
  Out: 0x0_04,
  Err: 0x0_08,
  Hup: 0x0_10,
  RdHup: 0x20_00,
} as const;

/** Memory that rows can send from, made by {@link PlayerRows.memory}. Opaque to everyone else. */
export interface RowMemory {
  /** **Shared**. Held, so that where it stands in memory stays valid. */
  readonly buffer: SharedArrayBuffer;
  /** Where it starts; 0 where nothing is sent by address. */
  readonly address: number;
}

/** How a player's socket is set. */
export interface RowOptions {
  readonly noDelay: boolean;
  /** Milliseconds that sent bytes may stay unacknowledged; 0: the kernel's own limit. */
  readonly stallMs: number;
  /** Bytes that may wait in the socket unsent. */
  readonly unsentBytes: number;
}

/** Connections of players: sending, reading, closing. */
export interface PlayerRows {
  readonly board: Board;
  /** Rows whose socket is full. */
  readonly blocked: ReadonlySet<number>;
  /** Chunk size last announced to each row's peer, 0 where the lobby's still holds. */
  readonly chunkSize: Int32Array;
  /** The memory of a ring as rows send from it; stable for the buffer's life. */
  memory(buffer: SharedArrayBuffer): RowMemory;
  /**
   * Takes a given connection over: GIVEN → HELD, options set, inbound bytes watched.
   * @returns false when it cannot be watched: the row is to be closed.
   */
  adopt(row: number, options: RowOptions): boolean;
  /** Sets how many bytes may wait in the row's socket unsent; costs something only where that changes. */
  limitUnsent(row: number, bytes: number): void;
  /**
   * Sends memory bytes on a row.
   * @param more More bytes follow at once.
   * @returns bytes taken (0 when the socket is full) or {@link SEND_FAILED}.
   */
  send(row: number, memory: RowMemory, offset: number, length: number, more: boolean): number;
  /**
   * Sends replies, a preamble or copies; what the socket does not take is kept and goes out first.
   * @returns false when the connection failed or its backlog is over the limit.
   */
  sendBytes(row: number, bytes: Uint8Array, more?: boolean): boolean;
  /** Queues a message that was taken out of a ring, from `offset` on: it goes out before ring bytes. */
  keepShared(row: number, shared: SharedBytes, offset: number): void;
  /** Sends what was kept. @returns true when nothing is left; false when blocked; null when the connection failed. */
  flushPending(row: number): boolean | null;
  /** Marks a row as full and watches for room. */
  block(row: number): void;
  /** The row has room again. */
  unblock(row: number): void;
  /** Bytes sent on the row that its peer has not acknowledged yet; negative when that cannot be said. */
  unacknowledged(row: number): number;
}
