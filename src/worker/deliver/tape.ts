/**
 * A stream in another form on this thread: messages are read once from the ring that the publisher's shard writes, put
 * into the form, and written to a ring of this thread's own that all its viewers send from. Made with the first viewer
 * and filled from the newest keyframe on, so that it starts at once; nobody else is asked for anything.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import { FrameClass } from "../../protocol/flv/classify.ts";
import { TAPE_BYTES_MIN } from "../../protocol/limits.ts";
import { newFrameRef, newKeyframeRef } from "../../protocol/ring/frame-index.ts";
import { formatRing, RingState, ringSizeBytes, wrapFor } from "../../protocol/ring/ring-layout.ts";
import { RingReader } from "../../protocol/ring/ring-reader.ts";
import { RingWriter } from "../../protocol/ring/ring-writer.ts";
import { decodeHeaderSet } from "../stream/header-set.ts";
import type { Form } from "./form.ts";
import { readWireMessage } from "./wire-payload.ts";

/** A message larger than a quarter of its ring gets a ring of this many times its length. */
const MESSAGES_PER_RING = 8;
const SCRATCH_BYTES = 256 * 1024;

/** What a tape tells. */
export interface TapeHost {
  /** Viewers read this ring from now on. */
  ringOpened(lease: RingLease): void;
}

interface Source {
  readonly ringId: number;
  readonly reader: RingReader;
  /** Number of the next frame to take. */
  next: number;
}

