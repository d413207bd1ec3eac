/**
 * One live stream on the shard that publishes it: classifies each message, corrects its time once, and appends it in
 * RTMP wire form to the ring that every player reads.
 *
 * It never waits: a message that no open ring can take is kept (with what follows it in the same read) until the larger
 * ring is there, and the publisher's socket is paused meanwhile.
 */
import type { RingLease, StreamSettings, TimelineEnd } from "../../protocol/control/calls.ts";
import {
  classifyAudio,
  classifyVideo,
  FrameClass,
  headerSlot,
  NO_HEADER_SLOT,
} from "../../protocol/flv/classify.ts";
import {
  GOP_BYTES_MAX,
  METADATA_BYTES_MAX,
  RING_BYTES_MAX,
  SEQUENCE_HEADER_BYTES_MAX,
} from "../../protocol/limits.ts";
import { RingState, wrapFor } from "../../protocol/ring/ring-layout.ts";
import { RingWriter } from "../../protocol/ring/ring-writer.ts";
import { ChunkEncoder, encodedLength } from "../../protocol/rtmp/chunk-encoder.ts";
import {
  ChunkStream,
  type Message,
  type MessageHeader,
  MessageType,
} from "../../protocol/rtmp/message.ts";
import { type CachedHeader, encodeHeaderSet } from "./header-set.ts";
import { rewriteMetadata } from "./metadata.ts";
import { Timeline, Track } from "./timeline.ts";

/** Rings hold this many GOPs. */
const GOPS_PER_RING = 1.5;
/** A stream that has had no video for this long is joined at any audio frame. */
const AUDIO_ONLY_AFTER_MS = 10_000;
/** Audio waits for a video frame at most this long before it is announced alone. */
const AUDIO_WAKE_MS = 20;
/** While video frames come at least this often, audio rides with them. */
const VIDEO_ALIVE_MS = 60;
/** Cached headers of one stream: more tracks than any encoder sends. */
const HEADER_SLOTS_MAX = 32;
const METADATA_SLOT = -2;

/** What a live stream asks of its shard. */
export interface LiveStreamHost {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Asks for a larger ring; it arrives by {@link LiveStream.installRing}. */
  requestRing(stream: LiveStream, wrapBytes: number): void;
  /** A ring that readers may use from now on. */
  ringOpened(stream: LiveStream, lease: RingLease): void;
  /** The ring is no longer written by this stream. */
  ringClosed(lease: RingLease): void;
  /** Wakes the readers of the stream's ring, here and in other threads. */
  wake(stream: LiveStream, writer: RingWriter): void;
}

/** What a live stream is opened with. */
export interface LiveStreamOptions {
  readonly streamId: number;
  readonly settings: StreamSettings;
  readonly lease: RingLease;
  readonly previous: TimelineEnd | null;
  readonly host: LiveStreamHost;
}

interface Waiting extends MessageHeader {
  readonly payload: Uint8Array;
  readonly kind: FrameClass;
}

/** The writer's side of a stream, from publish to unpublish. */
export class LiveStream {
  readonly streamId: number;
  readonly #settings: StreamSettings;
  readonly #host: LiveStreamHost;
  readonly #timeline: Timeline;
  readonly #encoder = new ChunkEncoder();
  readonly #headers = new Map<number, CachedHeader>();
  /** **Owned** copies, at most one read's worth of messages. */
  readonly #waiting: Waiting[] = [];
  #lease: RingLease;
  #writer: RingWriter;
  #requestedWrap = 0;
  #headersChanged = false;
  #sawVideo = false;
  #lastVideoMs = Number.NEGATIVE_INFINITY;
  #lastWakeMs = 0;
  #needsWake = false;
  #gopBytes = 0;
  #largestGop = 0;
  #measuredBytes = 0;
  #measuredSince: number;
  /** Messages of media received. */
  messages = 0;

  constructor(options: LiveStreamOptions) {
    this.streamId = options.streamId;
    this.#settings = options.settings;
    this.#host = options.host;
    this.#lease = options.lease;
    const mode = options.settings.atc ? "off" : options.settings.timeJitter;
    this.#timeline = new Timeline(mode, options.previous);
    this.#writer = this.#openRing(options.lease);
    this.#measuredSince = options.host.now();
    options.host.ringOpened(this, options.lease);
  }

  /** True while messages wait for a larger ring: the publisher's socket should be paused. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes one media or data message. The payload is borrowed. */
  append(message: Message): void {
    this.messages += 1;
    const { type } = message;
    if (type === MessageType.Video) {
      this.#appendVideo(message);
    } else if (type === MessageType.Audio) {
      this.#appendAudio(message);
    } else {
      this.#appendData(message);
    }
  }

