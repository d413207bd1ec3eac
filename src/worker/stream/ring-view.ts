/**
 * One ring as a shard's players read it: the rows that follow it and the sends from its memory.
 * A row's cursor is always a message boundary, or `messageEnd` says where the message that it stands in ends.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import { newFrameRef, newKeyframeRef } from "../../protocol/ring/frame-index.ts";
import { ringLayout } from "../../protocol/ring/ring-layout.ts";
import { RingReader } from "../../protocol/ring/ring-reader.ts";
import type { SharedBytes } from "../io/pending.ts";
import { type RowMemory, SEND_FAILED } from "../io/row-transport.ts";
import type { Rows } from "../io/rows.ts";
import { RowFlag, setFlag } from "./row-flags.ts";

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
  /** The row has had all that its play asked for. */
  PlayedOut: 5,
} as const;

/** Rescued messages of one ring: a bound on what players that stopped in the middle of a message may hold. */
const RESCUE_BYTES_MAX = 4 * 1024 * 1024;
/** The index forgets a frame when this share of its entries came after it. */
const INDEX_SHARE = 0.75;

/** A message taken out of the ring. */
interface Rescued extends SharedBytes {
  /** Positions in the ring of its first byte and of what follows it. */
  readonly from: number;
  readonly end: number;
}

/** A ring, its memory and the rows on it. */
export class RingView {
  readonly ringId: number;
  readonly reader: RingReader;
  readonly #memory: RowMemory;
  readonly #rows: Rows;
  /** Rows that follow this ring; the first {@link count} entries. */
  list: Int32Array = new Int32Array(64);
  count = 0;
  /** Frames looked at so far, for pace and keyframes. */
  seenFrames: number;
  #rescued: Rescued[] = [];
  readonly #indexFrames: number;
  readonly #frame = newFrameRef();
  readonly #keyframe = newKeyframeRef();

  constructor(lease: RingLease, rows: Rows) {
    this.ringId = lease.ringId;
    this.reader = new RingReader(lease.memory);
    this.#memory = rows.memory(lease.memory);
    this.#rows = rows;
    this.seenFrames = this.reader.frameCount;
    this.#indexFrames = ringLayout(this.reader.wrap).indexEntries * INDEX_SHARE;
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

  /** The row follows this ring. */
  has(row: number): boolean {
    const at = this.#rows.board.place[row] ?? -1;
    // Past the count stand rows that left: one of them may have the same place in another ring by now.
    return at >= 0 && at < this.count && this.list[at] === row;
  }

  /** The row no longer follows this ring. */
  remove(row: number): void {
    if (!this.has(row)) {
      return;
    }
    const { place } = this.#rows.board;
    const at = place[row] ?? -1;
    this.count -= 1;
    const last = this.list[this.count] ?? -1;
    this.list[at] = last;
    place[last] = at;
    place[row] = -1;
  }

  /** Sends a row whatever lies between its cursor and the head. See {@link SendResult}. */
  sendRow(row: number): number {
    const { board } = this.#rows;
    const { reader } = this;
    const cursor = board.cursor[row] ?? 0;
    const length = (reader.head - cursor) | 0;
    if (length === 0) {
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
    if (cursor === end) {
      return true;
    }
    const known = this.#rescued.find((one) => one.end === end && ((cursor - one.from) | 0) >= 0);
    const message = known ?? this.#copyMessage(cursor, end);
    if (message === null) {
      return false;
    }
    this.#rows.keepShared(row, message, (cursor - message.from) | 0);
    board.cursor[row] = end;
    return true;
  }

  /**
   * Every second: copies that nobody sends from are dropped, and paused rows whose place is gone are to skip from where
   * they are put. After 4 GiB of the stream their cursor would seem to be a place in the ring again.
   */
  tickSlow(): void {
    this.#dropRescued();
    const { board } = this.#rows;
    for (let at = 0; at < this.count; at += 1) {
      const row = this.list[at] ?? -1;
      const isPaused = ((board.flags[row] ?? 0) & RowFlag.Paused) !== 0;
      if (isPaused && !this.reader.isSafe(board.cursor[row] ?? 0)) {
        setFlag(board, row, RowFlag.Skip);
        const isThere = this.reader.newestKeyframe(this.#keyframe);
        const place = isThere ? this.#keyframe.position : this.reader.head;
        board.cursor[row] = place;
        board.messageEnd[row] = place;
      }
    }
  }

  #dropRescued(): void {
    if (this.#rescued.length > 0) {
      this.#rescued = this.#rescued.filter((message) => message.users > 0);
    }
  }

  /** Bytes of rescued messages that are held now. */
  get rescuedBytes(): number {
    return this.#rescued.reduce((sum, message) => sum + message.bytes.length, 0);
  }

  /** True when a player could start at a keyframe that lies after `position`. */
  hasKeyframeAfter(position: number): boolean {
    const keyframe = this.#keyframe;
    return this.reader.newestKeyframe(keyframe) && ((keyframe.position - position) | 0) > 0;
  }

  /**
   * Milliseconds of stream between the oldest byte that the peer has not got and the newest frame.
   * @param unacknowledged Bytes before the cursor that are still in the socket.
   */
  lagMs(row: number, unacknowledged: number): number {
    const { reader } = this;
    const cursor = this.#rows.board.cursor[row] ?? 0;
    const known = reader.frameAt((cursor - unacknowledged) | 0);
    const frame = known === -1 ? reader.frameAt(cursor) : known;
    if (frame === -1 || !reader.readFrame(frame, this.#frame)) {
      return 0;
    }
    const { timestamp } = this.#frame;
    const isThere = reader.readFrame((reader.frameCount - 1) >>> 0, this.#frame);
    return isThere ? Math.max(0, (this.#frame.timestamp - timestamp) | 0) : 0;
  }

  /** How far behind the head a row is, as a share of the ring: of its bytes or of its index, whichever is more. */
  shareBehind(row: number): number {
    const { reader } = this;
    const cursor = this.#rows.board.cursor[row] ?? 0;
    const bytes = (reader.head - cursor) | 0;
    if (bytes === 0) {
      return 0;
    }
    const frame = reader.frameAt(cursor);
    const frames = frame === -1 ? this.#indexFrames : (reader.frameCount - frame) | 0;
    return Math.max(bytes / reader.wrap, frames / this.#indexFrames);
  }

  #copyMessage(cursor: number, end: number): Rescued | null {
    this.#dropRescued();
    const { reader } = this;
    const frame = reader.frameAt(cursor);
    const isIndexed = frame !== -1 && reader.readFrame(frame, this.#frame);
    const start = isIndexed ? this.#frame.position : cursor;
    const held = this.rescuedBytes;
    // One message is always taken, however large.
    if (held > 0 && held + ((end - start) | 0) > RESCUE_BYTES_MAX) {
      return null;
    }
    return this.#copy(start, end) ?? this.#copy(cursor, end);
  }

  #copy(from: number, end: number): Rescued | null {
    const bytes = new Uint8Array((end - from) | 0);
    if (!this.reader.read(from, bytes.length, bytes, 0)) {
      return null;
    }
    const message = { bytes, from, end, users: 0 };
    this.#rescued.push(message);
    return message;
  }
}
