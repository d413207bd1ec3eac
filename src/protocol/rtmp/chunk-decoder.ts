/**
 * Chunks into messages (RTMP 1.0 §5.3), from pieces of any size.
 *
 * The decoder pushes: it takes what bytes there are and calls the sink at each message's last byte. Any cut of the
 * input gives the same events, and between two pushes its whole state is plain registers that another thread or a
 * player's row can take over. Set Chunk Size and Abort belong to this layer: they are applied and not delivered.
 */

import { decodeUint32 } from "../bytes/byte-reader.ts";
import { LimitError, ProtocolError } from "../errors.ts";
import { CHUNK_SIZE_MAX, CHUNK_SIZE_MIN, CHUNK_STREAMS_MAX, PARTIAL_BYTES_MAX } from "../limits.ts";
import { loadRegisters, saveRegisters } from "./chunk-compact.ts";
import { basicHeaderBytes, decodeChunkStreamId } from "./chunk-header.ts";
import { continueMessage, measureHeader, startMessage } from "./chunk-header-decoder.ts";
import {
  type ChunkDecoderSnapshot,
  restoreRegisters,
  snapshotRegisters,
} from "./chunk-snapshot.ts";
import { ChunkRegisters, ChunkStreamState } from "./chunk-stream-state.ts";
import { type Message, MessageType } from "./message.ts";
import { isSkippedType, messageBytesMax } from "./message-bounds.ts";

export type { ChunkDecoderSnapshot } from "./chunk-snapshot.ts";

/** Takes the decoder's messages. */
export interface ChunkSink {
  /**
   * One whole message. A message of an unknown type, or a shared object, comes with an empty payload: its bytes were
   * skipped and not kept.
   * Memory: the message object and its payload are **borrowed** and reused; copy what must outlive the call.
   * @returns false to stop: push returns right after this message's last byte
   */
  message(message: Message): boolean;
}

/** Options of {@link ChunkDecoder}. */
export interface ChunkDecoderOptions {
  /** Publish or play was accepted already. Default false. */
  readonly identified?: boolean;
}

const EMPTY = new Uint8Array(0);
/** Stands for the current chunk stream before there is one; never written to. */
const NO_STREAM = new ChunkStreamState();

/**
 * Decodes the chunk stream of one connection, or, with {@link ChunkDecoder.save} and {@link ChunkDecoder.load}, of
 * many in turn.
 *
 * Spec: RTMP 1.0 §5.3, §5.4.1, §5.4.2.
 * Memory: a message whole in one chunk and one push is a view of the pushed bytes; others are assembled in a buffer
 * per chunk stream that grows as bytes arrive and is reused. At most `PARTIAL_BYTES_MAX` of payload are held; per
 * message one view is made, per chunk nothing but the view that copies a piece over.
 * Peers: librtmp starts a chunk stream with format 1 (`42 00 00 00 00 00 06 04 …`); some peers leave out the
 * extended timestamp on format 3, which is learned from the first continuation and remembered.
 */
export class ChunkDecoder {
  /** After publish or play was accepted: the larger message limits apply. */
  identified: boolean;
  /** Bytes consumed on the connection, for acknowledgements; a double that does not wrap. Updated when push returns. */
  bytesReceived = 0;
  /** Set Chunk Size and Abort messages applied so far, for the caller's message rate. */
  appliedControls = 0;

  readonly #registers = new ChunkRegisters();
  readonly #message: { -readonly [Field in keyof Message]: Message[Field] };
  #isStopped = false;

  constructor(options: ChunkDecoderOptions = {}) {
    this.identified = options.identified ?? false;
    this.#message = { chunkStreamId: 0, type: 0, streamId: 0, timestamp: 0, payload: EMPTY };
  }

  /**
   * Decodes until the input ends or the sink stops. After an error the decoder is of no more use.
   * When the sink stops within bytes that were held back to look for an extended timestamp (at most 3), those stay
   * in the decoder and come first in the next push.
   * @returns bytes consumed; fewer than given only when the sink stopped
   * @throws ProtocolError `ERR_RTMP_CHUNK_…`, `ERR_RTMP_CONTROL_SHORT`
   * @throws LimitError `ERR_RTMP_MESSAGE_SIZE`, `ERR_RTMP_CHUNK_STREAMS`, `ERR_RTMP_PARTIAL_BYTES`
   */
  push(bytes: Uint8Array, sink: ChunkSink): number {
    this.#isStopped = false;
    if (this.#registers.replayBytes > 0) {
      this.#runReplay(sink);
      if (this.#isStopped) {
        return 0;
      }
    }
    const used = this.#run(bytes, sink);
    this.bytesReceived += used;
    return used;
  }

