/**
 * What carries the bytes of a shard's players: the kernel's sockets directly ({@link SocketTransport}), or something
 * slower where that cannot be had. Rows are those of the board.
 */

/** Result of a send that failed for good. */
export const SEND_FAILED = -1;

/** Bits of {@link RowTransport.eventBits}: those of epoll_ctl(2). */
export const RowEvent = {
  In: 0x0_01,
  Out: 0x0_04,
  Err: 0x0_08,
  Hup: 0x0_10,
  RdHup: 0x20_00,
} as const;

/** Memory that can be sent from, made by {@link RowTransport.memory}. Opaque to everyone else. */
export interface RowMemory {
  /** **Shared**. Held, so that where it stands in memory stays valid. */
  readonly buffer: SharedArrayBuffer;
  /** Where it starts; 0 where nothing is sent by address. */
  readonly address: number;
}

/** How a player's connection is set. */
export interface RowOptions {
  readonly noDelay: boolean;
  /** Milliseconds that sent bytes may stay unacknowledged; 0: the kernel's own limit. */
  readonly stallMs: number;
  /** Bytes that may wait in the socket unsent. */
  readonly unsentBytes: number;
}

/** Connections of players by row. Nothing here waits or throws. */
export interface RowTransport {
  /** The memory as it can be sent from; stable for the buffer's life. */
  memory(buffer: SharedArrayBuffer): RowMemory;
  /** The transport's own mark on the board, where it has something that outlives its thread. */
  begin(): void;
  /** The shard's orderly end. */
  end(): void;
  /** Takes a given connection over and watches what comes in. @returns false when it cannot be watched. */
  open(row: number, options: RowOptions): boolean;
  /** Sets the options that may change while it is open. */
  tune(row: number, options: Pick<RowOptions, "noDelay" | "stallMs">): void;
  /** Watches the connection no longer: another user in this thread has it. */
  release(row: number): void;
  /** Sets how many bytes may wait unsent. */
  limitUnsent(row: number, bytes: number): void;
  /**
   * Sends memory bytes.
   * @param more More bytes follow at once.
   * @returns bytes taken (0 when there is no room) or {@link SEND_FAILED}.
   */
  send(row: number, memory: RowMemory, offset: number, length: number, more: boolean): number;
  /** Watches for room as well, or no longer. */
  watchRoom(row: number, on: boolean): void;
  /** Rows with events now; see {@link eventRow} and {@link eventBits}. */
  poll(): number;
  eventRow(index: number): number;
  eventBits(index: number): number;
  /**
   * What the row's peer sent. **Borrowed** until the next read.
   * @returns null when nothing is there; an empty array at the peer's end or on failure.
   */
  read(row: number): Uint8Array | null;
  /** Bytes that the peer has not acknowledged yet; negative when that cannot be said. */
  unacknowledged(row: number): number;
  /** Closes the connection. `reset`: queued bytes must not be delivered. */
  close(row: number, reset: boolean): void;
}