  /** After the messages of one read: wakes readers when a frame is due. */
  flush(): void {
    if (!this.#needsWake) {
      return;
    }
    this.#needsWake = false;
    this.#lastWakeMs = this.#host.now();
    this.#host.wake(this, this.#writer);
  }

  /** The ring that {@link LiveStreamHost.requestRing} asked for; null: the host has no memory left for it. */
  installRing(lease: RingLease | null): void {
    this.#requestedWrap = 0;
    if (lease === null) {
      this.#dropWaiting();
      return;
    }
    const old = this.#writer;
    const next = this.#openRing(lease);
    next.copyTail(old);
    this.#writer = next;
    if (this.#headers.size > 0) {
      next.setHeaders(encodeHeaderSet(this.#headers.values()));
    }
    const oldLease = this.#lease;
    this.#lease = lease;
    this.#host.ringOpened(this, lease);
    old.end(RingState.Moved, lease.ringId);
    this.#host.ringClosed(oldLease);
    this.#needsWake = true;
    const waiting = this.#waiting.splice(0);
    for (const message of waiting) {
      this.#write(message, message.payload, message.kind);
    }
    this.flush();
  }

  /** Ends the publish: the ring is closed for good. @returns where the time line stands. */
  end(): TimelineEnd {
    const end = this.#timeline.end();
    this.#writer.end(RingState.Ended);
    this.#host.wake(this, this.#writer);
    this.#host.ringClosed(this.#lease);
    return end;
  }

  /** The ring being written. */
  get ringId(): number {
    return this.#lease.ringId;
  }

  #openRing(lease: RingLease): RingWriter {
    return new RingWriter(lease.memory, { id: lease.ringId, chunkSize: this.#settings.chunkSize });
  }

  #appendVideo(message: Message): void {
    const kind = classifyVideo(message.payload);
    const isHeader = kind === FrameClass.VideoHeader || kind === FrameClass.VideoMetadata;
    if (isHeader && !this.#cacheHeader(headerSlot(message.payload, "video"), message)) {
      return;
    }
    const timestamp = isHeader
      ? this.#timeline.trackNow(Track.Video)
      : this.#timeline.correct(Track.Video, message.timestamp);
    if (!isHeader) {
      this.#sawVideo = true;
      this.#lastVideoMs = this.#host.now();
      this.#needsWake = true;
    }
    this.#put(message, ChunkStream.Video, timestamp, kind);
  }

  #appendAudio(message: Message): void {
    const kind = classifyAudio(message.payload);
    const isHeader = kind === FrameClass.AudioHeader || kind === FrameClass.AudioConfig;
    if (isHeader && !this.#cacheHeader(headerSlot(message.payload, "audio"), message)) {
      return;
    }
    const timestamp = isHeader
      ? this.#timeline.trackNow(Track.Audio)
      : this.#timeline.correct(Track.Audio, message.timestamp);
    if (!isHeader && !this.#needsWake) {
      const now = this.#host.now();
      this.#needsWake =
        now - this.#lastVideoMs > VIDEO_ALIVE_MS && now - this.#lastWakeMs >= AUDIO_WAKE_MS;
    }
    this.#put(message, ChunkStream.Audio, timestamp, kind);
  }

  #appendData(message: Message): void {
    const metadata = rewriteMetadata(message);
    if (metadata !== null && metadata.length <= METADATA_BYTES_MAX) {
      this.#headers.set(METADATA_SLOT, { type: MessageType.DataAmf0, payload: metadata });
      this.#headersChanged = true;
    }
    const payload = metadata ?? message.payload;
    const kind = metadata === null ? FrameClass.Data : FrameClass.Metadata;
    const header = { type: MessageType.DataAmf0, payload };
    this.#put(header, ChunkStream.Stream, this.#timeline.now(), kind);
  }

