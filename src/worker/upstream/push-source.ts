/**
 * Where a push stands in its publisher's ring. The ring is also the hold: what an origin has not read is read out of it
 * again for the next one, from a keyframe on, headers first.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import { FrameClass } from "../../protocol/flv/classify.ts";
import {
  type FrameRef,
  type KeyframeRef,
  newFrameRef,
  newKeyframeRef,
} from "../../protocol/ring/frame-index.ts";
import { RingReader } from "../../protocol/ring/ring-reader.ts";
import { ChunkStream, type Message } from "../../protocol/rtmp/message.ts";
import { decodeHeaderSet } from "../stream/header-set.ts";

/** Bytes copied out of the ring at a time. */
const COPY_BYTES = 64 * 1024;
/** Message stream id in a fmt 0 header with a one-byte basic header (RTMP 1.0 §5.3.1.2.1). */
const MESSAGE_STREAM_OFFSET = 8;
/** A ring holds half as much again as is to be kept: the part near its writer cannot be read. */
const RING_SHARE = 1.5;

/** One push's place. Positions are Int32 and message boundaries. */
export class PushSource {
  #reader: RingReader | undefined;
  #cursor = 0;
  readonly #keyframe: KeyframeRef = newKeyframeRef();
  readonly #frame: FrameRef = newFrameRef();

  /** Of the messages; undefined before there is a ring. */
  get chunkSize(): number | undefined {
    return this.#reader?.chunkSize;
  }

  /** What is sent next. */
  get cursor(): number {
    return this.#cursor;
  }

  /** There is something to send. */
  get hasMore(): boolean {
    return this.#reader !== undefined && ((this.#reader.head - this.#cursor) | 0) !== 0;
  }

  /** There is a keyframe to begin at. */
  get hasKeyframe(): boolean {
    return this.#reader?.newestKeyframe(this.#keyframe) === true;
  }

  /** There is a keyframe after what is sent next. */
  get hasKeyframeAhead(): boolean {
    return this.hasKeyframe && ((this.#keyframe.position - this.#cursor) | 0) > 0;
  }

  /** What is sent next is still there, if it is there already. */
  get isThere(): boolean {
    const reader = this.#reader;
    const isSafe = reader?.isSafe(this.#cursor) === true;
    return isSafe && (!this.hasMore || reader.frameAt(this.#cursor) !== -1);
  }

  /** Time between what is sent next and the newest message. */
  lagMs(): number {
    const reader = this.#reader;
    const first = reader === undefined || !this.hasMore ? -1 : reader.frameAt(this.#cursor);
    if (reader === undefined || first === -1 || !reader.readFrame(first, this.#frame)) {
      return 0;
    }
    const { kind, timestamp: since } = this.#frame;
    if (kind === FrameClass.Metadata) {
      // Metadata has no time of its own.
      return 0;
    }
    const isRead = reader.readFrame((reader.frameCount - 1) >>> 0, this.#frame);
    return isRead ? (this.#frame.timestamp - since) | 0 : 0;
  }

  /**
   * Takes the publisher's ring, or the one that took its place: all that is in the old one and not sent is in this one.
   * @returns by how much positions have moved
   */
  attach({ memory }: RingLease): number {
    const next = new RingReader(memory);
    // Messages are copied as they are: distances from the end stay. The first ring begins where it stands.
    const by = (next.head - (this.#reader?.head ?? this.#cursor)) | 0;
    this.#reader = next;
    this.#cursor = (this.#cursor + by) | 0;
    return by;
  }

  /** Messages from the cursor on, on another message stream; null when they are gone. **Owned**. */
  collect(messageStream: number): Uint8Array | null {
    const reader = this.#reader;
    const start = this.#cursor;
    const first = reader?.isSafe(start) === true ? reader.frameAt(start) : -1;
    if (reader === undefined || first === -1) {
      return null;
    }
    const end = reader.frameCount;
    let length = 0;
    const starts: number[] = [];
    for (let frame = first; frame !== end && length < COPY_BYTES; frame = (frame + 1) >>> 0) {
      if (!reader.readFrame(frame, this.#frame)) {
        return null;
      }
      starts.push(length);
      length += this.#frame.length;
    }
    const bytes = new Uint8Array(length);
    if (!reader.read(start, length, bytes, 0)) {
      return null;
    }
    const view = new DataView(bytes.buffer);
    for (const offset of messageStream === 1 ? [] : starts) {
      view.setUint32(offset + MESSAGE_STREAM_OFFSET, messageStream, true);
    }
    this.#cursor = (start + length) | 0;
    return bytes;
  }

  /**
   * Goes back to the last keyframe at or before a position, or to the first one that is still there after it.
   * @returns the headers that go before it, **borrowed**
   */
  rewind(position: number): Message[] {
    const reader = this.#reader;
    if (reader === undefined) {
      return [];
    }
    const before = keyframeBefore(reader, position, this.#frame);
    const isKept = before !== undefined && reader.isSafe(before);
    const from = isKept ? before : this.#oldestKeyframe(reader);
    if (from !== undefined && reader.keyframeFrom(from, this.#keyframe)) {
      this.#cursor = this.#keyframe.position;
      return this.#headers(reader, this.#keyframe.headerVersion);
    }
    return this.skip();
  }

  /** Goes on at the newest keyframe. @returns the headers that go before it, **borrowed** */
  skip(): Message[] {
    const reader = this.#reader;
    if (reader === undefined) {
      return [];
    }
    const isThere = reader.newestKeyframe(this.#keyframe);
    this.#cursor = isThere ? this.#keyframe.position : reader.head;
    return this.#headers(reader, isThere ? this.#keyframe.headerVersion : reader.headerVersion);
  }

  /** Asks for a ring that keeps what {@link rewind} needs for a position, and what comes in so much time. */
  keep(position: number, ms: number, bytesMax: number): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      const from = keyframeBefore(reader, position, this.#frame) ?? position;
      const wanted = ((reader.head - from) >>> 0) + (reader.bytesPerSecond * ms) / 1000;
      reader.askForWrap(Math.min(bytesMax, Math.ceil(wanted * RING_SHARE)));
    }
  }

  #oldestKeyframe(reader: RingReader): number | undefined {
    let frame = reader.oldestFrame;
    while (reader.readFrame(frame, this.#frame)) {
      if (this.#frame.isKeyframe && reader.isSafe(this.#frame.position)) {
        return this.#frame.position;
      }
      frame = (frame + 1) >>> 0;
    }
    return undefined;
  }

  #headers(reader: RingReader, version: number): Message[] {
    const bytes = reader.headersAt(version);
    const timestamp = this.#keyframe.timestamp >>> 0;
    return (bytes === null ? [] : decodeHeaderSet(bytes)).map(({ type, payload }) => ({
      chunkStreamId: ChunkStream.Stream,
      type,
      streamId: 1,
      timestamp,
      payload,
    }));
  }
}

/** Begin of the last keyframe at or before a position; undefined when the ring has none there any more. */
function keyframeBefore(reader: RingReader, position: number, out: FrameRef): number | undefined {
  const isAtHead = position === reader.head;
  let frame = isAtHead ? (reader.frameCount - 1) >>> 0 : reader.frameAt(position);
  while (frame !== -1 && reader.readFrame(frame, out)) {
    if (out.isKeyframe) {
      return out.position;
    }
    frame = (frame - 1) >>> 0;
  }
  return undefined;
}
