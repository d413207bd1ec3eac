/**
 * The writing side of a ring: one writer for life, which never waits for a reader.
 *
 * A message is published in this order, with an Atomics operation between any two steps, so readers see them in this
 * order too:
 * 1. Reserved = head + length, and OldestFrame past every frame that this takes bytes from;
 * 2. the bytes;
 * 3. the frame's index entry, FrameCount, NewestKeyframe;
 * 4. Head.
 *
 * What follows from it, wherever the writer is or dies:
 * - whoever loads Head finds every byte before it, and the index entry of every message before it, complete;
 * - whoever loads Reserved knows which bytes may be overwritten now: those before Reserved - wrap. So a reader that
 *   saw Reserved - cursor ≤ wrap *after* it copied from cursor copied nothing that was being written. Because a message
 *   is at most wrap/4, a reader that starts at Reserved - cursor ≤ wrap - wrap/4 is passed only by a writer that
 *   completes a message and begins another while it copies.
 *
 * Bytes and index entries are plain stores, and those may not become visible before Reserved. Reserved is therefore stored with
 * Atomics.exchange, a full barrier (x86-64: any locked instruction; arm64 with LSE: one acquire-release instruction),
 * where Atomics.store would let later stores overtake it. Readers fence their copy the same way before they load
 * Reserved again.
 */
import { InvariantError } from "../errors.ts";
import { FRAME_KIND_MAX, FrameIndex, newFrameRef } from "./frame-index.ts";
import { HeaderSlots } from "./header-slots.ts";
import {
  ControlWord,
  controlWords,
  formattedLayout,
  NO_RING,
  READER_WORDS,
  RingState,
} from "./ring-layout.ts";

/** What the index keeps of a message besides its place. Borrowed until `commit` returns; may be one reused object. */
export interface FrameInfo {
  /** Class of the frame. Shape: 0 to 65535. */
  readonly kind: number;
  /** Units: ms modulo 2^32. */
  readonly timestamp: number;
  /** A player may start here. */
  readonly isKeyframe: boolean;
}

/** What a ring is opened as. */
export interface RingWriterOptions {
  /** Number of the ring in this process, from 1; what a predecessor names as successor. */
  readonly id: number;
  /** Chunk size that the messages are encoded with, for the ring's whole life. */
  readonly chunkSize: number;
}

/** What a ring takes over of the one before it. */
type CopiedTail = "gop" | "all";

/** No message was begun. */
const IDLE = -1;
/** Header versions stay positive, as -1 and 0 have meanings of their own. */
const HEADER_VERSION_MAX = 0x7f_ff_ff_ff;

/** The writer of one ring. Memory: shared views; begin, put and commit allocate nothing. */
export class RingWriter {
  /** Length of the data in bytes. */
  readonly wrap: number;
  readonly id: number;
  readonly chunkSize: number;
  /** Largest message in bytes. */
  readonly messageBytesMax: number;
  /** Largest headers in bytes. */
  readonly headerBytesMax: number;
  readonly #words: Int32Array;
  readonly #index: FrameIndex;
  readonly #headers: HeaderSlots;
  readonly #data: Uint8Array;
  /** The entry being written, reused. */
  readonly #entry = newFrameRef();
  // Copies of this writer's own control words, which nobody else changes.
  #head: number;
  #frameCount: number;
  #oldestFrame: number;
  #headerVersion = 0;
  /** Length of the message begun, or IDLE. */
  #length: number = IDLE;
  /** Bytes of it put so far. */
  #filled = 0;
  /** Its end was copied into a successor: nothing may follow. */
  #isSealed = false;

