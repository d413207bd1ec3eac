/**
 * The messages of one live stream, read from the rings that its publishers write, each once and in order.
 *
 * Nothing of a ring is held longer than it takes to read it: who takes the messages keeps what it needs. Where the
 * writer has gone once around the ring meanwhile, some are lost, and that is told.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import { newFrameRef } from "../../protocol/ring/frame-index.ts";
import { RingState } from "../../protocol/ring/ring-layout.ts";
import { RingReader } from "../../protocol/ring/ring-reader.ts";
import { readWireMessage } from "../deliver/wire-payload.ts";
import { decodeHeaderSet } from "../stream/header-set.ts";

const SCRATCH_BYTES = 256 * 1024;
/** Messages taken in one go, so that one stream's backlog does not hold up the others. */
const MESSAGES_PER_TURN = 512;

/** Who takes the messages. */
export interface FeedSink {
  /** **Shape**: type and timestamp as in FLV. **Memory**: the payload is borrowed. */
  message(type: number, timestamp: number, payload: Uint8Array): void;
  /** A publish begins. @param isWhole The ring still has its first message. */
  began?(lease: RingLease, isWhole: boolean): void;
  /** The publisher is gone: what follows is another time line. */
  ended(): void;
  /** Messages are missing here. */
  lost(): void;
  ringReleased(ringId: number): void;
}

interface Source {
  readonly lease: RingLease;
  readonly reader: RingReader;
  /** Number of the next frame to take, -1 before the first. */
  next: number;
}

/** One stream's rings, oldest first. */
export class StreamFeed {
  readonly #sink: FeedSink;
  readonly #sources: Source[] = [];
  /** Wakes this thread with each frame; null: it looks by itself. */
  readonly #thread: number | null;
  /** The ring that follows the one that was read to its end last; 0: none does. */
  #successorId = 0;
  #needsHeaders = false;
  #scratch = new Uint8Array(SCRATCH_BYTES);
  readonly #wire = { type: 0, payload: new Uint8Array(0) as Uint8Array };
  readonly #frame = newFrameRef();

  /** @param thread Number of this thread among all readers, to be woken with each frame; null: {@link advance} is called often. */
  constructor(sink: FeedSink, thread: number | null) {
    this.#sink = sink;
    this.#thread = thread;
  }

  /** A ring is being written, or was and is not read to its end. */
  get isOpen(): boolean {
    return this.#sources.length > 0;
  }

  /** The stream goes on in this ring when the ones before it are read. */
  openRing(lease: RingLease): void {
    if (this.#sources.some((source) => source.lease.ringId === lease.ringId)) {
      this.#sink.ringReleased(lease.ringId);
      return;
    }
    const reader = new RingReader(lease.memory);
    if (this.#thread !== null) {
      reader.setReader(this.#thread, true);
    }
    this.#sources.push({ lease, reader, next: -1 });
  }

  /**
   * Takes what came.
   * @param isTaken False: it is passed over.
   * @returns false when there is more: call again after others had their turn.
   */
  advance(isTaken: boolean): boolean {
    let left = MESSAGES_PER_TURN;
    for (;;) {
      const source = this.#sources[0];
      if (source === undefined) {
        return true;
      }
      if (source.next < 0) {
        this.#begin(source);
      }
      // Before the frames: what came before the state was stored is not lost.
      const { state, successorId } = source.reader;
      if (isTaken) {
        left = this.#take(source, left);
      } else {
        source.next = source.reader.frameCount;
      }
      source.reader.keep(isTaken ? source.next : -1);
      if (left === 0) {
        return false;
      }
      if (state === RingState.Open) {
        return true;
      }
      this.#sources.shift();
      this.#release(source);
      this.#successorId = state === RingState.Moved ? successorId : 0;
      if (this.#successorId === 0) {
        this.#sink.ended();
      }
    }
  }

  /** Headers come again before the next message: whoever takes it knows nothing. */
  renew(): void {
    this.#needsHeaders = true;
  }

  /** Lets go of all rings. */
  close(): void {
    const wasOpen = this.#sources.length > 0;
    for (const source of this.#sources.splice(0)) {
      this.#release(source);
    }
    if (wasOpen || this.#successorId !== 0) {
      this.#successorId = 0;
      this.#sink.ended();
    }
  }

  #begin(source: Source): void {
    const { reader, lease } = source;
    if (lease.ringId === this.#successorId) {
      source.next = reader.followFromFrame;
      return;
    }
    if (this.#successorId !== 0) {
      // The ring between was never lent to this thread.
      this.#sink.ended();
    }
    source.next = reader.firstToKeep;
    this.#sink.began?.(lease, source.next === 0);
    this.renew();
  }

  /** @returns how many more may be taken in this turn. */
  #take(source: Source, messages: number): number {
    const { reader } = source;
    const end = reader.frameCount;
    let left = messages;
    this.#askForRoom(source);
    while (((end - source.next) | 0) > 0 && left > 0) {
      left -= 1;
      if (this.#takeFrame(reader, source.next)) {
        source.next = (source.next + 1) >>> 0;
      } else {
        this.#skip(source, end);
      }
    }
    return ((end - source.next) | 0) <= 0 ? Math.max(1, left) : left;
  }

  /** Media that comes faster than it is played must not overtake: a larger ring is asked for in time. */
  #askForRoom({ reader, next }: Source): void {
    const isThere = reader.readFrame(next, this.#frame);
    const behind = isThere ? (reader.head - this.#frame.position) >>> 0 : 0;
    if (behind > reader.wrap >>> 2) {
      reader.askForWrap(reader.wrap * 2);
    }
  }

  /** @returns false when the frame is gone. */
  #takeFrame(reader: RingReader, number: number): boolean {
    const frame = this.#frame;
    if (!reader.readFrame(number, frame)) {
      return false;
    }
    if (frame.length > this.#scratch.length) {
      this.#scratch = new Uint8Array(frame.length * 2);
    }
    if (!reader.read(frame.position, frame.length, this.#scratch, 0)) {
      return false;
    }
    const { timestamp } = frame;
    if (this.#needsHeaders) {
      this.#takeHeaders(reader, frame.headerVersion, timestamp);
    }
    readWireMessage(this.#scratch.subarray(0, frame.length), reader.chunkSize, this.#wire);
    this.#sink.message(this.#wire.type, timestamp, this.#wire.payload);
    return true;
  }

  /** Overtaken by the writer: on from the newest keyframe, or from what comes. */
  #skip(source: Source, end: number): void {
    const { reader } = source;
    this.#sink.lost();
    reader.askForWrap(reader.wrap * 2);
    source.next = reader.resumeAt(source.next, end);
    this.renew();
  }

  #takeHeaders(reader: RingReader, version: number, timestamp: number): void {
    this.#needsHeaders = false;
    const headers = reader.readHeaders(version) ?? reader.readHeaders(reader.headerVersion);
    for (const { type, payload } of headers === null ? [] : decodeHeaderSet(headers)) {
      this.#sink.message(type, timestamp, payload);
    }
  }

  #release({ lease, reader }: Source): void {
    if (this.#thread !== null) {
      reader.setReader(this.#thread, false);
    }
    reader.keep(-1);
    this.#sink.ringReleased(lease.ringId);
  }
}
