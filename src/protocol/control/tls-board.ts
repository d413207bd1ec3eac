/**
 * The board of the TLS thread, in shared memory: a row is one connection, with the two descriptors that the thread owns
 * of it, the client's socket and its own end of the pair whose other end the lobby or a shard has.
 *
 * Ownership is as on a shard's board: the primary writes both descriptors with their inodes and stores GIVEN before it
 * posts; the thread stores HELD and FREE. After the thread's exit the primary sweeps what is not FREE.
 */
import { RowState } from "./board.ts";

/** Descriptors of one row. */
export const TLS_DESCRIPTORS = 2;
/** First row that is given out: 0 on a shard's board means none. */
export const TLS_ROW_FIRST = 1;

const ROW_BYTES = TLS_DESCRIPTORS * (8 + 4) + 2 * 4;
const HEADER_BYTES = 8;

/** Bytes of a board with rows for this many connections; untouched rows cost no memory. */
export function tlsBoardBytes(rows: number): number {
  return HEADER_BYTES + (rows + TLS_ROW_FIRST) * ROW_BYTES;
}

/** Typed columns. **Shared**. */
export class TlsBoard {
  readonly rows: number;
  /** One number: milliseconds, monotonic; the thread's loop was alive then. */
  readonly heartbeat: Float64Array;
  /** Of each descriptor: tells whether a number still names the same socket. */
  readonly inode: Float64Array;
  readonly descriptor: Int32Array;
  readonly state: Int32Array;
  /** Low bits of the inode of the pair's other end, once its owner has closed it with what was queued being void. */
  readonly reset: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    const rows = Math.floor((buffer.byteLength - HEADER_BYTES) / ROW_BYTES);
    this.rows = rows;
    this.heartbeat = new Float64Array(buffer, 0, 1);
    let offset = HEADER_BYTES;
    this.inode = new Float64Array(buffer, offset, rows * TLS_DESCRIPTORS);
    offset += rows * TLS_DESCRIPTORS * 8;
    this.descriptor = new Int32Array(buffer, offset, rows * TLS_DESCRIPTORS);
    offset += rows * TLS_DESCRIPTORS * 4;
    this.state = new Int32Array(buffer, offset, rows);
    offset += rows * 4;
    this.reset = new Int32Array(buffer, offset, rows);
  }

  /** Gives a FREE row its descriptors; GIVEN when this returns. */
  give(row: number, descriptors: readonly number[], inodes: readonly number[]): void {
    for (let index = 0; index < TLS_DESCRIPTORS; index += 1) {
      this.descriptor[row * TLS_DESCRIPTORS + index] = descriptors[index] ?? -1;
      this.inode[row * TLS_DESCRIPTORS + index] = inodes[index] ?? -1;
    }
    Atomics.store(this.state, row, RowState.Given);
  }

  /** The row's descriptor of the client (0) or of the pair (1). */
  descriptorOf(row: number, index: 0 | 1): number {
    return this.descriptor[row * TLS_DESCRIPTORS + index] ?? -1;
  }

  /**
   * The owner of the pair's other end is about to close it, and nothing of what it sent may reach the client as if it
   * were whole. @param inode Of that end: the row may be another connection's by now.
   */
  markReset(row: number, inode: number): void {
    Atomics.store(this.reset, row, inode | 0);
  }

  /** Whether {@link markReset} was said of this end. */
  isReset(row: number, inode: number): boolean {
    return Atomics.load(this.reset, row) === (inode | 0);
  }
}

/** Posted to the TLS thread. */
export type ToTls =
  | {
      readonly kind: "give";
      readonly row: number;
      /** Inode of the pair's other end. */
      readonly outer: number;
    }
  /** For connections from now on. */
  | ({ readonly kind: "settings" } & TlsSettings)
  | { readonly kind: "fault"; readonly fault: "throw" | "oom" | "hang" }
  | { readonly kind: "stop" };

/** Posted by the TLS thread. */
export type FromTls =
  | { readonly kind: "ready" }
  /** The row's handshake is done. */
  | { readonly kind: "secure"; readonly row: number }
  /** The row is FREE again. `failure`: why its handshake failed; null when it did not. */
  | { readonly kind: "gone"; readonly row: number; readonly failure: string | null };

/** How connections are served. */
export interface TlsSettings {
  /** PEM. */
  readonly key: string;
  readonly certificate: string;
  /** Milliseconds that sent bytes may stay unacknowledged. */
  readonly stallMs: number;
}

/** What the TLS thread is started with. */
export interface TlsStart extends TlsSettings {
  /** **Shared**: a {@link TlsBoard}. */
  readonly board: SharedArrayBuffer;
  readonly allowFaults: boolean;
}