  /**
   * Open a formatted ring.
   * @throws InvariantError when it was not formatted, or was opened before.
   */
  constructor(sab: SharedArrayBuffer, options: RingWriterOptions) {
    const layout = formattedLayout(sab);
    this.#words = controlWords(sab);
    this.#index = new FrameIndex(sab, layout);
    this.#headers = new HeaderSlots(sab, layout);
    this.#data = new Uint8Array(sab, layout.dataOffset, layout.wrap);
    this.wrap = layout.wrap;
    this.messageBytesMax = this.wrap / 4;
    this.headerBytesMax = this.#headers.bytesMax;
    this.id = options.id;
    this.chunkSize = options.chunkSize;
    check(Number.isInteger(this.id) && this.id > NO_RING, "a ring id below 1");
    check(Number.isInteger(this.chunkSize) && this.chunkSize > 0, "a chunk size below 1");
    this.#head = Atomics.load(this.#words, ControlWord.Head);
    this.#frameCount = Atomics.load(this.#words, ControlWord.FrameCount);
    this.#oldestFrame = this.#frameCount;
    check(Atomics.load(this.#words, ControlWord.State) === 0, "a ring opened twice");
    this.#store(ControlWord.Id, this.id);
    this.#store(ControlWord.ChunkSize, this.chunkSize);
    this.#store(ControlWord.State, RingState.Open);
  }

  /** Position after the last whole message, Int32. */
  get head(): number {
    return this.#head;
  }

  /** Version of the newest headers, 0 before any. */
  get headerVersion(): number {
    return this.#headerVersion;
  }

  /** Largest wrap that a reader asked for since the ring was formatted, 0 when none did. */
  get askedWrap(): number {
    return Atomics.load(this.#words, ControlWord.AskedWrap);
  }

  /** True when a message of `length` bytes can be appended here; else its owner opens a larger ring first. */
  fits(length: number): boolean {
    return length <= this.messageBytesMax;
  }

  /**
   * Begin a message of exactly `length` bytes.
   * @throws InvariantError when one is begun already, it does not fit, or the ring is not open.
   */
  begin(length: number): void {
    check(this.#length === IDLE, "a message begun within another");
    check(length > 0 && this.fits(length), "a message that does not fit its ring");
    check(!this.#isSealed, "a message begun in a ring that was copied or ended");
    this.#reserve(length);
    this.#length = length;
    this.#filled = 0;
  }

  /**
   * Append `source[start, end)` to the message begun. Memory: borrowed until it returns.
   * @throws InvariantError when it goes past the length begun, or past `source`.
   */
  put(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    check(this.#length !== IDLE, "bytes put before a message was begun");
    check(start >= 0 && length >= 0 && end <= source.length, "bytes put from outside their array");
    check(length <= this.#length - this.#filled, "bytes put past the end of their message");
    const offset = (this.#head + this.#filled) & (this.wrap - 1);
    const untilWrap = this.wrap - offset;
    if (length > untilWrap) {
      copyBytes(source, start, start + untilWrap, this.#data, offset);
      copyBytes(source, start + untilWrap, end, this.#data, 0);
    } else if (length === source.length) {
      this.#data.set(source, offset);
    } else {
      copyBytes(source, start, end, this.#data, offset);
    }
    this.#filled += length;
  }

  /**
   * Publish the message begun.
   * @throws InvariantError when fewer bytes were put than were begun.
   */
  commit(frame: FrameInfo): void {
    check(this.#length !== IDLE, "a commit before a message was begun");
    check(this.#filled === this.#length, "a commit of half a message");
    check(frame.kind >= 0 && frame.kind <= FRAME_KIND_MAX, "a frame kind out of range");
    this.#indexFrame(frame, this.#length);
    this.#head = (this.#head + this.#length) | 0;
    this.#length = IDLE;
    this.#store(ControlWord.Head, this.#head);
  }

  /**
   * Set the headers that are valid from the next frame on.
   * @param bytes metadata and sequence headers in wire form, one after the other. Borrowed.
   * @returns their version, from 1; or -1, and nothing changes, when they are larger than a slot (wrap/8).
   * @throws InvariantError within a message.
   */
  setHeaders(bytes: Uint8Array): number {
    check(this.#length === IDLE, "headers set within a message");
    if (bytes.length > this.headerBytesMax) {
      return -1;
    }
    const version = this.#headerVersion === HEADER_VERSION_MAX ? 1 : this.#headerVersion + 1;
    this.#headers.write(version, bytes);
    this.#headerVersion = version;
    this.#store(ControlWord.HeaderVersion, version);
    return version;
  }

  /**
   * Fill this fresh ring with the current GOP of `from` (newest keyframe to head), its index entries and its headers
   * under their versions, and the last timestamps; readers that finished `from` go on here at `followFrom`, behind the
   * copy. `from` takes no message after this; its owner ends it as moved, with this ring's id.
   * `all` copies older GOPs as well, as many as there are and fit, for readers that go back.
   *
   * Where the GOP is not whole in `from`, or would not leave a quarter of this ring free, no frame is copied. With
   * another chunk size neither frames nor headers are: they are in wire form.
   * Memory: allocates; not for the path of every frame.
   * @throws InvariantError when this ring is not fresh, or `from` is within a message.
   */
  copyTail(from: RingWriter, what: CopiedTail = "gop"): void {
    const isFresh = this.#length === IDLE && this.#headerVersion === 0 && !this.#isSealed;
    check(isFresh && this.#frameCount === this.#oldestFrame, "a copy into a ring in use");
    check(from !== this && from.#length === IDLE, "a copy of a ring within a message");
    from.#isSealed = true;
    if (from.chunkSize === this.chunkSize) {
      this.#headers.copy(from.#headers);
      this.#headerVersion = from.#headerVersion;
      this.#store(ControlWord.HeaderVersion, this.#headerVersion);
      this.#copyFrames(from, what);
    }
    for (const word of [
      ControlWord.LastAudioTimestamp,
      ControlWord.LastVideoTimestamp,
      ControlWord.BytesPerSecond,
    ]) {
      this.#store(word, Atomics.load(from.#words, word));
    }
    this.#store(ControlWord.FollowFrom, this.#head);
    this.#store(ControlWord.FollowFromFrame, this.#frameCount);
    if (from.keeperFrame >= 0) {
      this.expectKeeper();
    }
  }

  /**
   * End the ring: readers finish up to head and follow `successorId`, if there is one. A message begun and not
   * committed is dropped. Ring the bells of its readers afterwards.
   * @throws InvariantError when the ring is not open, or `state` is no end.
   */
  end(state: RingState, successorId: number = NO_RING): void {
    check(state !== RingState.Open, "a ring ended as open");
    check(
      Atomics.load(this.#words, ControlWord.State) === RingState.Open,
      "the end of a ring that is not open",
    );
    this.#length = IDLE;
    this.#isSealed = true;
    this.#store(ControlWord.Successor, successorId);
    this.#store(ControlWord.State, state);
  }

  /** Tell a successor where the time line stands. Units: ms modulo 2^32, as sent. */
  setLastTimestamps(audio: number, video: number): void {
    this.#store(ControlWord.LastAudioTimestamp, audio | 0);
    this.#store(ControlWord.LastVideoTimestamp, video | 0);
  }

  /** Tell readers the stream's measured rate, for their lag arithmetic. */
  setBytesPerSecond(bytesPerSecond: number): void {
    this.#store(ControlWord.BytesPerSecond, bytesPerSecond);
  }

  /** Tell readers when the frame was announced that they are about to be woken for. Units: µs modulo 2^32. */
  setWokenAt(microseconds: number): void {
    this.#store(ControlWord.WokenAt, microseconds);
  }

  /** The bits of the reading threads `word * 32` to `word * 32 + 31`. Load it after the commit that they wait for. */
  readerMask(word: number): number {
    check(word >= 0 && word < READER_WORDS, "a word of reader bits out of range");
    return Atomics.load(this.#words, ControlWord.ReaderBits + word);
  }

  /** True while any thread reads the ring. Without a fence: a reader that came just now may be missed this time. */
  get hasReaders(): boolean {
    for (let word = 0; word < READER_WORDS; word += 1) {
      if (this.#words[ControlWord.ReaderBits + word] !== 0) {
        return true;
      }
    }
    return false;
  }

  /** Of the newest message, 0 before any. Units: ms modulo 2^32, unsigned. */
  get newestTimestamp(): number {
    if (this.#frameCount === this.#oldestFrame) {
      return 0;
    }
    this.#index.read((this.#frameCount - 1) | 0, this.#entry);
    return this.#entry.timestamp;
  }

  /** A reader that wants every frame will come: it counts from the first one on. */
  expectKeeper(): void {
    this.#store(ControlWord.KeeperFrame, this.#frameCount);
    this.#store(ControlWord.HasKeeper, 1);
  }

  /** Number, unsigned, of the next frame that the reader takes who wants every frame; -1 where there is none. */
  get keeperFrame(): number {
    const isThere = Atomics.load(this.#words, ControlWord.HasKeeper) === 1;
    return isThere ? Atomics.load(this.#words, ControlWord.KeeperFrame) >>> 0 : -1;
  }

  /** It has a quarter of the ring to read or more, or has lost some of it already. */
  get isKeeperBehind(): boolean {
    const keeper = this.keeperFrame;
    const frames = keeper < 0 ? 0 : (this.#frameCount - keeper) | 0;
    if (frames <= 0) {
      return false;
    }
    if (((keeper - this.#oldestFrame) | 0) < 0 || frames > this.#index.framesMax >>> 2) {
      return true;
    }
    return (this.#head - this.#index.ownPosition(keeper)) >>> 0 > this.wrap >>> 2;
  }

  #store(word: number, value: number): void {
    Atomics.store(this.#words, word, value);
  }

  /** Step 1 of the header comment: announce what will be overwritten. */
  #reserve(length: number): void {
    const reserved = (this.#head + length) | 0;
    let oldest = this.#oldestFrame;
    // The entry about to be written has to stay framesMax away from the oldest one kept.
    if (((this.#frameCount - oldest) | 0) >= this.#index.framesMax) {
      oldest = (oldest + 1) | 0;
    }
    while (
      oldest !== this.#frameCount &&
      (reserved - this.#index.ownPosition(oldest)) >>> 0 > this.wrap
    ) {
      oldest = (oldest + 1) | 0;
    }
    if (oldest !== this.#oldestFrame) {
      this.#oldestFrame = oldest;
      this.#store(ControlWord.OldestFrame, oldest);
    }
    Atomics.exchange(this.#words, ControlWord.Reserved, reserved);
  }

  /** Step 3 of the header comment, for a message at head. */
  #indexFrame(frame: FrameInfo, length: number): void {
    const number = this.#frameCount;
    const entry = this.#entry;
    entry.position = this.#head;
    entry.length = length;
    entry.timestamp = frame.timestamp;
    entry.kind = frame.kind;
    entry.headerVersion = this.#headerVersion;
    entry.isKeyframe = frame.isKeyframe;
    this.#index.write(number, entry);
    this.#publish(number, frame.isKeyframe);
  }

  #publish(number: number, isKeyframe: boolean): void {
    this.#frameCount = (number + 1) | 0;
    this.#store(ControlWord.FrameCount, this.#frameCount);
    if (isKeyframe) {
      this.#store(ControlWord.NewestKeyframe, number);
      this.#store(ControlWord.HasKeyframe, 1);
    }
  }

  #copyFrames(from: RingWriter, what: CopiedTail): void {
    const newest = from.#newestKeyframe();
    const keyframe =
      newest !== null && what === "all" ? this.#oldestThatFits(from, newest) : newest;
    if (keyframe === null || !this.#fitsFrom(from, keyframe)) {
      return;
    }
    const frames = (from.#frameCount - keyframe) | 0;
    const start = from.#index.position(keyframe);
    const length = (from.#head - start) | 0;
    this.#reserve(length);
    for (let at = 0; at < length; ) {
      const source = (start + at) & (from.wrap - 1);
      const target = (this.#head + at) & (this.wrap - 1);
      const run = Math.min(length - at, from.wrap - source, this.wrap - target);
      this.#data.set(from.#data.subarray(source, source + run), target);
      at += run;
    }
    for (let at = 0; at < frames; at++) {
      from.#index.read(keyframe + at, this.#entry);
      this.#entry.position = (this.#entry.position - start + this.#head) | 0;
      const number = this.#frameCount;
      this.#index.write(number, this.#entry);
      this.#publish(number, this.#entry.isKeyframe);
    }
    this.#head = (this.#head + length) | 0;
    this.#store(ControlWord.Head, this.#head);
  }

  /** Number of the oldest keyframe of another ring, up to `newest`, from which on everything fits here. */
  #oldestThatFits(from: RingWriter, newest: number): number {
    let frame = from.#oldestFrame;
    while (frame !== newest && !(from.#index.isKeyframe(frame) && this.#fitsFrom(from, frame))) {
      frame = (frame + 1) | 0;
    }
    return frame;
  }

  #fitsFrom(from: RingWriter, frame: number): boolean {
    const frames = (from.#frameCount - frame) | 0;
    const length = (from.#head - from.#index.position(frame)) | 0;
    return length <= this.wrap - this.messageBytesMax && frames <= this.#index.framesMax;
  }

  /** Number of the newest keyframe that is still whole, or null. */
  #newestKeyframe(): number | null {
    if (Atomics.load(this.#words, ControlWord.HasKeyframe) === 0) {
      return null;
    }
    const frame = Atomics.load(this.#words, ControlWord.NewestKeyframe);
    return ((frame - this.#oldestFrame) | 0) >= 0 ? frame : null;
  }
}

/** Copy a part of `source` eight bytes a turn: `set` wants a view of the part, an allocation for every chunk. */
function copyBytes(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  offset: number,
): void {
  let at = start;
  let to = offset;
  for (const last = end - 8; at <= last; at += 8, to += 8) {
    target[to] = source[at] as number;
    target[to + 1] = source[at + 1] as number;
    target[to + 2] = source[at + 2] as number;
    target[to + 3] = source[at + 3] as number;
    target[to + 4] = source[at + 4] as number;
    target[to + 5] = source[at + 5] as number;
    target[to + 6] = source[at + 6] as number;
    target[to + 7] = source[at + 7] as number;
  }
  for (; at < end; at++, to++) {
    target[to] = source[at] as number;
  }
}

function check(isTrue: boolean, otherwise: string): asserts isTrue {
  if (!isTrue) {
    throw new InvariantError(otherwise);
  }
}
