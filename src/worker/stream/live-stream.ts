/**
 * One live stream on the shard that publishes it: classifies each message, corrects its time once, and appends it in
 * RTMP wire form to the ring that every player reads.
 *
 * It never waits: a message that no open ring can take is kept (with what follows it in the same read) until the larger
 * ring is there, and the publisher's socket is paused meanwhile.
 */
import type { RingLease, StreamSettings, TimelineEnd } from "../../protocol/control/calls.ts";
import { classifyAudio, classifyVideo, FrameClass } from "../../protocol/flv/classify.ts";
import { RING_BYTES_MAX } from "../../protocol/limits.ts";
import { type RingFigures, storeFigures } from "../../protocol/ring/ring-figures.ts";
import { RingState, wrapFor } from "../../protocol/ring/ring-layout.ts";
import { RingWriter } from "../../protocol/ring/ring-writer.ts";
import { ChunkEncoder, encodedLength } from "../../protocol/rtmp/chunk-encoder.ts";
import { ChunkStream, type Message, MessageType } from "../../protocol/rtmp/message.ts";
import { GopMeter } from "./gop-meter.ts";
import { HeaderCache, isHeaderClass } from "./header-cache.ts";
import { decodeMetadata, METADATA_TIMESTAMP } from "./metadata.ts";
import { MixQueue } from "./mix-queue.ts";
import { isVideoFrame, type Outgoing, owned } from "./outgoing.ts";
import { StreamFigures, type StreamTracks } from "./stream-figures.ts";
import { Timeline, Track } from "./timeline.ts";

/** A stream that has had no video for this long is joined at any audio frame. */
const AUDIO_ONLY_AFTER_MS = 10_000;
/** Audio waits for a video frame at most this long before it is announced alone. */
const AUDIO_WAKE_MS = 20;
/** While video frames come at least this often, audio rides with them. */
const VIDEO_ALIVE_MS = 60;
/** A larger ring that the host had no room for is asked for again after this. */
const RING_RETRY_MS = 2000;
/** A message that needs a larger ring gets one that holds so many of its kind. */
const MESSAGES_PER_RING = 8;
/** The last video frame of a stream that had none lies so far back. */
const VIDEO_NEVER_MS = 1_000_000;
const MICROSECONDS = 1000;
const NOTHING: Uint8Array = new Uint8Array(0);

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
  /** The stream carries something else than before; for those who are asked about it. */
  described?(stream: LiveStream, tracks: StreamTracks): void;
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

/** The writer's side of a stream, from publish to unpublish. */
export class LiveStream {
  readonly streamId: number;
  readonly #settings: StreamSettings;
  /** Of all rings of this publish: players follow from ring to ring, whatever a reload sets for the next one. */
  readonly #chunkSize: number;
  readonly #host: LiveStreamHost;
  readonly #timeline: Timeline;
  readonly #encoder = new ChunkEncoder();
  readonly #headers = new HeaderCache();
  readonly #gop = new GopMeter();
  readonly #figures = new StreamFigures();
  readonly #mix: MixQueue<Outgoing> | null;
  /** **Owned** copies, at most one read's worth of messages. */
  readonly #waiting: Outgoing[] = [];
  #lease: RingLease;
  #writer: RingWriter;
  /** Bytes asked of the host, 0 while nothing is asked. One question at a time. */
  #requestedWrap = 0;
  /** Wanted since the last question. */
  #wantedWrap = 0;
  #retryMs = 0;
  /** A video frame was dropped: so are those that need it. */
  #lostVideo = false;
  #sawVideo = false;
  // Whole milliseconds: V8 keeps those in the object itself.
  #nowMs: number;
  #lastVideoMs = -VIDEO_NEVER_MS;
  #lastWakeMs = 0;
  #needsWake = false;
  #measuredBytes = 0;
  #measuredSince: number;
  /** Messages of media received. */
  messages = 0;
  /** Messages for which there was no ring large enough. */
  dropped = 0;

  constructor(options: LiveStreamOptions) {
    const { settings } = options;
    this.streamId = options.streamId;
    this.#settings = settings;
    this.#chunkSize = settings.chunkSize;
    this.#host = options.host;
    this.#lease = options.lease;
    this.#timeline = new Timeline(settings.atc ? "off" : settings.timeJitter, options.previous);
    this.#mix = settings.mixCorrect ? new MixQueue((message) => this.#put(message)) : null;
    this.#writer = this.#openRing(options.lease);
    this.#nowMs = Math.floor(options.host.now());
    this.#measuredSince = this.#nowMs;
    options.host.ringOpened(this, options.lease);
  }

  /** True while messages wait for a larger ring: the publisher's socket should be paused. */
  get isFull(): boolean {
    return this.#waiting.length > 0;
  }

