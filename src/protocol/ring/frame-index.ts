/**
 * The frame index of a ring: where each message lies, in columns of Int32, entry `frame & (entries - 1)`.
 *
 * Every access is an Atomics one. So all of them stand in one order that both sides agree on, and a reader that loads
 * an entry and then finds the frame not older than OldestFrame knows that the entry was not overwritten under it: the
 * writer stores OldestFrame past a frame long before it writes into that frame's entry.
 */
import { INDEX_COLUMNS, type RingLayout } from "./ring-layout.ts";

/** Bits of the flags column that hold the kind. */
const KIND_MASK = 0xff_ff;
const KEYFRAME_FLAG = 0x1_00_00;

/** Largest kind an entry can hold. */
export const FRAME_KIND_MAX: number = KIND_MASK;

/** One entry, filled in place by readers. */
export interface FrameRef {
  /** Position of the first byte, Int32. */
  position: number;
  /** Units: bytes in wire form. */
  length: number;
  /** Units: ms modulo 2^32, unsigned. */
  timestamp: number;
  kind: number;
  /** Version of the headers that this frame needs, 0 for none. */
  headerVersion: number;
  isKeyframe: boolean;
}

/** A keyframe to start from, filled in place by readers. */
export interface KeyframeRef {
  /** Position of the first byte, Int32. */
  position: number;
  /** Units: ms modulo 2^32, unsigned. */
  timestamp: number;
  /** Version of the headers to send before it, 0 for none. */
  headerVersion: number;
  /** Frame number, unsigned. */
  frame: number;
}

/** The entries of one ring. Memory: shared views, no allocation after construction. */
export class FrameIndex {
  /** A frame this many numbers behind the newest counts as overwritten; a quarter is kept as distance. */
  readonly framesMax: number;
  readonly #mask: number;
  readonly #positions: Int32Array;
  readonly #lengths: Int32Array;
  readonly #timestamps: Int32Array;
  readonly #flags: Int32Array;
  readonly #headerVersions: Int32Array;

  constructor(sab: SharedArrayBuffer, layout: RingLayout) {
    const entries = layout.indexEntries;
    const column = (number: number): Int32Array =>
      new Int32Array(sab, layout.indexOffset + number * entries * 4, entries);
    this.framesMax = entries - entries / 4;
    this.#mask = entries - 1;
    this.#positions = column(0);
    this.#lengths = column(1);
    this.#timestamps = column(2);
    this.#flags = column(3);
    this.#headerVersions = column(INDEX_COLUMNS - 1);
  }

  /** Writer only: fill the entry of `frame` from `entry`. */
  write(frame: number, entry: Readonly<FrameRef>): void {
    const slot = frame & this.#mask;
    Atomics.store(this.#positions, slot, entry.position);
    Atomics.store(this.#lengths, slot, entry.length);
    Atomics.store(this.#timestamps, slot, entry.timestamp | 0);
    Atomics.store(this.#flags, slot, entry.kind | (entry.isKeyframe ? KEYFRAME_FLAG : 0));
    Atomics.store(this.#headerVersions, slot, entry.headerVersion);
  }

  /** Fill `out` from the entry of `frame`; to be believed only when OldestFrame, loaded after, allows it. */
  read(frame: number, out: FrameRef): void {
    const slot = frame & this.#mask;
    const flags = Atomics.load(this.#flags, slot);
    out.position = Atomics.load(this.#positions, slot);
    out.length = Atomics.load(this.#lengths, slot);
    out.timestamp = Atomics.load(this.#timestamps, slot) >>> 0;
    out.kind = flags & KIND_MASK;
    out.isKeyframe = (flags & KEYFRAME_FLAG) !== 0;
    out.headerVersion = Atomics.load(this.#headerVersions, slot);
  }

  /** Position of the first byte of `frame`; believed as {@link read}. */
  position(frame: number): number {
    return Atomics.load(this.#positions, frame & this.#mask);
  }

  /** Bytes of `frame`; believed as {@link read}. */
  length(frame: number): number {
    return Atomics.load(this.#lengths, frame & this.#mask);
  }

  /** True when `frame` is a keyframe; believed as {@link read}. */
  isKeyframe(frame: number): boolean {
    return (Atomics.load(this.#flags, frame & this.#mask) & KEYFRAME_FLAG) !== 0;
  }

  /**
   * The newest of the `count` frames from `oldest` that begins at or before `position`: the one that contains it, if
   * any does. Binary search; the answer is believed only after it was checked as {@link read}.
   * Shape: the frames together span less than 2^31 bytes. `count` ≥ 1.
   * @returns a frame number, Int32.
   */
  search(oldest: number, count: number, position: number): number {
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (((position - this.position(oldest + middle)) | 0) >= 0) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return (oldest + low) | 0;
  }
}