  /** @returns whether the header should be passed on. */
  #cacheHeader(slot: number, message: Message): boolean {
    const { payload, type } = message;
    if (slot === NO_HEADER_SLOT || payload.length > SEQUENCE_HEADER_BYTES_MAX) {
      return true;
    }
    const known = this.#headers.get(slot);
    if (known !== undefined && isSame(known.payload, payload)) {
      return !this.#settings.reduceSequenceHeader;
    }
    if (known !== undefined || this.#headers.size < HEADER_SLOTS_MAX) {
      this.#headers.set(slot, { type, payload: payload.slice() });
      this.#headersChanged = true;
    }
    return true;
  }

  #put(
    message: Pick<Message, "type" | "payload">,
    chunkStreamId: number,
    timestamp: number,
    kind: FrameClass,
  ): void {
    const header = this.#header;
    header.chunkStreamId = chunkStreamId;
    header.type = message.type;
    header.timestamp = timestamp;
    if (this.#waiting.length > 0) {
      this.#waiting.push({ ...header, payload: message.payload.slice(), kind });
      return;
    }
    this.#write(header, message.payload, kind);
  }

  /** Reused for every message: nothing is allocated per frame. */
  readonly #header = { chunkStreamId: 0, type: 0, streamId: 1, timestamp: 0 };

  #write(header: MessageHeader, payload: Uint8Array, kind: FrameClass): void {
    const { chunkSize } = this.#settings;
    const length = encodedLength(payload.length, header.timestamp, chunkSize, header.chunkStreamId);
    if (this.#headersChanged && !this.#storeHeaders()) {
      this.#keep(header, payload, kind);
      return;
    }
    if (!this.#writer.fits(length)) {
      this.#keep(header, payload, kind);
      this.#request(wrapFor(Math.min(RING_BYTES_MAX, length * 8)));
      return;
    }
    const isKeyframe =
      kind === FrameClass.Keyframe || (kind === FrameClass.Audio && this.#isAudioOnly());
    this.#measure(length, isKeyframe);
    this.#writer.begin(length);
    this.#encoder.encode(this.#writer, header, payload, chunkSize);
    this.#frame.kind = kind;
    this.#frame.timestamp = header.timestamp;
    this.#frame.isKeyframe = isKeyframe;
    this.#writer.commit(this.#frame);
  }

  readonly #frame = { kind: 0, timestamp: 0, isKeyframe: false };

  #storeHeaders(): boolean {
    this.#headersChanged = false;
    const bytes = encodeHeaderSet(this.#headers.values());
    if (this.#writer.setHeaders(bytes) >= 0) {
      return true;
    }
    this.#request(wrapFor(Math.min(RING_BYTES_MAX, bytes.length * 16)));
    return false;
  }

  #keep(header: MessageHeader, payload: Uint8Array, kind: FrameClass): void {
    const { chunkStreamId, type, streamId, timestamp } = header;
    this.#waiting.push({
      chunkStreamId,
      type,
      streamId,
      timestamp,
      payload: payload.slice(),
      kind,
    });
  }

  #isAudioOnly(): boolean {
    return !this.#sawVideo || this.#host.now() - this.#lastVideoMs > AUDIO_ONLY_AFTER_MS;
  }

  #measure(length: number, isKeyframe: boolean): void {
    if (isKeyframe) {
      this.#largestGop = Math.max(this.#gopBytes, this.#largestGop * 0.9);
      this.#gopBytes = 0;
    }
    this.#gopBytes += length;
    this.#measuredBytes += length;
    this.#growForGop();
    const now = this.#host.now();
    const elapsed = now - this.#measuredSince;
    if (elapsed >= 1000) {
      this.#writer.setBytesPerSecond(Math.round((this.#measuredBytes * 1000) / elapsed));
      const end = this.#timeline.end();
      this.#writer.setLastTimestamps(end.audio, end.video);
      this.#measuredBytes = 0;
      this.#measuredSince = now;
    }
  }

  #growForGop(): void {
    const gop = Math.max(this.#gopBytes, this.#largestGop);
    const wanted = Math.max(gop * GOPS_PER_RING, this.#writer.askedWrap);
    if (wanted <= this.#writer.wrap || this.#requestedWrap > 0 || gop > GOP_BYTES_MAX) {
      return;
    }
    const wrap = Math.min(wrapFor(wanted), wrapFor(this.#settings.ringBudgetBytes));
    if (wrap > this.#writer.wrap) {
      this.#request(wrap);
    }
  }

  #request(wrapBytes: number): void {
    if (wrapBytes > this.#requestedWrap) {
      this.#requestedWrap = wrapBytes;
      this.#host.requestRing(this, wrapBytes);
    }
  }

  /** No memory for a larger ring: what needs one is dropped, the rest goes on. */
  #dropWaiting(): void {
    for (const message of this.#waiting.splice(0)) {
      const { payload, timestamp, chunkStreamId } = message;
      const length = encodedLength(
        payload.length,
        timestamp,
        this.#settings.chunkSize,
        chunkStreamId,
      );
      if (this.#writer.fits(length)) {
        this.#write(message, payload, message.kind);
      }
    }
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) {
    return false;
  }
  for (let index = 0; index < a.length; index += 1) {
    if (a[index] !== b[index]) {
      return false;
    }
  }
  return true;
}