  /** The whole state, for another thread. Memory: **owned** copies, plain structured-cloneable data. */
  snapshot(): ChunkDecoderSnapshot {
    return snapshotRegisters(this.#registers, this);
  }

  /** A decoder that goes on where the snapshot was taken. Memory: copies. */
  static restore(snapshot: ChunkDecoderSnapshot): ChunkDecoder {
    const decoder = new ChunkDecoder({ identified: snapshot.identified });
    decoder.bytesReceived = snapshot.bytesReceived;
    decoder.appliedControls = snapshot.appliedControls;
    restoreRegisters(decoder.#registers, snapshot);
    return decoder;
  }

  /**
   * Packs the whole state into a player's row: about 12 bytes a chunk stream and the partial payload.
   * @returns bytes used, or -1 when the state does not fit (then `target` holds nothing of use)
   */
  save(target: Uint8Array): number {
    return saveRegisters(this.#registers, this, target);
  }

  /**
   * Replaces the state by one that {@link ChunkDecoder.save} packed. An empty source, or one that begins with a zero
   * byte as a fresh row does, gives the state at the start of a connection.
   * @throws InvariantError when the source was not written by save
   */
  load(source: Uint8Array): void {
    loadRegisters(this.#registers, this, source);
  }

  #run(bytes: Uint8Array, sink: ChunkSink): number {
    const registers = this.#registers;
    const end = bytes.length;
    let at = 0;
    while (at < end) {
      if (registers.chunkLeft === 0) {
        at = this.#readHeader(bytes, at);
        if (registers.headBytes > 0) {
          return at;
        }
        if (registers.replayBytes > 0) {
          this.#runReplay(sink);
          if (this.#isStopped) {
            return at;
          }
          continue;
        }
      }
      at = this.#takePayload(bytes, at, sink);
      if (this.#isStopped) {
        return at;
      }
    }
    return at;
  }

  /** Bytes that were taken for an extended timestamp and are none: decoded before anything newer. */
  #runReplay(sink: ChunkSink): void {
    const registers = this.#registers;
    const held = registers.replay.slice(0, registers.replayBytes);
    registers.replayBytes = 0;
    const used = this.#run(held, sink);
    registers.replay.set(held.subarray(used));
    registers.replayBytes = held.length - used;
  }

  /** Decodes a chunk header, or keeps its beginning in `head` when it is cut. @returns the offset after it */
  #readHeader(bytes: Uint8Array, at: number): number {
    const registers = this.#registers;
    if (registers.headBytes > 0) {
      return this.#resumeHeader(bytes, at);
    }
    const available = bytes.length - at;
    const needed = measureHeader(registers, bytes, at, available);
    if (needed <= available) {
      this.#beginChunk(bytes, at, at);
      return at + needed;
    }
    for (let index = 0; index < available; index++) {
      registers.head[index] = bytes[at + index] ?? 0;
    }
    registers.headBytes = available;
    return bytes.length;
  }

  #resumeHeader(bytes: Uint8Array, start: number): number {
    const registers = this.#registers;
    const head = registers.head;
    const headStart = start - registers.headBytes;
    let at = start;
    let count = registers.headBytes;
    let needed = measureHeader(registers, head, 0, count);
    while (count < needed && at < bytes.length) {
      head[count++] = bytes[at++] ?? 0;
      needed = measureHeader(registers, head, 0, count);
    }
    registers.headBytes = count;
    if (count < needed) {
      return at;
    }
    this.#beginChunk(head, 0, headStart);
    registers.replay.set(head.subarray(needed, count));
    registers.replayBytes = count - needed;
    registers.headBytes = 0;
    return at;
  }

