/**
 * The reading side of a ring: any number of readers on any threads, which the writer does not know.
 *
 * Reader's duty, for every copy (a `send` straight from the shared bytes is one): ask `isSafe(cursor)` before it, copy
 * up to a `head` loaded before it, ask `wasPassed(cursor)` after it, and throw away what was copied when it was. The
 * proof that nothing torn is left is in the header of ring-writer.ts.
 *
 * No method waits or tries without end: the writer may have died at any point.
 */
import { InvariantError } from "../errors.ts";
import {
  FrameIndex,
  type FrameRef,
  type KeyframeRef,
  newFrameRef,
  newKeyframeRef,
} from "./frame-index.ts";
import { HeaderSlots } from "./header-slots.ts";
import { ControlWord, controlWords, formattedLayout, READER_WORDS } from "./ring-layout.ts";

export type { FrameRef, KeyframeRef } from "./frame-index.ts";

/** A search is repeated this often when the writer laps the index under it: by 256 messages or more each time. */
const SEARCHES_MAX = 3;
const NOT_FOUND = -1;

/** A reader of one ring; holds no cursor, so one serves all players of a thread. Memory: shared views. */
export class RingReader {
  /** Length of the data in bytes. */
  readonly wrap: number;
  /** `position & mask` is the offset of a position in the data. */
  readonly mask: number;
  /** Offset in bytes of the data in the SharedArrayBuffer. */
  readonly dataOffset: number;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #index: FrameIndex;
  readonly #headers: HeaderSlots;
  readonly #fence: Int32Array = new Int32Array(1);
  readonly #entry = newFrameRef();
  readonly #resume = newKeyframeRef();

  /** @throws InvariantError when `sab` is no formatted ring. */
  constructor(sab: SharedArrayBuffer) {
    const layout = formattedLayout(sab);
    this.#words = controlWords(sab);
    this.#bytes = new Uint8Array(sab);
    this.#index = new FrameIndex(sab, layout);
    this.#headers = new HeaderSlots(sab, layout);
    this.wrap = layout.wrap;
    this.mask = this.wrap - 1;
    this.dataOffset = layout.dataOffset;
  }

  /** Number of the ring, 0 until its writer opened it. */
  get id(): number {
    return this.#load(ControlWord.Id);
  }

  /** Chunk size of the messages, 0 until its writer opened the ring. */
  get chunkSize(): number {
    return this.#load(ControlWord.ChunkSize);
  }

  /** Position after the last whole message, Int32. */
  get head(): number {
    return this.#load(ControlWord.Head);
  }

  /** Position after the message being written, Int32; equals `head` between messages. */
  get reserved(): number {
    return this.#load(ControlWord.Reserved);
  }

  /** A value of RingState, 0 until the ring was opened. Load `head` after it: an ended ring's head is final. */
  get state(): number {
    return this.#load(ControlWord.State);
  }

  /** Id of the ring to go on with, NO_RING for none. Load it after a `state` other than open. */
  get successorId(): number {
    return this.#load(ControlWord.Successor);
  }

  /** Position, Int32, at which those go on here who finished the ring before this one. */
  get followFrom(): number {
    return this.#load(ControlWord.FollowFrom);
  }

  /** Number of the frame at {@link followFrom}, unsigned. */
  get followFromFrame(): number {
    return this.#load(ControlWord.FollowFromFrame) >>> 0;
  }

  /** The stream's measured rate, 0 when unknown. */
  get bytesPerSecond(): number {
    return this.#load(ControlWord.BytesPerSecond);
  }

  /** When readers were last woken. Units: µs, monotonic, modulo 2^32, signed; 0 when the writer does not tell. */
  get wokenAt(): number {
    return this.#load(ControlWord.WokenAt);
  }