/** One stream in one form. */
export class Tape {
  readonly #form: Form;
  readonly #host: TapeHost;
  readonly #sources: Source[] = [];
  /** The ring that follows the one that was drained last; 0: none does. */
  #successorId = 0;
  #writer: RingWriter | undefined;
  #nextRingId = 1;
  /** Of the source: the version that the own ring has. */
  #headerVersion = 0;
  #scratch = new Uint8Array(SCRATCH_BYTES);
  readonly #wire = { type: 0, payload: new Uint8Array(0) as Uint8Array };
  readonly #message = {
    type: 0,
    kind: 0 as FrameClass,
    timestamp: 0,
    isKeyframe: false,
    payload: new Uint8Array(0) as Uint8Array,
  };
  readonly #frame = newFrameRef();
  readonly #keyframe = newKeyframeRef();

  constructor(form: Form, host: TapeHost) {
    this.#form = form;
    this.#host = host;
  }

  /** The stream is published. */
  get isLive(): boolean {
    return this.#writer !== undefined;
  }

  /** True while a ring is not read to its end. */
  holds(ringId: number): boolean {
    return this.#sources.some((source) => source.ringId === ringId);
  }

  /** The stream goes on in this ring when the ones before it are drained. */
  openSource({ ringId, memory }: RingLease): void {
    const reader = new RingReader(memory);
    this.#sources.push({ ringId, reader, next: -1 });
    this.advance();
  }

  /** Takes what came. */
  advance(): void {
    for (;;) {
      const source = this.#sources[0];
      if (source === undefined) {
        return;
      }
      if (source.next < 0) {
        this.#begin(source);
      } else {
        this.#askForRoom(source);
      }
      // Before the frames: what comes after the state was stored is not lost.
      const { state, successorId } = source.reader;
      this.#copy(source);
      if (state === RingState.Open) {
        this.#askForWrap(source.reader);
        return;
      }
      this.#sources.shift();
      this.#successorId = state === RingState.Moved ? successorId : 0;
      if (this.#successorId === 0) {
        this.#end();
      }
    }
  }

  /** Every second: viewers' sockets are set by the stream's rate. */
  tickSlow(): void {
    const rate = this.#sources[0]?.reader.bytesPerSecond ?? 0;
    this.#writer?.setBytesPerSecond(rate);
  }

  /** Nobody wants it any more. */
  close(): void {
    this.#sources.length = 0;
    this.#end();
  }

  #begin(source: Source): void {
    const { reader, ringId } = source;
    const isSuccessor = this.#writer !== undefined && ringId === this.#successorId;
    if (isSuccessor) {
      source.next = reader.followFromFrame;
      if (this.#form.ringBytes === null && reader.wrap > (this.#writer?.wrap ?? 0)) {
        this.#grow(reader.wrap);
      }
    } else {
      this.#end();
      this.#form.restart();
      this.#openRing(this.#form.ringBytes ?? Math.max(reader.wrap, TAPE_BYTES_MIN));
      const isThere = !this.#form.keepsPast && reader.newestKeyframe(this.#keyframe);
      source.next = isThere ? this.#keyframe.frame : reader.oldestFrame;
    }
    if (this.#form.ringBytes === null && reader.wrap < TAPE_BYTES_MIN) {
      // A publisher that was held up sends seconds at once: they are to be there still when this thread gets to them.
      reader.askForWrap(TAPE_BYTES_MIN);
    }
    this.#headerVersion = 0;
  }

  #copy(source: Source): void {
    const { reader } = source;
    const end = reader.frameCount;
    while (((end - source.next) | 0) > 0) {
      if (this.#take(reader, source.next)) {
        source.next = (source.next + 1) >>> 0;
      } else {
        // Lapped: viewers see a jump, as slow ones do.
        reader.askForWrap(reader.wrap * 2);
        source.next = reader.resumeAt(source.next, end);
      }
    }
    this.#writer?.setWokenAt(reader.wokenAt);
  }

  /** @returns false when the frame is gone. */
  #take(reader: RingReader, number: number): boolean {
    const frame = this.#frame;
    if (!reader.readFrame(number, frame)) {
      return false;
    }
    if (this.#form.isAudioOnly && frame.kind !== FrameClass.Audio) {
      // Headers come by their version.
      return true;
    }
    if (frame.length > this.#scratch.length) {
      this.#scratch = new Uint8Array(frame.length * 2);
    }
    if (!reader.read(frame.position, frame.length, this.#scratch, 0)) {
      return false;
    }
    if (frame.headerVersion !== this.#headerVersion) {
      this.#takeHeaders(reader, frame.headerVersion);
    }
    const message = this.#message;
    readWireMessage(this.#scratch.subarray(0, frame.length), reader.chunkSize, this.#wire);
    message.type = this.#wire.type;
    message.payload = this.#wire.payload;
    message.kind = frame.kind as FrameClass;
    message.timestamp = frame.timestamp;
    message.isKeyframe = frame.isKeyframe;
    const bytes = this.#form.mux(message);
    frame.isKeyframe = this.#form.isStart;
    if (bytes.length > 0) {
      this.#put(bytes);
    }
    return true;
  }

  #takeHeaders(reader: RingReader, version: number): void {
    const headers = reader.headersAt(version);
    if (headers !== null && headers.length > 0) {
      this.#writer?.setHeaders(headers);
      this.#form.takeHeaders(decodeHeaderSet(headers));
      this.#headerVersion = version;
    }
  }

  #put(bytes: Uint8Array): void {
    if (this.#writer?.fits(bytes.length) === false) {
      this.#grow(bytes.length * MESSAGES_PER_RING);
    }
    const writer = this.#writer;
    if (writer?.fits(bytes.length) === true) {
      writer.begin(bytes.length);
      writer.put(bytes, 0, bytes.length);
      writer.commit(this.#frame);
    }
  }

  /** This thread came late, and the next time it may be too late: a larger ring is asked for. */
  #askForRoom({ reader, next }: Source): void {
    const isThere = reader.readFrame(next, this.#frame);
    const behind = isThere ? (reader.head - this.#frame.position) >>> 0 : 0;
    if (behind > reader.wrap >>> 2) {
      reader.askForWrap(reader.wrap * 2);
    }
  }

  /** Slow viewers' wishes reach the one who decides about rings. */
  #askForWrap(source: RingReader): void {
    const asked = this.#writer?.askedWrap ?? 0;
    if (this.#form.ringBytes === null && asked > source.wrap) {
      source.askForWrap(asked);
    }
  }

  #grow(bytes: number): void {
    const old = this.#writer;
    const { writer, lease } = this.#newRing(bytes);
    if (old !== undefined) {
      writer.copyTail(old);
    }
    this.#writer = writer;
    this.#host.ringOpened(lease);
    old?.end(RingState.Moved, lease.ringId);
  }

  #openRing(bytes: number): void {
    const { writer, lease } = this.#newRing(bytes);
    this.#writer = writer;
    this.#host.ringOpened(lease);
  }

  #newRing(bytes: number): { writer: RingWriter; lease: RingLease } {
    const wrap = wrapFor(bytes);
    const memory = new SharedArrayBuffer(ringSizeBytes(wrap));
    formatRing(memory, wrap);
    const ringId = this.#nextRingId;
    this.#nextRingId += 1;
    const writer = new RingWriter(memory, { id: ringId, chunkSize: 1 });
    return { writer, lease: { ringId, memory } };
  }

  #end(): void {
    this.#writer?.end(RingState.Ended);
    this.#writer = undefined;
  }
}
