/**
 * Reads a server's chunk stream by headers only (RTMP 1.0 §5.3.1): payloads are passed by arithmetic, never
 * copied, but for the first bytes of media messages (the stamp), control messages, and commands. All four header
 * types; chunk stream ids 2–63, as all servers here use.
 *
 * Invariant: the caller leaves HEADROOM_BYTES before the bytes it pushes (`native/headroom`); an unfinished header is
 * kept and put there by the next push, so that a header is always contiguous.
 */

import { STAMP_PEEK_BYTES } from "../media/codecs.ts";
import { Stash } from "../native/headroom.ts";

const CONTROL_PEEK_BYTES = 6;
const COMMAND_BYTES_MAX = 4096;
const MESSAGE_HEADER_BYTES = [11, 7, 3, 0] as const;
const TYPE_SET_CHUNK_SIZE = 1;
const TYPE_COMMAND = 20;
const TYPE_COMMAND_AMF3 = 17;
const EXTENDED = 0xff_ff_ff;
// Words of one chunk stream's row.
const ROW_WORDS = 4;
const LENGTH = 0;
const TYPE = 1;
const LEFT = 2;
const IS_EXTENDED = 3;

export interface SkimSink {
  /** An audio or video message begins at `bytes[offset]`; `peeked` bytes of its payload may be read. */
  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void;
  /** A whole protocol control message of at most 6 bytes, borrowed. */
  control(type: number, bytes: Uint8Array, offset: number): void;
  /** A whole command, owned by the receiver. */
  command(payload: Uint8Array): void;
}

export class ChunkSkimmer {
  chunkSize: number;
  readonly #rows: Int32Array = new Int32Array(64 * ROW_WORDS);
  readonly #stash: Stash = new Stash();
  /** Payload bytes of the current chunk still to pass. */
  #skip: number = 0;
  #row: number = 0;
  // Fields of the header being read.
  #type: number = 0;
  #length: number = 0;
  #isExtended: boolean = false;
  #collectRow: number = -1;
  #collected: Uint8Array = new Uint8Array(0);
  #collectedBytes: number = 0;

  constructor(chunkSize: number = 128) {
    this.chunkSize = chunkSize;
  }

  /** Take `bytes[start, end)`; any cut of the input gives the same events. */
  push(bytes: Uint8Array, start: number, end: number, sink: SkimSink): void {
    let at = this.#stash.restore(bytes, start);
    while (at < end) {
      if (this.#skip > 0) {
        at = this.#pass(bytes, at, end, sink);
        continue;
      }
      const next = this.#header(bytes, at, end, sink);
      if (next < 0) {
        this.#stash.keep(bytes, at, end);
        return;
      }
      at = next;
    }
  }

  #pass(bytes: Uint8Array, at: number, end: number, sink: SkimSink): number {
    const count = Math.min(this.#skip, end - at);
    if (this.#row === this.#collectRow) {
      this.#collected.set(bytes.subarray(at, at + count), this.#collectedBytes);
      this.#collectedBytes += count;
    }
    this.#skip -= count;
    const isMessageEnd = this.#skip === 0 && this.#rows[this.#row + LEFT] === 0;
    if (isMessageEnd && this.#row === this.#collectRow) {
      this.#collectRow = -1;
      sink.command(this.#collected);
    }
    return at + count;
  }

  /** @returns the offset of the payload, or -1 when the header is not whole yet. */
  #header(bytes: Uint8Array, at: number, end: number, sink: SkimSink): number {
    const format = (bytes[at] ?? 0) >> 6;
    const row = ((bytes[at] ?? 0) & 63) * ROW_WORDS;
    if (row < 2 * ROW_WORDS) {
      throw new Error("a chunk stream id of more than one byte");
    }
    const fieldsEnd = at + 1 + (MESSAGE_HEADER_BYTES[format] ?? 0);
    if (fieldsEnd > end) {
      return -1;
    }
    this.#readFields(bytes, at, row);
    const isContinuation = (this.#rows[row + LEFT] ?? 0) > 0;
    const payload = fieldsEnd + (this.#isExtended ? 4 : 0);
    const peek = isContinuation ? 0 : Math.min(peekBytes(this.#type), this.#length, this.chunkSize);
    if (payload + peek > end) {
      return -1;
    }
    this.#row = row;
    if (!isContinuation) {
      this.#rows[row + TYPE] = this.#type;
      this.#rows[row + LENGTH] = this.#length;
      this.#rows[row + LEFT] = this.#length;
      this.#rows[row + IS_EXTENDED] = this.#isExtended ? 1 : 0;
      this.#begin(bytes, payload, sink);
    }
    const left = this.#rows[row + LEFT] ?? 0;
    this.#skip = Math.min(left, this.chunkSize);
    this.#rows[row + LEFT] = left - this.#skip;
    if (!isContinuation && this.#type === TYPE_SET_CHUNK_SIZE) {
      this.chunkSize =
        new DataView(bytes.buffer, bytes.byteOffset).getUint32(payload) & 0x7f_ff_ff_ff;
    }
    return payload;
  }

  /** Type, length and form of the chunk at `at`; what its header leaves out is as before. */
  #readFields(bytes: Uint8Array, at: number, row: number): void {
    const format = (bytes[at] ?? 0) >> 6;
    const isLong = format < 2;
    this.#isExtended =
      format < 3 ? readUint24(bytes, at + 1) === EXTENDED : this.#rows[row + IS_EXTENDED] === 1;
    this.#type = isLong ? (bytes[at + 7] ?? 0) : (this.#rows[row + TYPE] ?? 0);
    this.#length = isLong ? readUint24(bytes, at + 4) : (this.#rows[row + LENGTH] ?? 0);
  }

  #begin(bytes: Uint8Array, payload: number, sink: SkimSink): void {
    const type = this.#type;
    const length = this.#length;
    if (type === 8 || type === 9) {
      sink.media(type, bytes, payload, length);
    } else if (type <= 6) {
      sink.control(type, bytes, payload);
    } else if (type === TYPE_COMMAND || type === TYPE_COMMAND_AMF3) {
      if (this.#collectRow >= 0 || length > COMMAND_BYTES_MAX) {
        throw new Error(`command of ${length} bytes`);
      }
      this.#collectRow = this.#row;
      this.#collected = new Uint8Array(length);
      this.#collectedBytes = 0;
    }
  }
}

function peekBytes(type: number): number {
  if (type === 8 || type === 9) {
    return STAMP_PEEK_BYTES;
  }
  return type <= 6 ? CONTROL_PEEK_BYTES : 0;
}

function readUint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}
