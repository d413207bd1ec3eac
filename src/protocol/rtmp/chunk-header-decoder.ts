/**
 * One chunk header applied to its chunk stream (RTMP 1.0 §5.3.1): how long it is, and what it changes.
 */

import { decodeUint32 } from "../bytes/byte-reader.ts";
import { ProtocolError } from "../errors.ts";
import {
  basicHeaderBytes,
  decodeChunkStreamId,
  EXTENDED_TIMESTAMP,
  MESSAGE_HEADER_BYTES,
} from "./chunk-header.ts";
import {
  type ChunkRegisters,
  type ChunkStreamState,
  ExtendedRepeat,
} from "./chunk-stream-state.ts";

/** A type-0 timestamp below this counts as the delta of a following format 3; see {@link startMessage}. */
const FIRST_DELTA_MS_MAX = 1000;
/** A "delta" beyond this is an absolute time: no gap of 24 days is meant (enhanced-rtmp issue 42). */
const DELTA_MS_MAX = 0x80_00_00_00;

/**
 * Length of the chunk header at `offset` as far as `available` bytes tell. It may learn, from the first continuation
 * of a message with an extended timestamp, whether this peer repeats it.
 * @returns the length; more than `available` when the header is cut
 */
export function measureHeader(
  registers: ChunkRegisters,
  bytes: Uint8Array,
  offset: number,
  available: number,
): number {
  const first = bytes[offset] ?? 0;
  const basic = basicHeaderBytes(first);
  if (available < basic) {
    return basic;
  }
  const format = first >>> 6;
  if (format === 3) {
    return basic + measureRepeated(registers, bytes, offset, available - basic);
  }
  const plain = basic + (MESSAGE_HEADER_BYTES[format] ?? 0);
  if (available < plain) {
    return plain;
  }
  return uint24(bytes, offset + basic) === EXTENDED_TIMESTAMP ? plain + 4 : plain;
}

/**
 * Bytes of extended timestamp on a format-3 chunk: 4 by §5.3.1.3, none from peers that leave it out. What is neither
 * the field of the last explicit header nor the message's time is payload.
 */
function measureRepeated(
  registers: ChunkRegisters,
  bytes: Uint8Array,
  offset: number,
  available: number,
): number {
  const state = registers.find(decodeChunkStreamId(bytes, offset));
  if (state === null || !state.isExtended || registers.repeat === ExtendedRepeat.Omits) {
    return 0;
  }
  if (!state.isPartial || registers.repeat === ExtendedRepeat.Repeats) {
    return 4;
  }
  const at = offset + basicHeaderBytes(bytes[offset] ?? 0);
  const count = Math.min(4, available);
  const isRepeated =
    isPrefixOf(state.extended, bytes, at, count) || isPrefixOf(state.timestamp, bytes, at, count);
  if (!isRepeated) {
    registers.repeat = ExtendedRepeat.Omits;
    return 0;
  }
  if (count === 4) {
    registers.repeat = ExtendedRepeat.Repeats;
  }
  return 4;
}

/**
 * Applies the header of a message's first chunk; `at` is the offset of its message header (§5.3.1.2).
 *
 * A format 3 here is a new message with the last one's header and delta. After a format 0 the spec makes that delta
 * the type-0 timestamp itself, and FMLE means it so, with small times; other encoders mean the same time again. One
 * second tells the two apart. An extended field repeated after a format 0 is the time itself.
 */
export function startMessage(
  registers: ChunkRegisters,
  state: ChunkStreamState,
  format: number,
  bytes: Uint8Array,
  at: number,
): void {
  if (format === 3) {
    startRepeated(registers, state, bytes, at);
    return;
  }
  applyTime(state, format, decodeTime(state, format, bytes, at));
  if (format < 2) {
    state.length = uint24(bytes, at + 3);
    state.type = bytes[at + 6] ?? 0;
  }
  if (format === 0) {
    state.streamId = (uint24Little(bytes, at + 7) | ((bytes[at + 10] ?? 0) << 24)) >>> 0;
  }
}

function startRepeated(
  registers: ChunkRegisters,
  state: ChunkStreamState,
  bytes: Uint8Array,
  at: number,
): void {
  if (state.isExtended && registers.repeat !== ExtendedRepeat.Omits) {
    applyTime(state, state.isAbsolute ? 0 : 1, decodeUint32(bytes, at));
  } else {
    state.timestamp = (state.timestamp + state.delta) >>> 0;
  }
}

/**
 * Applies the header of a further chunk of a message: format 3, or leniently 1 and 2 that repeat its length; their
 * delta is not applied a second time.
 * @throws ProtocolError `ERR_RTMP_CHUNK_INTERLEAVE`, `ERR_RTMP_CHUNK_LENGTH`
 */
export function continueMessage(
  state: ChunkStreamState,
  format: number,
  bytes: Uint8Array,
  at: number,
): void {
  if (format === 3) {
    return;
  }
  if (format === 0) {
    throw new ProtocolError(
      "ERR_RTMP_CHUNK_INTERLEAVE",
      `chunk stream ${state.id} starts a message inside another`,
      { spec: "RTMP 1.0 §5.3.1" },
    );
  }
  if (format === 1 && uint24(bytes, at + 3) !== state.length) {
    throw new ProtocolError(
      "ERR_RTMP_CHUNK_LENGTH",
      `chunk stream ${state.id} changes the length of a message inside it`,
      { spec: "RTMP 1.0 §5.3.1.2.2" },
    );
  }
  decodeTime(state, format, bytes, at);
}

/** The time field of formats 0–2, extended or not; remembers the extended one for the continuations. */
function decodeTime(
  state: ChunkStreamState,
  format: number,
  bytes: Uint8Array,
  at: number,
): number {
  const field = uint24(bytes, at);
  state.isExtended = field === EXTENDED_TIMESTAMP;
  if (!state.isExtended) {
    state.extended = 0;
    return field;
  }
  state.extended = decodeUint32(bytes, at + (MESSAGE_HEADER_BYTES[format] ?? 0));
  return state.extended;
}

/** Sets time and delta at a message's start: the field is a time for format 0, a difference otherwise. */
function applyTime(state: ChunkStreamState, format: number, time: number): void {
  state.isAbsolute = format === 0;
  if (format === 0) {
    state.timestamp = time;
    state.delta = time < FIRST_DELTA_MS_MAX ? time : 0;
  } else if (time > DELTA_MS_MAX) {
    state.timestamp = time;
    state.delta = 0;
  } else {
    state.timestamp = (state.timestamp + time) >>> 0;
    state.delta = time;
  }
}

/** Whether the `count` bytes at `offset` are the first bytes of `value`; the top bit is free (31-bit peers). */
function isPrefixOf(value: number, bytes: Uint8Array, offset: number, count: number): boolean {
  for (let index = 0; index < count; index++) {
    const mask = index === 0 ? 0x7f : 0xff;
    if ((((value >>> (24 - 8 * index)) ^ (bytes[offset + index] ?? 0)) & mask) !== 0) {
      return false;
    }
  }
  return true;
}

function uint24(bytes: Uint8Array, offset: number): number {
  const high = ((bytes[offset] ?? 0) << 16) | ((bytes[offset + 1] ?? 0) << 8);
  return high | (bytes[offset + 2] ?? 0);
}

function uint24Little(bytes: Uint8Array, offset: number): number {
  const low = (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);
  return low | ((bytes[offset + 2] ?? 0) << 16);
}
