/**
 * One ring as a shard's players read it: the rows that follow it and the sends from its memory.
 * A row's cursor is always a message boundary, or `messageEnd` says where the message that it stands in ends.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import { RingReader } from "../../protocol/ring/ring-reader.ts";
import { type MemoryBase, memoryBase } from "../io/native.ts";
import { SEND_FAILED, type SocketRows } from "../io/socket-rows.ts";
import { RowFlag } from "./row-flags.ts";

/** What came of sending a row everything up to the head. */
export const SendResult = {
  /** The row is at the head. */
  Done: 0,
  /** The socket is full. */
  Full: 1,
  /** The ring has passed the row, or will within one message: it must skip. */
  Behind: 2,
  /** Bytes may have been overwritten while the kernel took them: the connection must be reset. */
  Passed: 3,
  /** The connection failed. */
  Failed: 4,
} as const;

/** Rescued messages of one ring: a bound on what players that stopped in the middle of a message may hold. */
const RESCUE_BYTES_MAX = 4 * 1024 * 1024;

/** A ring, its memory and the rows on it. */
export class RingView {
  readonly ringId: number;
  readonly reader: RingReader;
  readonly #memory: MemoryBase;
  readonly #rows: SocketRows;
  /** Rows that follow this ring; the first {@link count} entries. */
  list: Int32Array = new Int32Array(64);
  count = 0;
  /** Frames looked at so far, for pace and keyframes. */
  seenFrames: number;
  readonly #rescued = new Map<number, { bytes: Uint8Array; from: number }>();
  #rescuedBytes = 0;

  constructor(lease: RingLease, rows: SocketRows) {
    this.ringId = lease.ringId;
    this.reader = new RingReader(lease.memory);
    this.#memory = memoryBase(lease.memory);
    this.#rows = rows;
    this.seenFrames = this.reader.frameCount;
  }

  /** Lets a row follow this ring from `cursor`, a message boundary. */
  add(row: number, cursor: number): void {
    if (this.count === this.list.length) {
      const larger = new Int32Array(this.list.length * 2);
      larger.set(this.list);
      this.list = larger;
    }
    const { board } = this.#rows;
    this.list[this.count] = row;
    board.place[row] = this.count;
    board.cursor[row] = cursor;
    board.messageEnd[row] = cursor;
    this.count += 1;
  }

  /** The row no longer follows this ring. */
  remove(row: number): void {
    const { place } = this.#rows.board;
    const at = place[row] ?? -1;
    if (at < 0 || this.list[at] !== row) {
      return;
    }
    this.count -= 1;
    const last = this.list[this.count] ?? -1;
    this.list[at] = last;
    place[last] = at;
    place[row] = -1;
  }

  /** Sends a row whatever lies between its cursor and the head. See {@link SendResult}. */
  sendRow(row: number): number {
    return this.sendUpTo(row, this.reader.head);
  }

  /** As {@link sendRow}, up to `limit` (the head, or the end of a message). */
  sendUpTo(row: number, limit: number): number {
    const { board } = this.#rows;
    const { reader } = this;
    const cursor = board.cursor[row] ?? 0;
    const length = (limit - cursor) | 0;
    if (length <= 0) {
      return SendResult.Done;
    }
    if (!reader.isSafe(cursor)) {
      return SendResult.Behind;
    }
    const sent = this.#sendBytes(row, cursor, length);
    if (sent === SEND_FAILED) {
      return SendResult.Failed;
    }
    if (reader.wasPassed(cursor)) {
      return SendResult.Passed;
    }
    const next = (cursor + sent) | 0;
    board.cursor[row] = next;
    board.bytesOut[row] = (board.bytesOut[row] ?? 0) + sent;
    if (sent === length) {
      board.messageEnd[row] = next;
      return SendResult.Done;
    }
    // A short write usually stops inside a message; the rest of that message goes out before anything else.
    const end = ((board.messageEnd[row] ?? 0) - next) | 0;
    if (end <= 0) {
      const found = reader.messageEnd(next);
      if (found === null) {
        return SendResult.Passed;
      }
      board.messageEnd[row] = found;
    }
    return SendResult.Full;
  }

  #sendBytes(row: number, cursor: number, length: number): number {
    const { wrap, dataOffset, mask } = this.reader;
    const start = cursor & mask;
    const first = Math.min(length, wrap - start);
    const sent = this.#rows.send(row, this.#memory, dataOffset + start, first, first < length);
    if (sent < first || first === length) {
      return sent;
    }
    const more = this.#rows.send(row, this.#memory, dataOffset, length - first, false);
    return more === SEND_FAILED ? SEND_FAILED : first + more;
  }

  /** True when the row stands inside a message. */
  isInside(row: number): boolean {
    const { cursor, messageEnd } = this.#rows.board;
    return cursor[row] !== messageEnd[row];
  }

  /**
   * Takes the rest of the message a row stands in out of the ring, so that other bytes may follow it. Players that
   * stopped in the same message share one copy.
   * @returns false when the bytes are gone or too much is held: the connection must be reset.
   */
  rescue(row: number): boolean {
    const { board } = this.#rows;
    const cursor = board.cursor[row] ?? 0;
    const end = board.messageEnd[row] ?? 0;
    const length = (end - cursor) | 0;
    if (length <= 0) {
      return true;
    }
    const known = this.#rescued.get(end);
    if (known !== undefined && ((cursor - known.from) | 0) >= 0) {
      this.#rows.keep(row, known.bytes, (cursor - known.from) | 0);
    } else {
      const bytes = new Uint8Array(length);
      const isAffordable = this.#rescuedBytes + length <= RESCUE_BYTES_MAX;
      if (!isAffordable || !this.reader.read(cursor, length, bytes, 0)) {
        return false;
      }
      this.#rescued.set(end, { bytes, from: cursor });
      this.#rescuedBytes += length;
      this.#rows.keep(row, bytes, 0);
    }
    board.cursor[row] = end;
    return true;
  }

  /** Forgets shared copies of messages that the ring has left far behind. Rows that use them keep them alive. */
  dropRescued(): void {
    for (const [end, { bytes }] of this.#rescued) {
      if (!this.reader.isSafe(end)) {
        this.#rescued.delete(end);
        this.#rescuedBytes -= bytes.length;
      }
    }
  }

  /** Rows with unsent bytes in merge order; used by tests and by the tail flush. */
  isBehindHead(row: number): boolean {
    const { board } = this.#rows;
    const isHeld = ((board.flags[row] ?? 0) & (RowFlag.Waiting | RowFlag.Paused)) !== 0;
    return !isHeld && board.cursor[row] !== (this.reader.head | 0);
  }
}
