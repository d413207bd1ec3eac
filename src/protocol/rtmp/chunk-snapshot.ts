/**
 * The chunk decoder's state as plain data, for the hand-off of a connection to another thread.
 */

import type { ChunkRegisters } from "./chunk-stream-state.ts";

/** What is outside the registers. */
export interface ChunkCounters {
  identified: boolean;
  bytesReceived: number;
  appliedControls: number;
}

/** One chunk stream's header and partial message. */
export interface ChunkStreamSnapshot {
  readonly id: number;
  readonly timestamp: number;
  readonly delta: number;
  readonly isExtended: boolean;
  readonly extended: number;
  readonly isAbsolute: boolean;
  readonly type: number;
  readonly streamId: number;
  readonly length: number;
  readonly isPartial: boolean;
  readonly isSkipped: boolean;
  readonly received: number;
  readonly announced: number;
  /** **Owned**; the partial payload, empty when it is skipped. */
  readonly payload: Uint8Array;
}

/** A decoder between two pushes; structured-cloneable. Memory: **owned** copies, at most `PARTIAL_BYTES_MAX`. */
export interface ChunkDecoderSnapshot {
  readonly identified: boolean;
  readonly bytesReceived: number;
  readonly appliedControls: number;
  readonly chunkSize: number;
  readonly repeat: number;
  /** The beginning of a cut chunk header. */
  readonly head: Uint8Array;
  /** Consumed bytes still to be decoded. */
  readonly replay: Uint8Array;
  /** Payload bytes left of the current chunk. */
  readonly chunkLeft: number;
  /** The current chunk stream's id, 0 when there is none. */
  readonly current: number;
  readonly streams: readonly ChunkStreamSnapshot[];
}

/** Copies the registers out. */
export function snapshotRegisters(
  registers: ChunkRegisters,
  counters: ChunkCounters,
): ChunkDecoderSnapshot {
  return {
    identified: counters.identified,
    bytesReceived: counters.bytesReceived,
    appliedControls: counters.appliedControls,
    chunkSize: registers.chunkSize,
    repeat: registers.repeat,
    head: registers.head.slice(0, registers.headBytes),
    replay: registers.replay.slice(0, registers.replayBytes),
    chunkLeft: registers.chunkLeft,
    current: registers.current?.id ?? 0,
    streams: registers.streams.slice(0, registers.streamCount).map((state) => ({
      id: state.id,
      timestamp: state.timestamp,
      delta: state.delta,
      isExtended: state.isExtended,
      extended: state.extended,
      isAbsolute: state.isAbsolute,
      type: state.type,
      streamId: state.streamId,
      length: state.length,
      isPartial: state.isPartial,
      isSkipped: state.isSkipped,
      received: state.received,
      announced: state.announced,
      payload: state.buffer.slice(0, state.isSkipped ? 0 : state.received),
    })),
  };
}

/** Copies a snapshot into fresh registers. */
export function restoreRegisters(registers: ChunkRegisters, snapshot: ChunkDecoderSnapshot): void {
  registers.reset();
  registers.chunkSize = snapshot.chunkSize;
  registers.repeat = snapshot.repeat;
  registers.head.set(snapshot.head);
  registers.headBytes = snapshot.head.length;
  registers.replay.set(snapshot.replay);
  registers.replayBytes = snapshot.replay.length;
  registers.chunkLeft = snapshot.chunkLeft;
  for (const stream of snapshot.streams) {
    const { payload, ...fields } = stream;
    const state = registers.add(stream.id);
    if (state === null) {
      break;
    }
    Object.assign(state, fields);
    if (stream.isPartial && !stream.isSkipped) {
      registers.partialBytes += stream.announced;
      state.received = 0;
      registers.append(state, payload, 0, payload.length);
    }
  }
  registers.current = snapshot.current === 0 ? null : registers.find(snapshot.current);
}
