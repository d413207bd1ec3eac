/**
 * A publish at an edge, sent on to an origin: reads the publisher's own ring and writes its messages as they stand
 * there. The encoder is told Start only after the origin's. When an origin is lost the encoder stays; the next origin
 * gets everything from the last keyframe before the loss, headers first. The ring is the hold: nothing is copied aside.
 */
import type { RingLease } from "../../protocol/control/calls.ts";
import type {
  AttemptEnd,
  OriginAnswer,
  OriginQuestion,
  OriginTarget,
  UpstreamSettings,
} from "../../protocol/control/upstream.ts";
import { RejectedError } from "../../protocol/errors.ts";
import { type FrameRef, type KeyframeRef, RingReader } from "../../protocol/ring/ring-reader.ts";
import { ChunkStream } from "../../protocol/rtmp/message.ts";
import { decodeHeaderSet } from "../stream/header-set.ts";
import { RtmpAttempt } from "./rtmp-attempt.ts";
import { attemptEnd, type UpstreamSink } from "./upstream.ts";

/** The primary did not answer: asked again after this. */
const ASK_AGAIN_MS = 500;
/** Bytes given to the socket ahead of the kernel. */
const BACKLOG_BYTES = 256 * 1024;
/** An origin that takes nothing for this long may be lost: a ring that keeps more is asked for. */
const STUCK_MS = 500;
/** Bytes copied out of the ring at a time. */
const COPY_BYTES = 64 * 1024;
/** Message stream id in a fmt 0 header with a one-byte basic header (RTMP 1.0 §5.3.1.2.1). */
const MESSAGE_STREAM_OFFSET = 8;
/** A ring holds half as much again as is to be kept: the part near its writer cannot be read. */
const RING_SHARE = 1.5;

/** What a push asks of its shard. */
export interface EdgePushHost {
  /** Milliseconds, monotonic. */
  now(): number;
  nextOrigin(question: OriginQuestion): Promise<OriginAnswer>;
  /** The running attempt's publish was accepted. */
  works(streamId: number): void;
}

/** The publisher whose stream is sent on. */
export interface EdgePushSink {
  /** An origin has said Start, for the first time. */
  accepted(): void;
  /** No origin takes it. */
  refused(status: string, description: string): void;
  /** It was accepted, and the hold ran out without an origin. */
  lost(detail: string): void;
}

/** What is sent on. */
export interface PushedStream {
  readonly streamId: number;
  /** Of the ring that will be attached. */
  readonly chunkSize: number;
  readonly upstream: UpstreamSettings;
}

