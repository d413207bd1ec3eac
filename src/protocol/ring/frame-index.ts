/**
 * The frame index of a ring: where each message lies, entry `frame & (entries - 1)`, the Int32 words of an entry side
 * by side: one or two cache lines are touched for a message.
 *
 * A reader that loads an entry and then finds the frame not older than OldestFrame knows that the entry was not
 * overwritten under it: the writer stores OldestFrame past a frame long before it writes into that frame's entry.
 * The writer's words are plain stores, as the message's bytes are, and stand between the same two fences: after the
 * exchange of Reserved, which follows the store of OldestFrame, and before the store of FrameCount. Readers load with
 * Atomics, so that the later load of OldestFrame stays behind.
 */
import { INDEX_WORDS, type RingLayout } from "./ring-layout.ts";

/** Words of an entry. */
const POSITION = 0;
const LENGTH = 1;
const TIMESTAMP = 2;
const FLAGS = 3;
const HEADER_VERSION = 4;

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

/** An entry to be filled. */
export function newFrameRef(): FrameRef {
  return {
    position: 0,
    length: 0,
    timestamp: 0,
    kind: 0,
    headerVersion: 0,
    isKeyframe: false,
  };
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

/** A keyframe to be filled. */
export function newKeyframeRef(): KeyframeRef {
  return { position: 0, timestamp: 0, headerVersion: 0, frame: 0 };
}

/** The entries of one ring. Memory: shared views, no allocation after construction. */
export class FrameIndex {
  /** A frame this many numbers behind the newest counts as overwritten; a quarter is kept as distance. */
  readonly framesMax: number;
  readonly #mask: number;
  readonly #words: Int32Array;

  constructor(sab: SharedArrayBuffer, layout: RingLayout) {
    const entries = layout.indexEntries;
    this.framesMax = entries - entries / 4;
    this.#mask = entries - 1;
    this.#words = new Int32Array(sab, layout.indexOffset, entries * INDEX_WORDS);
  }

  /** Writer only: fill the entry of `frame` from `entry`. */
  write(frame: number, entry: Readonly<FrameRef>): void {
    const words = this.#words;
    const slot = this.#slot(frame);
    words[slot + POSITION] = entry.position;
    words[slot + LENGTH] = entry.length;
    words[slot + TIMESTAMP] = entry.timestamp;
    words[slot + FLAGS] = entry.kind | (entry.isKeyframe ? KEYFRAME_FLAG : 0);
    words[slot + HEADER_VERSION] = entry.headerVersion;
  }

  /** Fill `out` from the entry of `frame`; to be believed only when OldestFrame, loaded after, allows it. */
  read(frame: number, out: FrameRef): void {
    const words = this.#words;
    const slot = this.#slot(frame);
    const flags = Atomics.load(words, slot + FLAGS);
    out.position = Atomics.load(words, slot + POSITION);
    out.length = Atomics.load(words, slot + LENGTH);
    out.timestamp = Atomics.load(words, slot + TIMESTAMP) >>> 0;
    out.kind = flags & KIND_MASK;
    out.isKeyframe = (flags & KEYFRAME_FLAG) !== 0;
    out.headerVersion = Atomics.load(words, slot + HEADER_VERSION);
  }

  /** Position of the first byte of `frame`; believed as {@link read}. */
  position(frame: number): number {
    return Atomics.load(this.#words, this.#slot(frame) + POSITION);
  }

  /** Writer only: {@link position} without a fence. */
  ownPosition(frame: number): number {
    return this.#words[this.#slot(frame) + POSITION] ?? 0;
  }

  /** Bytes of `frame`; believed as {@link read}. */
  length(frame: number): number {
    return Atomics.load(this.#words, this.#slot(frame) + LENGTH);
  }

  /** True when `frame` is a keyframe; believed as {@link read}. */
  isKeyframe(frame: number): boolean {
    return (Atomics.load(this.#words, this.#slot(frame) + FLAGS) & KEYFRAME_FLAG) !== 0;
  }

  #slot(frame: number): number {
    return (frame & this.#mask) * INDEX_WORDS;
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
