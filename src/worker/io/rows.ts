/** The sockets of a thread's players as fan-out sees them, whatever they are made of. */
import type { Board } from "../../protocol/control/board.ts";
import type { SharedBytes } from "./pending.ts";
import type { RowMemory } from "./row-transport.ts";

/** Players' sockets as rows of the board. */
export interface Rows {
  readonly board: Board;
  /** Chunk size last announced to each row's peer, 0 where the lobby's still holds. */
  readonly chunkSize: Int32Array;
  /** The memory of a ring as rows send from it. */
  memory(buffer: SharedArrayBuffer): RowMemory;
  /** Sends memory bytes. @returns bytes taken, or SEND_FAILED. */
  send(row: number, memory: RowMemory, offset: number, length: number, more: boolean): number;
  /** Sends other bytes, all of them sooner or later. @returns false when the connection failed. */
  sendBytes(row: number, bytes: Uint8Array, more?: boolean): boolean;
  /** Queues the rest of a message that was taken out of a ring. */
  keepShared(row: number, shared: SharedBytes, offset: number): void;
  /** Sends what was kept. @returns true when nothing is left; false when blocked; null when the connection failed. */
  flushPending(row: number): boolean | null;
  /** Sets how many bytes may wait in the row's socket unsent. */
  limitUnsent(row: number, bytes: number): void;
  /** Marks a row as full. */
  block(row: number): void;
}
