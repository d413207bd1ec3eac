/**
 * What the chunk layer remembers about one connection's input: a header per chunk stream and the partial messages
 * (RTMP 1.0 §5.3.1.2). Plain registers, so that they can be carried to another thread or packed into a player's row.
 */

import {
  ASSEMBLY_BUFFER_BYTES_KEPT_MAX,
  ASSEMBLY_BYTES_KEPT_MAX,
  CHUNK_SIZE_DEFAULT,
  CHUNK_STREAMS_MAX,
} from "../limits.ts";
import { CHUNK_HEADER_BYTES_MAX } from "./chunk-header.ts";

/** Whether the peer repeats the extended timestamp on format-3 chunks; it is learned from the first continuation. */
export const ExtendedRepeat = { Unknown: 0, Repeats: 1, Omits: 2 } as const;

const EMPTY = new Uint8Array(0);
/** First size of an assembly buffer: 64 chunk streams that announce much and send little cost 64 KiB together. */
const BUFFER_BYTES_FIRST = 1024;
/** Above this a buffer is not made larger than its message. */
const BUFFER_BYTES_EXACT = 64 * 1024;
/** After this many messages that need less than a quarter, a buffer is given back. */
const SMALL_MESSAGES_MAX = 256;

/** The last header of a chunk stream and its message in progress. */
export class ChunkStreamState {
  id = 0;
  /** Absolute time of the current or last message, modulo 2^32. */
  timestamp = 0;
  /** Added to the time by a format-3 chunk that starts a message. */
  delta = 0;
  /** The last explicit header carried an extended timestamp. */
  isExtended = false;
  /** Value of that extended field. */
  extended = 0;
  /** The last message start was format 0, so an extended field is a time and not a difference. */
  isAbsolute = false;
  type = 0;
  streamId = 0;
  /** Announced payload length. */
  length = 0;
  /** A message is in progress: `received` bytes of its payload have been taken. */
  isPartial = false;
  received = 0;
  /** Kept payload bytes of all chunks whose header was read; the base of the partial limit, the same for any cut. */
  announced = 0;
  /** The payload is not wanted: count it, keep nothing. */
  isSkipped = false;
  /** **Owned**; `buffer[0, received)` is the partial payload. At most `length` or 2 × received bytes. */
  buffer: Uint8Array = EMPTY;
  /** Messages in a row that needed less than a quarter of the buffer. */
  smallMessages = 0;

  /** Back to an unused chunk stream. The buffer is kept by {@link ChunkRegisters.reset} only when small. */
  reset(id: number): void {
    this.id = id;
    this.timestamp = 0;
    this.delta = 0;
    this.isExtended = false;
    this.extended = 0;
    this.isAbsolute = false;
    this.type = 0;
    this.streamId = 0;
    this.length = 0;
    this.isPartial = false;
    this.received = 0;
    this.announced = 0;
    this.isSkipped = false;
    this.smallMessages = 0;
  }
}

/** All that a decoder remembers between two pushes. */
export class ChunkRegisters {
  chunkSize: number = CHUNK_SIZE_DEFAULT;
  repeat: number = ExtendedRepeat.Unknown;
  /** **Owned**; `head[0, headBytes)` is the beginning of a chunk header that was cut. */
  readonly head: Uint8Array = new Uint8Array(CHUNK_HEADER_BYTES_MAX);
  headBytes = 0;
  /** **Owned**; bytes taken as a possible extended timestamp that turned out to be payload, still to be decoded. */
  readonly replay: Uint8Array = new Uint8Array(4);
  replayBytes = 0;
  /** Payload bytes left of the current chunk; 0 between chunks. */
  chunkLeft = 0;
  /** The chunk stream of the current or last chunk. */
  current: ChunkStreamState | null = null;
  /** The first {@link ChunkRegisters.streamCount} are in use; the others wait to be used again. */
  readonly streams: ChunkStreamState[] = [];
  streamCount = 0;
  /** Sum of `announced` over partial messages that are kept. */
  partialBytes = 0;
  /** Sum of all assembly buffers. */
  bufferBytes = 0;

  /** The state of a chunk stream, or null for one never seen. A linear search: few are in use, and the last hits first. */
  find(id: number): ChunkStreamState | null {
    if (this.current !== null && this.current.id === id) {
      return this.current;
    }
    for (let index = 0; index < this.streamCount; index++) {
      const state = this.streams[index];
      if (state !== undefined && state.id === id) {
        return state;
      }
    }
    return null;
  }

  /** A fresh state for `id`, or null when `CHUNK_STREAMS_MAX` are in use. */
  add(id: number): ChunkStreamState | null {
    if (this.streamCount === CHUNK_STREAMS_MAX) {
      return null;
    }
    let state = this.streams[this.streamCount];
    if (state === undefined) {
      state = new ChunkStreamState();
      this.streams.push(state);
    }
    state.reset(id);
    this.streamCount++;
    return state;
  }

  /** As at the start of a connection. Buffers of {@link BUFFER_BYTES_FIRST} stay for the next one, larger ones go. */
  reset(): void {
    this.chunkSize = CHUNK_SIZE_DEFAULT;
    this.repeat = ExtendedRepeat.Unknown;
    this.headBytes = 0;
    this.replayBytes = 0;
    this.chunkLeft = 0;
    this.current = null;
    for (const state of this.streams) {
      state.reset(0);
      if (state.buffer.length > BUFFER_BYTES_FIRST) {
        this.release(state);
      }
    }
    this.streamCount = 0;
    this.partialBytes = 0;
  }

  /**
   * Appends `bytes[start, end)` to a partial message.
   * Memory: doubles the buffer as bytes arrive; an announced length alone allocates nothing.
   */
  append(state: ChunkStreamState, bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    const received = state.received;
    if (state.buffer.length < received + count) {
      this.#grow(state, received + count);
    }
    state.buffer.set(bytes.subarray(start, end), received);
    state.received = received + count;
  }

  /** Ends a message, delivered or aborted, and gives a large idle buffer back. */
  close(state: ChunkStreamState): void {
    const used = state.received;
    this.partialBytes -= state.announced;
    state.isPartial = false;
    state.received = 0;
    state.announced = 0;
    const capacity = state.buffer.length;
    if (capacity <= BUFFER_BYTES_FIRST) {
      return;
    }
    state.smallMessages = used * 4 < capacity ? state.smallMessages + 1 : 0;
    const isLarge =
      capacity > ASSEMBLY_BUFFER_BYTES_KEPT_MAX || this.bufferBytes > ASSEMBLY_BYTES_KEPT_MAX;
    if (isLarge || state.smallMessages > SMALL_MESSAGES_MAX) {
      this.release(state);
    }
  }

  /** Gives a buffer back. A view of it that a sink holds stays valid until it returns. */
  release(state: ChunkStreamState): void {
    this.bufferBytes -= state.buffer.length;
    state.buffer = EMPTY;
    state.smallMessages = 0;
  }

  #grow(state: ChunkStreamState, needed: number): void {
    let capacity = Math.max(state.buffer.length, BUFFER_BYTES_FIRST);
    while (capacity < needed) {
      capacity *= 2;
    }
    if (capacity > BUFFER_BYTES_EXACT) {
      capacity = Math.max(needed, Math.min(capacity, state.length));
    }
    const grown = new Uint8Array(capacity);
    grown.set(state.buffer.subarray(0, state.received));
    this.bufferBytes += grown.length - state.buffer.length;
    state.buffer = grown;
  }
}