  /** Somebody reads the ring, or will as soon as there is a keyframe. */
  get isWatched(): boolean {
    return this.#writer.hasReaders;
  }

  /** The ring being written. */
  get writer(): RingWriter {
    return this.#writer;
  }

  /** What was counted since the publish began. */
  get figures(): RingFigures {
    return this.#figures.figures(this.#timeline.jumps, this.dropped);
  }

  /** Takes one media or data message. The payload is borrowed. */
  append(message: Message): void {
    this.messages += 1;
    this.#nowMs = Math.floor(this.#host.now());
    if (message.type === MessageType.Video) {
      this.#appendTrack(message, Track.Video, classifyVideo(message.payload));
    } else if (message.type === MessageType.Audio) {
      this.#appendTrack(message, Track.Audio, classifyAudio(message.payload));
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
    this.#lastWakeMs = this.#nowMs;
    this.#writer.setWokenAt((this.#host.now() * MICROSECONDS) | 0);
    this.#host.wake(this, this.#writer);
  }

  /** The ring that {@link LiveStreamHost.requestRing} asked for; null: the host has no memory left for it. */
  installRing(lease: RingLease | null): void {
    this.#requestedWrap = 0;
    if (lease === null) {
      this.#retryMs = this.#host.now() + RING_RETRY_MS;
      this.#wantedWrap = 0;
      this.#storeSomeHeaders();
    } else {
      this.#moveTo(lease);
    }
    for (const message of this.#waiting.splice(0)) {
      this.#put(message);
    }
    // What was wanted meanwhile, and is larger than what came.
    if (this.#wantedWrap > this.#writer.wrap) {
      this.#request(this.#wantedWrap);
    }
    this.flush();
  }

  /** Ends the publish: the ring is closed for good. @returns where the time line stands. */
  end(): TimelineEnd {
    this.#mix?.drain();
    const end = this.#timeline.end();
    this.#writer.end(RingState.Ended);
    this.#host.wake(this, this.#writer);
    this.#host.ringClosed(this.#lease);
    return end;
  }

  #openRing(lease: RingLease): RingWriter {
    return new RingWriter(lease.memory, { id: lease.ringId, chunkSize: this.#chunkSize });
  }

  #moveTo(lease: RingLease): void {
    const old = this.#writer;
    const next = this.#openRing(lease);
    // Who has asked for room may want to go back.
    next.copyTail(old, old.askedWrap > 0 ? "all" : "gop");
    this.#writer = next;
    const oldLease = this.#lease;
    this.#lease = lease;
    this.#storeFigures();
    this.#host.ringOpened(this, lease);
    old.end(RingState.Moved, lease.ringId);
    this.#host.ringClosed(oldLease);
    this.#needsWake = true;
  }

  #appendTrack({ type, payload, timestamp }: Message, track: number, kind: FrameClass): void {
    const isHeader = isHeaderClass(kind);
    const isVideo = track === Track.Video;
    if (
      isHeader &&
      this.#settings.reduceSequenceHeader &&
      this.#headers.isRepeated(type, payload)
    ) {
      return;
    }
    const message = this.#message;
    message.chunkStreamId = isVideo ? ChunkStream.Video : ChunkStream.Audio;
    message.type = type;
    message.timestamp = isHeader
      ? this.#timeline.header(track, timestamp)
      : this.#timeline.correct(track, timestamp);
    message.payload = payload;
    message.kind = kind;
    if (this.#mix === null) {
      this.#put(message);
    } else {
      this.#mix.push(track, owned(message));
    }
  }