  /** Applies a whole chunk header. `place` is its offset relative to the push, for errors. */
  #beginChunk(bytes: Uint8Array, offset: number, place: number): void {
    const registers = this.#registers;
    const first = bytes[offset] ?? 0;
    const format = first >>> 6;
    const id = decodeChunkStreamId(bytes, offset);
    const at = offset + basicHeaderBytes(first);
    const state = registers.find(id) ?? this.#openStream(id, format, place);
    registers.current = state;
    if (state.isPartial) {
      continueMessage(state, format, bytes, at);
    } else {
      startMessage(registers, state, format, bytes, at);
      this.#checkLength(state, place);
      state.isPartial = true;
    }
    const chunk = Math.min(registers.chunkSize, state.length - state.received);
    registers.chunkLeft = chunk;
    if (!state.isSkipped) {
      state.announced += chunk;
      registers.partialBytes += chunk;
      if (registers.partialBytes > PARTIAL_BYTES_MAX) {
        throw new LimitError(
          "ERR_RTMP_PARTIAL_BYTES",
          `partial messages hold ${registers.partialBytes} bytes`,
          { offset: this.bytesReceived + place },
        );
      }
    }
  }

  #openStream(id: number, format: number, place: number): ChunkStreamState {
    if (format >= 2) {
      throw new ProtocolError(
        "ERR_RTMP_CHUNK_START",
        `chunk stream ${id} begins with format ${format}`,
        { offset: this.bytesReceived + place, spec: "RTMP 1.0 §5.3.1.2" },
      );
    }
    const state = this.#registers.add(id);
    if (state === null) {
      throw new LimitError(
        "ERR_RTMP_CHUNK_STREAMS",
        `chunk stream ${id} on top of ${CHUNK_STREAMS_MAX}`,
        { offset: this.bytesReceived + place },
      );
    }
    return state;
  }

  /** Announced lengths are checked before any byte of payload is kept. */
  #checkLength(state: ChunkStreamState, place: number): void {
    state.isSkipped = isSkippedType(state.type);
    const bytesMax = messageBytesMax(state.type, this.identified);
    if (state.length > bytesMax) {
      throw new LimitError(
        "ERR_RTMP_MESSAGE_SIZE",
        `message of type ${state.type} with ${state.length} bytes, at most ${bytesMax}`,
        { offset: this.bytesReceived + place },
      );
    }
  }

  /** Takes payload of the current chunk and delivers the message at its end. @returns the offset after it */
  #takePayload(bytes: Uint8Array, at: number, sink: ChunkSink): number {
    const registers = this.#registers;
    const state = registers.current ?? NO_STREAM;
    const count = Math.min(registers.chunkLeft, bytes.length - at);
    const end = at + count;
    registers.chunkLeft -= count;
    if (state.isSkipped) {
      state.received += count;
      if (state.received === state.length) {
        this.#deliver(state, EMPTY, sink);
      }
    } else if (count === state.length) {
      this.#deliver(state, count === 0 ? EMPTY : bytes.subarray(at, end), sink);
    } else {
      registers.append(state, bytes, at, end);
      if (state.received === state.length) {
        this.#deliver(state, state.buffer.subarray(0, state.length), sink);
      }
    }
    return end;
  }

  #deliver(state: ChunkStreamState, payload: Uint8Array, sink: ChunkSink): void {
    this.#registers.close(state);
    if (state.type === MessageType.SetChunkSize) {
      this.#setChunkSize(payload);
      return;
    }
    if (state.type === MessageType.Abort) {
      this.#abort(payload);
      return;
    }
    const message = this.#message;
    message.chunkStreamId = state.id;
    message.type = state.type;
    message.streamId = state.streamId;
    message.timestamp = state.timestamp;
    message.payload = payload;
    this.#isStopped = !sink.message(message);
    message.payload = EMPTY;
  }

  /** Applies to the next chunk of every chunk stream: a chunk in progress is never one of this connection's. */
  #setChunkSize(payload: Uint8Array): void {
    const size = this.#controlValue(payload, "RTMP 1.0 §5.4.1");
    if (size < CHUNK_SIZE_MIN || size >= 0x80_00_00_00) {
      throw new ProtocolError("ERR_RTMP_CHUNK_SIZE", `chunk size ${size}`, {
        offset: this.bytesReceived,
        spec: "RTMP 1.0 §5.4.1",
      });
    }
    this.#registers.chunkSize = Math.min(size, CHUNK_SIZE_MAX);
  }

  #abort(payload: Uint8Array): void {
    const id = this.#controlValue(payload, "RTMP 1.0 §5.4.2");
    const state = this.#registers.find(id);
    if (state?.isPartial === true) {
      this.#registers.close(state);
    }
  }

  /** The 32-bit value of a protocol control message; further bytes are ignored. */
  #controlValue(payload: Uint8Array, spec: string): number {
    if (payload.length < 4) {
      throw new ProtocolError(
        "ERR_RTMP_CONTROL_SHORT",
        `protocol control message of ${payload.length} bytes`,
        { offset: this.bytesReceived, spec },
      );
    }
    this.appliedControls++;
    return decodeUint32(payload, 0);
  }
}