/** One push. */
export class EdgePush implements UpstreamSink {
  readonly streamId: number;
  readonly #chunkSize: number;
  readonly #settings: UpstreamSettings;
  readonly #host: EdgePushHost;
  readonly #sink: EdgePushSink;
  #attempt: RtmpAttempt | undefined;
  /** The origin takes media. */
  #isReady = false;
  #isAccepted = false;
  #isClosed = false;
  #isAsking = false;
  #askAt = 0;
  /** Since when there is no origin. */
  #aloneSince: number;
  #reader: RingReader | undefined;
  /** Position in the ring: a message boundary. */
  #cursor = 0;
  /** Begin of what the next origin gets; undefined: at the cursor. */
  #replayFrom: number | undefined;
  #acknowledged = 0;
  /** The origin's host had everything before it a moment ago; what came later may be stuck. */
  #taken = 0;
  #takenAt = 0;
  readonly #keyframe: KeyframeRef = { position: 0, timestamp: 0, headerVersion: 0, frame: 0 };
  readonly #frame: FrameRef = {
    position: 0,
    length: 0,
    timestamp: 0,
    kind: 0,
    headerVersion: 0,
    isKeyframe: false,
  };
  /** Times that the origin was too slow and media was left out. */
  skips = 0;

  constructor(what: PushedStream, host: EdgePushHost, sink: EdgePushSink) {
    this.streamId = what.streamId;
    this.#chunkSize = what.chunkSize;
    this.#settings = what.upstream;
    this.#host = host;
    this.#sink = sink;
    this.#aloneSince = host.now();
    this.#ask(null);
  }

  /** The publisher's ring, or the one that took its place: all that is in the old one and not sent is in this one. */
  attach(lease: RingLease): void {
    const next = new RingReader(lease.memory);
    const last = this.#reader;
    this.#reader = next;
    if (last === undefined) {
      this.#cursor = next.head;
      this.#taken = next.head;
      return;
    }
    // Messages are copied as they are: distances from the end stay.
    const copied = (next.head - next.followFrom) | 0;
    const moved = (position: number): number =>
      (next.followFrom + copied - ((last.head - position) | 0)) | 0;
    this.#cursor = moved(this.#cursor);
    this.#taken = moved(this.#taken);
    if (this.#replayFrom !== undefined) {
      this.#replayFrom = moved(this.#replayFrom);
    }
  }

  /** The ring has grown. */
  advance(): void {
    const attempt = this.#attempt;
    const reader = this.#reader;
    if (attempt === undefined || reader === undefined || !this.#isReady) {
      return;
    }
    while (attempt.backlogBytes < BACKLOG_BYTES && ((reader.head - this.#cursor) | 0) !== 0) {
      const bytes = this.#collect(reader, attempt.messageStream);
      if (bytes === null) {
        this.#skip(reader, attempt);
        return;
      }
      attempt.sendWire(bytes);
    }
  }

  /** Every 100 ms: deadlines, pauses that are over, and the hold. */
  tick(now: number): void {
    if (this.#isClosed) {
      return;
    }
    const attempt = this.#attempt;
    if (attempt !== undefined) {
      if (this.#isReady) {
        this.#noteProgress(attempt, now);
        this.advance();
      }
      attempt.tick(now);
    } else if (!this.#isAsking && now >= this.#askAt) {
      this.#ask(null);
    }
    if (!this.#isReady && now - this.#aloneSince > this.#settings.holdMs) {
      this.#giveUp();
    }
  }

  /** The publisher has left: what it sent goes out, then the connection ends. */
  close(): void {
    if (!this.#isClosed) {
      this.advance();
      this.#isClosed = true;
      this.#attempt?.close();
    }
  }

  // --- UpstreamSink ---

  ready(): void {
    const attempt = this.#attempt;
    if (attempt === undefined) {
      return;
    }
    this.#isReady = true;
    attempt.clock.moved(this.#host.now());
    this.#host.works(this.streamId);
    if (!this.#isAccepted) {
      this.#isAccepted = true;
      this.#sink.accepted();
      return;
    }
    if (this.#reader !== undefined) {
      this.#replay(this.#reader, attempt);
      this.advance();
    }
  }

  media(): void {
    // An origin sends none to a publisher.
  }

  readDone(): void {
    // As for media.
  }

  drained(): void {
    this.advance();
  }

  ended(end: AttemptEnd): void {
    this.#attempt = undefined;
    if (this.#isClosed) {
      return;
    }
    if (this.#isReady) {
      this.#isReady = false;
      this.#aloneSince = this.#host.now();
      this.#hold();
    }
    if (!this.#isAccepted && end.fault === "refused") {
      // What the origin says no to, another one would not be right to take.
      const [status = "", ...words] = end.detail.split(" ");
      const isStatus = status.startsWith("NetStream.Publish.");
      this.#isClosed = true;
      this.#sink.refused(isStatus ? status : "NetStream.Publish.Failed", words.join(" "));
      return;
    }
    this.#ask(end);
  }

  // --- inside ---

  /** Remembers what the next origin needs: all from the last keyframe before that which may not have arrived. */
  #hold(): void {
    const reader = this.#reader;
    if (reader === undefined) {
      return;
    }
    this.#replayFrom = this.#keyframeBefore(reader, this.#taken);
    this.#enlarge(reader);
  }

  /** Asks for a ring that can keep what may be needed again. */
  #enlarge(reader: RingReader): void {
    const { holdMs, stallTimeoutMs, holdBytes } = this.#settings;
    const from = this.#keyframeBefore(reader, this.#taken) ?? this.#taken;
    const rest = (reader.bytesPerSecond * (holdMs + stallTimeoutMs)) / 1000;
    const wanted = ((reader.head - from) >>> 0) + rest;
    reader.askForWrap(Math.min(holdBytes, Math.ceil(wanted * RING_SHARE)));
  }

  /** Begin of the last keyframe at or before a position; undefined when the ring has none there any more. */
  #keyframeBefore(reader: RingReader, position: number): number | undefined {
    const at = reader.frameAt(position);
    let frame = at === -1 ? (reader.frameCount - 1) >>> 0 : at;
    while (reader.readFrame(frame, this.#frame)) {
      if (this.#frame.isKeyframe) {
        return this.#frame.position;
      }
      frame = (frame - 1) >>> 0;
    }
    return undefined;
  }

  #replay(reader: RingReader, attempt: RtmpAttempt): void {
    const from = this.#replayFrom;
    this.#replayFrom = undefined;
    const isThere =
      from !== undefined && reader.isSafe(from) && reader.keyframeFrom(from, this.#keyframe);
    if (!isThere && !reader.newestKeyframe(this.#keyframe)) {
      this.#cursor = reader.head;
      this.#sendHeaders(reader, attempt, reader.headerVersion);
      return;
    }
    this.#begin(reader, attempt);
  }

  /** The origin is too slow: it goes on at the newest keyframe. */
  #skip(reader: RingReader, attempt: RtmpAttempt): void {
    this.skips += 1;
    if (reader.newestKeyframe(this.#keyframe)) {
      this.#begin(reader, attempt);
    } else {
      this.#cursor = reader.head;
    }
  }

  /** From the keyframe in #keyframe on. */
  #begin(reader: RingReader, attempt: RtmpAttempt): void {
    this.#sendHeaders(reader, attempt, this.#keyframe.headerVersion);
    this.#cursor = this.#keyframe.position;
  }

  #sendHeaders(reader: RingReader, attempt: RtmpAttempt, version: number): void {
    const bytes = reader.headersAt(version);
    for (const { type, payload } of bytes === null ? [] : decodeHeaderSet(bytes)) {
      const timestamp = this.#keyframe.timestamp >>> 0;
      attempt.send({ chunkStreamId: ChunkStream.Stream, type, streamId: 1, timestamp, payload });
    }
  }

  /** Messages from the cursor on, on the origin's message stream; null when they are gone. **Owned**. */
  #collect(reader: RingReader, messageStream: number): Uint8Array | null {
    const start = this.#cursor;
    const first = reader.isSafe(start) ? reader.frameAt(start) : -1;
    if (first === -1) {
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

  #noteProgress(attempt: RtmpAttempt, now: number): void {
    const { acknowledgedBytes } = attempt;
    const isAllTaken = attempt.outstandingBytes === 0;
    if (isAllTaken) {
      this.#taken = this.#cursor;
      this.#takenAt = now;
    }
    if (isAllTaken || acknowledgedBytes !== this.#acknowledged) {
      attempt.clock.moved(now);
    }
    this.#acknowledged = acknowledgedBytes;
    if (this.#reader !== undefined && now - this.#takenAt > STUCK_MS) {
      this.#enlarge(this.#reader);
    }
  }

  #giveUp(): void {
    this.#isClosed = true;
    this.#attempt?.close();
    const text = `no origin for ${this.#settings.holdMs} ms`;
    if (this.#isAccepted) {
      this.#sink.lost(text);
    } else {
      this.#sink.refused("NetStream.Publish.Failed", text);
    }
  }

  #ask(last: AttemptEnd | null): void {
    this.#isAsking = true;
    const { streamId } = this;
    this.#host.nextOrigin({ streamId, pullId: 0, last, needsRing: false }).then(
      (answer) => this.#answered(answer),
      () => this.#answered({ kind: "wait", ms: ASK_AGAIN_MS, lease: null }),
    );
  }

  #answered(answer: OriginAnswer): void {
    this.#isAsking = false;
    if (this.#isClosed) {
      return;
    }
    if (answer.kind === "go") {
      this.#connect(answer.target);
    } else {
      this.#askAt = this.#host.now() + (answer.kind === "wait" ? answer.ms : ASK_AGAIN_MS);
    }
  }

  #connect(target: OriginTarget): void {
    try {
      this.#attempt = new RtmpAttempt("publish", {
        target: { ...target, chunkSize: this.#reader?.chunkSize ?? this.#chunkSize },
        settings: this.#settings,
        sink: this,
        now: () => this.#host.now(),
      });
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      this.ended(attemptEnd("refused", error.message, 0));
    }
  }
}