  /** Number of the next frame, unsigned, modulo 2^32. All before it are whole: their bytes are before `head`. */
  get frameCount(): number {
    const count = this.#load(ControlWord.FrameCount);
    const newest = (count - 1) | 0;
    const end = (this.#index.position(newest) + this.#index.length(newest)) | 0;
    // The writer counts a message a moment before it moves the head. It may stop for long in between, or die there.
    const isWhole = ((this.#load(ControlWord.Head) - end) | 0) >= 0;
    // An entry that was overwritten meanwhile tells of a later message: this one is whole.
    return isWhole || !this.#isStillThere(newest) ? count >>> 0 : newest >>> 0;
  }

  /** Number of the oldest frame that is still there, unsigned; equals `frameCount` when there is none. */
  get oldestFrame(): number {
    return this.#load(ControlWord.OldestFrame) >>> 0;
  }

  /** Version of the newest headers, 0 before any. */
  get headerVersion(): number {
    return this.#load(ControlWord.HeaderVersion);
  }

  /** Last output timestamp of a track, for a successor. Units: ms modulo 2^32, unsigned. */
  lastTimestamp(track: "audio" | "video"): number {
    const word =
      track === "audio" ? ControlWord.LastAudioTimestamp : ControlWord.LastVideoTimestamp;
    return this.#load(word) >>> 0;
  }

  /** True while a copy may start at `cursor`: the writer is at least one largest message away from overwriting it. */
  isSafe(cursor: number): boolean {
    // Unsigned, so that a cursor behind by up to 4 GiB, or ahead of the ring, is found unsafe.
    return (this.#load(ControlWord.Reserved) - cursor) >>> 0 <= this.wrap - (this.wrap >>> 2);
  }

  /**
   * After a copy that began at `cursor`: true when the writer may have overwritten bytes under it. What was copied is
   * worthless then; a connection that it was sent to is reset.
   */
  wasPassed(cursor: number): boolean {
    // A full barrier: the copy's loads may not be delayed past the load of Reserved.
    Atomics.exchange(this.#fence, 0, 0);
    return (this.#load(ControlWord.Reserved) - cursor) >>> 0 > this.wrap;
  }

  /**
   * End (exclusive) of the message that contains `position`; `position` itself when a message begins there, or at head.
   * @returns null when the message is no longer in the ring, or `position` is past head.
   */
  messageEnd(position: number): number | null {
    const at = position | 0;
    if (at === this.#load(ControlWord.Head)) {
      return at;
    }
    if (this.#find(at) === NOT_FOUND) {
      return null;
    }
    const start = this.#entry.position;
    return start === at ? at : (start + this.#entry.length) | 0;
  }

  /** Number, unsigned, of the frame that contains `position`, or -1 when it is not in the ring. */
  frameAt(position: number): number {
    return this.#find(position);
  }

  /**
   * The newest keyframe, when it is still safe to start from.
   * @param out filled in place; unchanged content is not promised when the answer is false.
   */
  newestKeyframe(out: KeyframeRef): boolean {
    if (this.#load(ControlWord.HasKeyframe) === 0) {
      return false;
    }
    return this.#keyframe(this.#load(ControlWord.NewestKeyframe), out);
  }

  /**
   * Where a reader of all frames goes on that was too late for frame `lost`: at the newest keyframe where that is after
   * it, else at `end`, a {@link frameCount} from before.
   * @returns a frame number, unsigned; frames may have come since `end`, so it may be past it.
   */
  resumeAt(lost: number, end: number): number {
    const isThere = this.newestKeyframe(this.#resume);
    return isThere && ((this.#resume.frame - lost) | 0) > 0 ? this.#resume.frame : end;
  }

  /**
   * The first keyframe that begins at or after `position`, when it is still safe to start from.
   * @returns false when there is none yet, or `position` is past head or no longer in the ring.
   */
  keyframeFrom(position: number, out: KeyframeRef): boolean {
    if (!this.newestKeyframe(out) || ((out.position - position) | 0) < 0) {
      return false;
    }
    const first = this.#find(position);
    if (first === NOT_FOUND) {
      return false;
    }
    const newest = out.frame | 0;
    let frame = this.#entry.position === (position | 0) ? first | 0 : (first + 1) | 0;
    while (frame !== newest && !this.#index.isKeyframe(frame)) {
      frame = (frame + 1) | 0;
    }
    return this.#keyframe(frame, out);
  }

  /**
   * Fill `out` with the entry of `frame`.
   * @returns false when it is not there yet, or the frame or its bytes were overwritten.
   */
  readFrame(frame: number, out: FrameRef): boolean {
    if (((this.#load(ControlWord.FrameCount) - frame) | 0) <= 0) {
      return false;
    }
    this.#index.read(frame, out);
    return this.#isStillThere(frame);
  }

  /**
   * The headers of a version, as they were given to `setHeaders`.
   * Memory: owned, allocated. Shape: up to wrap/8 bytes; empty for version 0.
   * @returns null when the slot holds another version by now.
   */
  readHeaders(version: number): Uint8Array | null {
    if (version === 0) {
      return new Uint8Array(0);
    }
    return this.#headers.read(version);
  }

  /**
   * The headers to send before a frame that needs `version`. Where they changed so often since that their slot holds
   * others, the newest are nearest to them. Memory and shape: as {@link readHeaders}.
   * @returns null while they are being changed.
   */
  headersAt(version: number): Uint8Array | null {
    return this.readHeaders(version) ?? this.readHeaders(this.headerVersion);
  }

  /**
   * Copy `length` bytes from `position` into `target`.
   * @returns false when they are not all there, or the writer passed meanwhile; `target` then holds rubbish.
   * @throws InvariantError when `target` is too small.
   */
  read(position: number, length: number, target: Uint8Array, targetOffset: number): boolean {
    if (length < 0 || targetOffset < 0 || targetOffset + length > target.length) {
      throw new InvariantError("a read into an array that is too small");
    }
    const available = (this.#load(ControlWord.Head) - position) >>> 0;
    if (available > this.wrap || length > available) {
      return false;
    }
    const offset = position & this.mask;
    const untilWrap = Math.min(length, this.wrap - offset);
    const from = this.dataOffset + offset;
    target.set(this.#bytes.subarray(from, from + untilWrap), targetOffset);
    if (untilWrap < length) {
      const rest = this.#bytes.subarray(this.dataOffset, this.dataOffset + length - untilWrap);
      target.set(rest, targetOffset + untilWrap);
    }
    return !this.wasPassed(position);
  }

  /**
   * Ask the writer to ring this thread's bell, or stop. Set it, and only then load `head`: what was written before that
   * is found there, what is written after it rings.
   * @param thread 0 to 255.
   */
  setReader(thread: number, on: boolean): void {
    if (thread < 0 || thread >= READER_WORDS * 32) {
      throw new InvariantError(`reader bit of thread ${thread}`);
    }
    const word = ControlWord.ReaderBits + (thread >>> 5);
    const bit = 1 << (thread & 31);
    if (on) {
      Atomics.or(this.#words, word, bit);
    } else {
      Atomics.and(this.#words, word, ~bit);
    }
  }

  /**
   * Tell the writer how far the one reader has come who wants every frame: a publisher that is faster than its media is
   * played may be made to wait for it. Nobody else is waited for.
   * @param frame number of the next frame to take; -1: it reads no more.
   */
  keep(frame: number): void {
    if (frame === -1) {
      // No number goes with it: the writer would take it for one, of a frame long gone.
      Atomics.store(this.#words, ControlWord.HasKeeper, 0);
      return;
    }
    Atomics.store(this.#words, ControlWord.KeeperFrame, frame | 0);
    Atomics.store(this.#words, ControlWord.HasKeeper, 1);
  }

  /** Ask the owner for a ring of at least `bytes`; the largest wish counts. */
  askForWrap(bytes: number): void {
    let asked = this.#load(ControlWord.AskedWrap);
    // Ends: each failed exchange means that another reader raised the word.
    while (asked < bytes) {
      const found = Atomics.compareExchange(this.#words, ControlWord.AskedWrap, asked, bytes);
      if (found === asked) {
        return;
      }
      asked = found;
    }
  }

  #load(word: number): number {
    return Atomics.load(this.#words, word);
  }

  /** After an entry was read: it was not overwritten meanwhile, and its bytes were not either. */
  #isStillThere(frame: number): boolean {
    return ((frame - this.#load(ControlWord.OldestFrame)) | 0) >= 0;
  }

  #keyframe(frame: number, out: KeyframeRef): boolean {
    const entry = this.#entry;
    this.#index.read(frame, entry);
    if (!this.#isStillThere(frame) || !entry.isKeyframe || !this.isSafe(entry.position)) {
      return false;
    }
    out.position = entry.position;
    out.timestamp = entry.timestamp;
    out.headerVersion = entry.headerVersion;
    out.frame = frame >>> 0;
    return true;
  }

  /** Number of the frame that contains `position`, unsigned, with its entry in #entry; or NOT_FOUND. */
  #find(position: number): number {
    if ((this.#load(ControlWord.Head) - position) >>> 0 > this.wrap) {
      return NOT_FOUND;
    }
    for (let search = 0; search < SEARCHES_MAX; search++) {
      const oldest = this.#load(ControlWord.OldestFrame);
      const count = (this.#load(ControlWord.FrameCount) - oldest) | 0;
      if (count <= 0) {
        return NOT_FOUND;
      }
      const frame = this.#index.search(oldest, count, position);
      this.#index.read(frame, this.#entry);
      const isInside = (position - this.#entry.position) >>> 0 < this.#entry.length;
      if (isInside && this.#isStillThere(frame)) {
        return frame >>> 0;
      }
      if (oldest === this.#load(ControlWord.OldestFrame)) {
        return NOT_FOUND;
      }
    }
    return NOT_FOUND;
  }
}
