/**
 * The chunk decoder's state packed into a few bytes, so that a player's inbound side is a row and not an object.
 *
 * Shape: version 1, flags, then unsigned LEB128 numbers: chunk size, bytes received (high and low 32 bits), applied
 * controls, bytes left in the chunk, current chunk stream, cut header, replay, and each chunk stream with its partial
 * payload. A first byte 0 is a fresh connection.
 */

import { InvariantError } from "../errors.ts";
import type { ChunkCounters } from "./chunk-snapshot.ts";
import type { ChunkRegisters, ChunkStreamState } from "./chunk-stream-state.ts";

const VERSION = 1;
const TWO_32 = 0x1_00_00_00_00;

const Flag = { Partial: 1, Skipped: 2, Extended: 4, Absolute: 8 } as const;

/** Where the pack is written or read; a full target is noted, not thrown. One per use, off the frame path. */
class Cursor {
  readonly bytes: Uint8Array;
  at = 0;
  isFull = false;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  put(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.putByte((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.putByte(rest);
  }

  putByte(value: number): void {
    if (this.at >= this.bytes.length) {
      this.isFull = true;
      return;
    }
    this.bytes[this.at++] = value;
  }

  putBytes(source: Uint8Array, count: number): void {
    this.put(count);
    if (count > this.bytes.length - this.at) {
      this.isFull = true;
      return;
    }
    this.bytes.set(source.subarray(0, count), this.at);
    this.at += count;
  }

  get(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.getByte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        return value;
      }
      scale *= 128;
    }
  }

  getByte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) {
      throw new InvariantError("packed chunk state is cut");
    }
    return byte;
  }

  /** A borrowed view. */
  getBytes(): Uint8Array {
    const count = this.get();
    const start = this.at;
    this.at += count;
    if (this.at > this.bytes.length) {
      throw new InvariantError("packed chunk state is cut");
    }
    return this.bytes.subarray(start, this.at);
  }
}

/**
 * Packs the registers into `target`.
 * @returns bytes used, or -1 when they do not fit
 */
export function saveRegisters(
  registers: ChunkRegisters,
  counters: ChunkCounters,
  target: Uint8Array,
): number {
  const cursor = new Cursor(target);
  cursor.putByte(VERSION);
  cursor.putByte((registers.repeat << 1) | (counters.identified ? 1 : 0));
  cursor.put(registers.chunkSize);
  cursor.put(Math.floor(counters.bytesReceived / TWO_32));
  cursor.put(counters.bytesReceived % TWO_32);
  cursor.put(counters.appliedControls);
  cursor.put(registers.chunkLeft);
  cursor.put(registers.current?.id ?? 0);
  cursor.putBytes(registers.head, registers.headBytes);
  cursor.putBytes(registers.replay, registers.replayBytes);
  cursor.put(registers.streamCount);
  for (let index = 0; index < registers.streamCount && !cursor.isFull; index++) {
    const state = registers.streams[index];
    if (state !== undefined) {
      saveStream(cursor, state);
    }
  }
  return cursor.isFull ? -1 : cursor.at;
}

function saveStream(cursor: Cursor, state: ChunkStreamState): void {
  cursor.putByte(
    (state.isPartial ? Flag.Partial : 0) |
      (state.isSkipped ? Flag.Skipped : 0) |
      (state.isExtended ? Flag.Extended : 0) |
      (state.isAbsolute ? Flag.Absolute : 0),
  );
  cursor.put(state.id);
  cursor.put(state.timestamp);
  cursor.put(state.delta);
  cursor.put(state.type);
  cursor.put(state.streamId);
  cursor.put(state.length);
  if (state.isExtended) {
    cursor.put(state.extended);
  }
  if (!state.isPartial) {
    return;
  }
  cursor.put(state.announced);
  if (state.isSkipped) {
    cursor.put(state.received);
  } else {
    cursor.putBytes(state.buffer, state.received);
  }
}

/**
 * Replaces the registers by what {@link saveRegisters} packed.
 * @throws InvariantError when the source was not packed by it
 */
export function loadRegisters(
  registers: ChunkRegisters,
  counters: ChunkCounters,
  source: Uint8Array,
): void {
  registers.reset();
  counters.identified = false;
  counters.bytesReceived = 0;
  counters.appliedControls = 0;
  const version = source[0] ?? 0;
  if (version === 0) {
    return;
  }
  if (version !== VERSION) {
    throw new InvariantError(`packed chunk state of version ${version}`);
  }
  const cursor = new Cursor(source);
  cursor.at = 1;
  const flags = cursor.getByte();
  counters.identified = (flags & 1) !== 0;
  registers.repeat = flags >>> 1;
  registers.chunkSize = cursor.get();
  counters.bytesReceived = cursor.get() * TWO_32;
  counters.bytesReceived += cursor.get();
  counters.appliedControls = cursor.get();
  registers.chunkLeft = cursor.get();
  const current = cursor.get();
  const head = cursor.getBytes();
  registers.head.set(head);
  registers.headBytes = head.length;
  const replay = cursor.getBytes();
  registers.replay.set(replay);
  registers.replayBytes = replay.length;
  for (let count = cursor.get(); count > 0; count--) {
    loadStream(cursor, registers);
  }
  registers.current = current === 0 ? null : registers.find(current);
}

function loadStream(cursor: Cursor, registers: ChunkRegisters): void {
  const flags = cursor.getByte();
  const state = registers.add(cursor.get());
  if (state === null) {
    throw new InvariantError("packed chunk state has too many chunk streams");
  }
  state.isPartial = (flags & Flag.Partial) !== 0;
  state.isSkipped = (flags & Flag.Skipped) !== 0;
  state.isExtended = (flags & Flag.Extended) !== 0;
  state.isAbsolute = (flags & Flag.Absolute) !== 0;
  state.timestamp = cursor.get();
  state.delta = cursor.get();
  state.type = cursor.get();
  state.streamId = cursor.get();
  state.length = cursor.get();
  if (state.isExtended) {
    state.extended = cursor.get();
  }
  if (!state.isPartial) {
    return;
  }
  state.announced = cursor.get();
  if (state.isSkipped) {
    state.received = cursor.get();
    return;
  }
  const payload = cursor.getBytes();
  registers.partialBytes += state.announced;
  registers.append(state, payload, 0, payload.length);
}
