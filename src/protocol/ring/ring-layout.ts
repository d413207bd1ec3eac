/**
 * The shape of a ring in shared memory, and its (re)initialisation.
 *
 * One SharedArrayBuffer: control words (4 KiB), frame index, header slots, data. `wrap`, the length of the data, is a
 * power of two. Positions in the byte stream are Int32 counters modulo 2^32: compare them by difference only, and find
 * the byte of one with `position & (wrap - 1)`. Frame numbers count the same way.
 *
 * Memory: shared. Pages that were never written take no memory, so sizes here are reservations.
 */
import { InvariantError } from "../errors.ts";
import { RING_BYTES_MAX, RING_BYTES_MIN } from "../limits.ts";

/** Where a ring is in its life. 0 is a formatted ring that no writer has opened. */
export const RingState = { Open: 1, Moved: 2, Ended: 3, Dead: 4 } as const;
/** One of the values of {@link RingState}. */
export type RingState = (typeof RingState)[keyof typeof RingState];

/** Words of reader bits, 32 threads each. */
export const READER_WORDS = 8;
/** Ring ids count from 1; as a successor this means *none*. */
export const NO_RING = 0;
/** Header versions that a reader can still get: the newest and the three before it. */
export const HEADER_SLOTS = 4;
/** Words of one frame index entry. */
export const INDEX_WORDS = 5;

/**
 * Indexes of the control words. Words of one rhythm share a cache line of 64 bytes (16 words): constants; what changes
 * or is looked at with every message, the words that readers seldom write among it; what changes rarely.
 */
export const ControlWord = {
  Magic: 0,
  Wrap: 1,
  Id: 2,
  ChunkSize: 3,
  /** End of the message being written; equals Head between messages. Stored before the first byte. */
  Reserved: 32,
  /** End of the last whole message. Stored last of all. */
  Head: 33,
  /** Number of the next frame. */
  FrameCount: 34,
  /** Oldest frame whose bytes and index entry are both still there. Stored before either is overwritten. */
  OldestFrame: 35,
  NewestKeyframe: 36,
  HasKeyframe: 37,
  ReaderBits: 38,
  AskedWrap: 46,
  State: 64,
  Successor: 65,
  FollowFrom: 66,
  FollowFromFrame: 67,
  LastAudioTimestamp: 68,
  LastVideoTimestamp: 69,
  BytesPerSecond: 70,
  HeaderVersion: 71,
  /** Version held by each header slot, 0 while it is being written. */
  SlotVersion: 72,
  SlotLength: 76,
  /** What the writer has counted: see ring-figures.ts. */
  Figures: 80,
  /** When the frame was announced that readers were last woken for. Units: µs, monotonic, modulo 2^32. */
  WokenAt: 96,
  /** Number of the next frame that the reader takes who wants every frame: see RingReader.keep. */
  KeeperFrame: 112,
  HasKeeper: 113,
} as const;

/** Length of the control words at the start of a ring. */
export const CONTROL_BYTES = 4096;
const CONTROL_WORDS = CONTROL_BYTES / 4;
/** "wei4": changes whenever the layout does. */
const MAGIC = 0x77_65_69_34;
const INDEX_ENTRIES_MIN = 1024;
const BYTES_PER_INDEX_ENTRY = 128;

/** Offsets and sizes of the parts of a ring. Units: bytes from the start of the SharedArrayBuffer, but for entries. */
export interface RingLayout {
  readonly wrap: number;
  readonly indexOffset: number;
  /** A power of two. */
  readonly indexEntries: number;
  readonly headersOffset: number;
  readonly headerSlotBytes: number;
  readonly dataOffset: number;
  readonly totalBytes: number;
}

/**
 * The layout of a ring of `wrapBytes`.
 * Shape: a power of two from RING_BYTES_MIN to RING_BYTES_MAX.
 * @throws InvariantError for any other wrap.
 */
