/** A ring that is driven step by step: its writer, a reader, and all that was ever written to it. */
import assert from "node:assert/strict";
import {
  type KeyframeRef,
  newFrameRef,
  newKeyframeRef,
} from "../../../src/protocol/ring/frame-index.ts";
import { formatRing, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import type { MessageMaker } from "./ring-messages.ts";
import { beforeHead } from "./ring-moments.ts";

export const WRAP: number = 128 * 1024;
export const KEYFRAME_EVERY = 10;
const HEADERS_EVERY = 7;

/** One message. */
export interface Written {
  readonly position: number;
  readonly length: number;
  readonly isKeyframe: boolean;
  readonly headerVersion: number;
}

/** **Shared** by all rings of a test, one after another. */
export const memory: SharedArrayBuffer = new SharedArrayBuffer(ringSizeBytes(WRAP));

/** A ring with its writer and a reader, and all that was ever written to it. */
export class SteppedRing {
  readonly maker: MessageMaker;
  readonly firstFrame: number;
  readonly writer: RingWriter;
  readonly reader: RingReader;
  /** Whole messages, and the one that is being written. */
  readonly written: Written[] = [];
  readonly headers: Uint8Array[] = [new Uint8Array(0)];
  readonly #frame = newFrameRef();
  readonly #keyframe = newKeyframeRef();

  constructor(maker: MessageMaker, position: number, firstFrame: number) {
    formatRing(memory, WRAP, position, firstFrame);
    this.maker = maker;
    this.firstFrame = firstFrame;
    this.writer = new RingWriter(memory, { id: 1, chunkSize: 128 });
    this.reader = new RingReader(memory);
  }

  /** Number of the next frame, Int32. */
  get next(): number {
    return (this.firstFrame + this.written.length) | 0;
  }

  append(count: number): void {
    for (let at = 0; at < count; at += 1) {
      const number = this.next;
      if (this.written.length % HEADERS_EVERY === 0) {
        this.setHeaders();
      }
      const isKeyframe = this.written.length % KEYFRAME_EVERY === 0;
      this.note(number, isKeyframe);
      this.maker.append(this.writer, number, isKeyframe);
    }
  }

  /** Appends messages; is stuck with one more between its index entry and the head. */
  goOn(count: number, isStuck: boolean): void {
    this.append(count);
    if (isStuck) {
      beforeHead(memory, () => this.append(1));
    }
  }

  note(number: number, isKeyframe: boolean): void {
    const { head: position, headerVersion } = this.writer;
    this.written.push({
      position,
      length: this.maker.lengthOf(number),
      isKeyframe,
      headerVersion,
    });
  }

  setHeaders(): void {
    const bytes = new Uint8Array(20).fill(this.headers.length);
    this.headers.push(bytes);
    this.writer.setHeaders(bytes);
  }

  writtenAs(frame: number): Written {
    const written = this.written[(frame - this.firstFrame) | 0];
    assert.ok(written !== undefined, `frame ${frame} was never written`);
    return written;
  }

  /** Whatever the reader says of a frame is what was written; what it can name whole can be read. */
  checkFrame(frame: number, isWhole: boolean): boolean {
    const { reader, maker } = this;
    const entry = this.#frame;
    if (!reader.readFrame(frame, entry)) {
      return false;
    }
    const { position, length, isKeyframe, headerVersion } = this.writtenAs(frame);
    assert.deepEqual(
      [entry.position, entry.length, entry.isKeyframe, entry.headerVersion, entry.timestamp],
      [position, length, isKeyframe, headerVersion, ((frame | 0) * 40) >>> 0],
    );
    const bytes = new Uint8Array(length);
    const isRead = reader.read(position, length, bytes, 0);
    assert.equal(isRead, isWhole, `frame ${frame} is read`);
    if (isRead) {
      assert.deepEqual(maker.decode(bytes), [frame >>> 0]);
    }
    return true;
  }

  checkKeyframe(isThere: boolean, keyframe: KeyframeRef = this.#keyframe): void {
    if (!isThere) {
      return;
    }
    const { frame, position, headerVersion, timestamp } = keyframe;
    const written = this.writtenAs(frame);
    assert.deepEqual(
      [true, position, headerVersion, timestamp],
      [written.isKeyframe, written.position, written.headerVersion, ((frame | 0) * 40) >>> 0],
    );
  }

  /** All that the reader says at this moment; `whole` messages are before the head. */
  checkAll(whole: number): void {
    const { reader } = this;
    const count = (this.firstFrame + whole) | 0;
    assert.equal(reader.frameCount, count >>> 0, "frames counted");
    const oldest = reader.oldestFrame | 0;
    assert.ok(((count - oldest) | 0) >= 0);
    for (let frame = oldest; frame !== count; frame = (frame + 1) | 0) {
      assert.ok(this.checkFrame(frame, true), `frame ${frame} of ${oldest} to ${count}`);
    }
    // The one that is being written may be there before its bytes are.
    this.checkFrame(count, false);
    assert.equal(this.checkFrame((oldest - 1) | 0, false), false);
    const newest = reader.newestKeyframe(this.#keyframe);
    this.checkKeyframe(newest);
    if (newest) {
      assert.ok(((this.#keyframe.frame - count) | 0) <= 0);
      assert.ok(((reader.head - this.#keyframe.position) | 0) >= 0, "a start past the head");
      this.checkHeaders(this.#keyframe.headerVersion);
    }
    this.checkHeaders(reader.headerVersion);
  }

  checkHeaders(version: number): void {
    const headers = this.reader.headersAt(version);
    assert.ok(headers !== null, `headers ${version}`);
    assert.deepEqual(headers, this.headers[version] ?? null, `headers ${version}`);
  }
}
