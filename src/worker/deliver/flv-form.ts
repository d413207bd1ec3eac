/** A stream as FLV: what HTTP-FLV and WebSocket-FLV viewers get. */
import { ByteWriter } from "../../protocol/bytes/byte-writer.ts";
import type { RemuxSettings } from "../../protocol/control/calls.ts";
import { FlvStreamWriter } from "../../protocol/flv/flv-stream-writer.ts";
import type { FlvHeader } from "../../protocol/flv/tag.ts";
import { TrackGuess } from "../../protocol/flv/track-guess.ts";
import type { KeyframeRef } from "../../protocol/ring/ring-reader.ts";
import { MessageType } from "../../protocol/rtmp/message.ts";
import { type CachedHeader, decodeHeaderSet } from "../stream/header-set.ts";
import { METADATA_TIMESTAMP } from "../stream/metadata.ts";
import type { RingView } from "../stream/ring-view.ts";
import type { Form, MediaMessage } from "./form.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
const BUFFER_BYTES = 64 * 1024;
/** Milliseconds of media in which a track that only its header announced must show a frame. */
const ANNOUNCED_TRACK_MS = 1000;
/** The same for a track that nothing announced: MP3 has no header. */
const UNKNOWN_TRACK_MS = 300;

/** One stream's tags. */
export class FlvForm implements Form {
  readonly contentType = "video/x-flv";
  readonly ringBytes = null;
  readonly keepsPast = false;
  readonly isAudioOnly = false;
  isStart = false;
  readonly #settings: RemuxSettings;
  readonly #writer: FlvStreamWriter;
  readonly #target = new ByteWriter(BUFFER_BYTES);
  #guess: TrackGuess;
  /** Tracks of which a message was seen: what is announced beside them has a second to come. */
  #tracksSeen = new Set<number>();
  /** What viewers of this form were told, once there was one. */
  #announced: FlvHeader | null = null;
  /** Time of the first message, milliseconds modulo 2^32; NaN before. */
  #firstMs = Number.NaN;
  /** Milliseconds of media since then. */
  #spanMs = 0;
  #key = "";
  #preamble: Uint8Array = NOTHING;

  constructor(settings: RemuxSettings) {
    this.#settings = settings;
    const { isLegacyHevc, dropsUnannounced } = settings;
    this.#writer = new FlvStreamWriter({ isLegacyHevc, dropsUnannounced });
    this.#guess = new TrackGuess(settings);
    if (!settings.guessHasAv) {
      // What is announced is known, and so is what has no place here.
      this.#announce(settings, new ByteWriter());
    }
  }

  get isSpent(): boolean {
    const { guessHasAv, dropsUnannounced } = this.#settings;
    if (!(guessHasAv && dropsUnannounced) || this.#announced === null) {
      return false;
    }
    const found = this.#found();
    return found !== null && !isSame(found, this.#announced);
  }

  restart(): void {
    this.#guess = new TrackGuess(this.#settings);
    this.#tracksSeen = new Set();
    this.#firstMs = Number.NaN;
    this.#spanMs = 0;
  }

  takeHeaders(headers: readonly CachedHeader[]): void {
    for (const { type, payload } of headers) {
      this.#see(type, payload);
    }
  }

  mux({ type, timestamp, isKeyframe, payload }: MediaMessage): Uint8Array {
    if (type !== MessageType.DataAmf0) {
      this.#see(type, payload);
      this.#firstMs = Number.isNaN(this.#firstMs) ? timestamp : this.#firstMs;
      this.#spanMs = Math.max(this.#spanMs, (timestamp - this.#firstMs) | 0);
    }
    this.#target.truncate(0);
    const isWritten = this.#writer.writeTag(type, timestamp, payload, this.#target);
    this.isStart = isWritten && (isKeyframe || (type === MessageType.Audio && this.#isAudioOnly));
    return this.#target.written;
  }

  encode(
    { ringId, reader }: RingView,
    keyframe: KeyframeRef,
    _messageStream: number,
    greet: boolean,
  ): Uint8Array | null {
    const header = greet ? this.#found() : null;
    if (greet && (header === null || this.isSpent)) {
      return null;
    }
    const tracks = header === null ? "" : `${header.hasAudio}/${header.hasVideo}`;
    const key = `${ringId}/${keyframe.frame}/${keyframe.headerVersion}/${tracks}`;
    if (key === this.#key) {
      return this.#preamble;
    }
    const headers = reader.headersAt(keyframe.headerVersion);
    if (headers === null) {
      return null;
    }
    const target = new ByteWriter();
    if (header !== null) {
      this.#announce(header, target);
    }
    for (const { type, payload } of decodeHeaderSet(headers)) {
      const time = type === MessageType.DataAmf0 ? METADATA_TIMESTAMP : keyframe.timestamp;
      this.#writer.writeTag(type, time, payload, target);
    }
    this.#preamble = target.finish();
    this.#key = key;
    return this.#preamble;
  }

  encodeReplies(): Uint8Array {
    return NOTHING;
  }

  #see(type: number, payload: Uint8Array): void {
    if (!this.#guess.isCertain && type !== MessageType.DataAmf0) {
      this.#guess.see(type, payload);
      this.#tracksSeen.add(type);
    }
  }

  /** Video has no place here: viewers start at any audio frame. */
  get #isAudioOnly(): boolean {
    return this.#settings.dropsUnannounced && this.#announced?.hasVideo === false;
  }

  /** The tracks to announce; null while too little of the stream was seen to tell. */
  #found(): FlvHeader | null {
    const waitMs = this.#tracksSeen.size > 1 ? ANNOUNCED_TRACK_MS : UNKNOWN_TRACK_MS;
    return this.#guess.isCertain || this.#spanMs >= waitMs ? this.#guess.header : null;
  }

  #announce({ hasAudio, hasVideo }: FlvHeader, target: ByteWriter): void {
    this.#announced = { hasAudio, hasVideo };
    this.#writer.writeHeader(this.#announced, target);
  }
}

function isSame(left: FlvHeader, right: FlvHeader): boolean {
  return left.hasAudio === right.hasAudio && left.hasVideo === right.hasVideo;
}