export function ringLayout(wrapBytes: number): RingLayout {
  const isPowerOfTwo = Number.isInteger(wrapBytes) && (wrapBytes & (wrapBytes - 1)) === 0;
  if (!isPowerOfTwo || wrapBytes < RING_BYTES_MIN || wrapBytes > RING_BYTES_MAX) {
    throw new InvariantError(`ring wrap of ${wrapBytes} bytes`);
  }
  const indexEntries = Math.max(INDEX_ENTRIES_MIN, wrapBytes / BYTES_PER_INDEX_ENTRY);
  const headerSlotBytes = wrapBytes / 8;
  const headersOffset = CONTROL_BYTES + indexEntries * INDEX_WORDS * 4;
  const dataOffset = headersOffset + HEADER_SLOTS * headerSlotBytes;
  return {
    wrap: wrapBytes,
    indexOffset: CONTROL_BYTES,
    indexEntries,
    headersOffset,
    headerSlotBytes,
    dataOffset,
    totalBytes: dataOffset + wrapBytes,
  };
}

/** Byte length of the SharedArrayBuffer for a ring of `wrapBytes`. @throws InvariantError as {@link ringLayout}. */
export function ringSizeBytes(wrapBytes: number): number {
  return ringLayout(wrapBytes).totalBytes;
}

/** The smallest wrap that holds `bytes`: a power of two from RING_BYTES_MIN to RING_BYTES_MAX, where it stops. */
export function wrapFor(bytes: number): number {
  let wrap = RING_BYTES_MIN;
  while (wrap < bytes && wrap < RING_BYTES_MAX) {
    wrap *= 2;
  }
  return wrap;
}

/** The control words of a ring. Memory: a shared view. */
export function controlWords(sab: SharedArrayBuffer): Int32Array {
  return new Int32Array(sab, 0, CONTROL_WORDS);
}

/** The layout of a formatted ring. @throws InvariantError when `sab` was never formatted. */
export function formattedLayout(sab: SharedArrayBuffer): RingLayout {
  const words = controlWords(sab);
  if (Atomics.load(words, ControlWord.Magic) !== MAGIC) {
    throw new InvariantError("shared memory that is not a formatted ring");
  }
  return ringLayout(Atomics.load(words, ControlWord.Wrap));
}

/**
 * Make `sab` an empty ring, before its first use and each time it is lent again. Nobody may be using it.
 *
 * Without `startPosition` a ring that is lent again counts on from two wraps past its old position, so that a cursor
 * somebody kept against the rules is never safe again. Index, header slots and data are not touched: their pages may
 * be untouched, and nothing refers to them.
 *
 * Memory: `sab` is shared and may be larger than {@link ringSizeBytes}.
 * @throws InvariantError when `sab` is too small, or `wrapBytes` is no wrap.
 */
export function formatRing(
  sab: SharedArrayBuffer,
  wrapBytes: number,
  startPosition?: number,
  startFrame = 0,
): void {
  const layout = ringLayout(wrapBytes);
  if (sab.byteLength < layout.totalBytes) {
    throw new InvariantError(`${sab.byteLength} bytes for a ring of ${layout.totalBytes}`);
  }
  const words = controlWords(sab);
  const start = (startPosition ?? positionAfterLoan(words, layout.wrap)) | 0;
  // Reserved first: whoever kept an old cursor sees it as passed before anything else changes.
  Atomics.exchange(words, ControlWord.Reserved, start);
  for (let word = 0; word < CONTROL_WORDS; word++) {
    if (word !== ControlWord.Reserved) {
      Atomics.store(words, word, 0);
    }
  }
  Atomics.store(words, ControlWord.Wrap, layout.wrap);
  Atomics.store(words, ControlWord.Head, start);
  Atomics.store(words, ControlWord.FollowFrom, start);
  Atomics.store(words, ControlWord.FrameCount, startFrame | 0);
  Atomics.store(words, ControlWord.OldestFrame, startFrame | 0);
  Atomics.store(words, ControlWord.FollowFromFrame, startFrame | 0);
  Atomics.store(words, ControlWord.Magic, MAGIC);
}

function positionAfterLoan(words: Int32Array, wrap: number): number {
  if (Atomics.load(words, ControlWord.Magic) !== MAGIC) {
    return 0;
  }
  const oldWrap = Atomics.load(words, ControlWord.Wrap);
  return Atomics.load(words, ControlWord.Reserved) + 2 * Math.max(wrap, oldWrap);
}