  #appendData(message: Message): void {
    const metadata = decodeMetadata(message);
    if (metadata !== null) {
      this.#headers.setMetadata(metadata.body);
      if (metadata.isAbsolute && this.#settings.atcAuto) {
        this.#timeline.setAbsolute();
      }
    }
    this.#put({
      chunkStreamId: ChunkStream.Stream,
      type: MessageType.DataAmf0,
      streamId: 1,
      timestamp: metadata === null ? this.#timeline.now() : METADATA_TIMESTAMP,
      payload: metadata === null ? message.payload : metadata.body,
      kind: metadata === null ? FrameClass.Data : FrameClass.Metadata,
    });
  }

  /** Reused for every message: nothing is allocated per frame. */
  readonly #message = {
    chunkStreamId: 0,
    type: 0,
    streamId: 1,
    timestamp: 0,
    payload: NOTHING,
    kind: FrameClass.Data as FrameClass,
  };

  /** Writes a message, or keeps a copy until there is a ring for it. */
  #put(message: Outgoing): void {
    if (this.#waiting.length > 0) {
      this.#waiting.push(owned(message));
      return;
    }
    if (isHeaderClass(message.kind)) {
      // Only now: what went before it, held for its order or its ring, needs the header of its own time.
      this.#headers.takeFrom(message.type, message.payload);
      if (this.#headers.hasChanged) {
        this.#figures.header(message);
      }
    }
    const length = encodedLength(
      message.payload.length,
      message.timestamp,
      this.#chunkSize,
      message.chunkStreamId,
    );
    if (this.#headers.hasChanged && !this.#storeHeaders()) {
      this.#waiting.push(owned(message));
    } else if (this.#writer.fits(length)) {
      this.#write(message, length);
    } else if (this.#request(length * MESSAGES_PER_RING)) {
      this.#waiting.push(owned(message));
    } else {
      this.#drop(message);
    }
  }

  #write(message: Outgoing, length: number): void {
    const { kind } = message;
    const isKeyframe =
      kind === FrameClass.Keyframe || (kind === FrameClass.Audio && this.#isAudioOnly());
    if (this.#lostVideo && isVideoFrame(kind)) {
      if (!isKeyframe) {
        this.dropped += 1;
        return;
      }
      this.#lostVideo = false;
    }
    this.#writer.begin(length);
    this.#encoder.encode(this.#writer, message, message.payload, this.#chunkSize);
    this.#frame.kind = kind;
    this.#frame.timestamp = message.timestamp;
    this.#frame.isKeyframe = isKeyframe;
    this.#writer.commit(this.#frame);
    this.#noteWake(kind);
    this.#measure(length, isKeyframe);
    const news = this.#figures.count(message, length, this.#nowMs);
    if (news !== null) {
      this.#host.described?.(this, news);
    }
  }

  readonly #frame = { kind: 0, timestamp: 0, isKeyframe: false };

  #drop({ kind }: Outgoing): void {
    this.dropped += 1;
    this.#lostVideo ||= isVideoFrame(kind);
  }

  #noteWake(kind: FrameClass): void {
    if (isVideoFrame(kind)) {
      this.#sawVideo = true;
      this.#lastVideoMs = this.#nowMs;
      this.#needsWake = true;
    } else if (kind === FrameClass.Audio && !this.#needsWake) {
      const now = this.#nowMs;
      this.#needsWake =
        now - this.#lastVideoMs > VIDEO_ALIVE_MS && now - this.#lastWakeMs >= AUDIO_WAKE_MS;
    }
  }

  /** @returns false while a ring that has room for them is awaited. */
  #storeHeaders(): boolean {
    const bytes = this.#headers.encode();
    if (this.#writer.setHeaders(bytes) >= 0) {
      this.#headers.markStored();
      return true;
    }
    if (this.#request(bytes.length * MESSAGES_PER_RING)) {
      return false;
    }
    this.#storeSomeHeaders();
    return true;
  }

  /** No larger ring for now: players get the headers for which there is room. */
  #storeSomeHeaders(): void {
    if (this.#headers.hasChanged) {
      this.#writer.setHeaders(this.#headers.encodeWithin(this.#writer.headerBytesMax));
      this.#headers.markStored();
    }
  }

  #isAudioOnly(): boolean {
    return !this.#sawVideo || this.#nowMs - this.#lastVideoMs > AUDIO_ONLY_AFTER_MS;
  }

  #measure(length: number, isKeyframe: boolean): void {
    this.#gop.add(length, isKeyframe);
    this.#measuredBytes += length;
    this.#growForGop();
    const now = this.#nowMs;
    const elapsed = now - this.#measuredSince;
    if (elapsed >= 1000) {
      this.#writer.setBytesPerSecond(Math.round((this.#measuredBytes * 1000) / elapsed));
      const end = this.#timeline.end();
      this.#writer.setLastTimestamps(end.audio, end.video);
      this.#storeFigures();
      this.#measuredBytes = 0;
      this.#measuredSince = now;
    }
  }

  #storeFigures(): void {
    storeFigures(this.#lease.memory, this.figures);
  }

  #growForGop(): void {
    const wanted = Math.max(this.#gop.wantedBytes, this.#writer.askedWrap);
    if (wanted > this.#writer.wrap && this.#requestedWrap === 0) {
      const wrap = Math.min(wrapFor(wanted), wrapFor(this.#settings.ringBudgetBytes));
      if (wrap > this.#writer.wrap) {
        this.#request(wrap);
      }
    }
  }

  /**
   * Asks for a larger ring, unless that was refused a moment ago or the answer is on its way.
   * @returns whether there is hope.
   */
  #request(bytes: number): boolean {
    const wrap = wrapFor(Math.min(RING_BYTES_MAX, bytes));
    if (this.#host.now() < this.#retryMs) {
      return false;
    }
    this.#wantedWrap = Math.max(this.#wantedWrap, wrap);
    if (this.#requestedWrap === 0) {
      this.#requestedWrap = this.#wantedWrap;
      this.#wantedWrap = 0;
      this.#host.requestRing(this, this.#requestedWrap);
    }
    return true;
  }
}
