/** The audio of a stream alone, in ADTS or as MP3: what HTTP-AAC and HTTP-MP3 viewers get. */
import { ByteWriter } from "../../protocol/bytes/byte-writer.ts";
import type { RemuxSettings } from "../../protocol/control/calls.ts";
import type {
  AudioTrack,
  ElementaryFrame,
  ElementarySink,
} from "../../protocol/flv/elementary-frame.ts";
import { FrameReader } from "../../protocol/flv/frame-reader.ts";
import { RawAudioWriter } from "../../protocol/flv/raw-audio.ts";
import { FAST_CACHE_BYTES_MAX, RAW_AUDIO_BYTES_PER_MS } from "../../protocol/limits.ts";
import { newFrameRef } from "../../protocol/ring/frame-index.ts";
import type { KeyframeRef, RingReader } from "../../protocol/ring/ring-reader.ts";
import type { CachedHeader } from "../stream/header-set.ts";
import type { RingView } from "../stream/ring-view.ts";
import type { Form, MediaMessage } from "./form.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
/** Without a cache: a few seconds for slow viewers. */
const CACHE_MS_MIN = 10_000;
/** An ID3v2.3 tag of ten bytes of padding, which tells players what follows (SRS). */
const ID3: Uint8Array = Uint8Array.of(
  0x49,
  0x44,
  0x33,
  3,
  0,
  0,
  0,
  0,
  0,
  10,
  ...new Array<number>(10).fill(0),
);

/** One stream's audio frames. */
export class RawAudioForm implements Form, ElementarySink {
  readonly contentType: string;
  readonly ringBytes: number;
  readonly keepsPast: boolean;
  readonly isSpent = false;
  readonly isAudioOnly = true;
  isStart = false;
  readonly #fastCacheMs: number;
  readonly #greeting: Uint8Array;
  readonly #writer: RawAudioWriter;
  readonly #target = new ByteWriter();
  #reader = new FrameReader();
  #key = "";
  #preamble: Uint8Array = NOTHING;
  readonly #frame = newFrameRef();

  constructor({ format, fastCacheMs }: RemuxSettings) {
    const isMp3 = format === "mp3";
    this.contentType = isMp3 ? "audio/mpeg" : "audio/x-aac";
    this.#greeting = isMp3 ? ID3 : NOTHING;
    this.#writer = new RawAudioWriter(isMp3 ? "MP3" : "AAC");
    this.#fastCacheMs = fastCacheMs;
    this.keepsPast = fastCacheMs > 0;
    // A quarter of a ring is no safe place to read from.
    const wantedMs = Math.max(CACHE_MS_MIN, (fastCacheMs * 4) / 3);
    this.ringBytes = Math.min(wantedMs * RAW_AUDIO_BYTES_PER_MS, FAST_CACHE_BYTES_MAX);
  }

  restart(): void {
    this.#reader = new FrameReader();
  }

  takeHeaders(headers: readonly CachedHeader[]): void {
    for (const { type, payload } of headers) {
      this.#reader.push(type, 0, payload, this);
    }
  }

  mux({ type, timestamp, payload }: MediaMessage): Uint8Array {
    this.#target.truncate(0);
    this.#reader.push(type, timestamp, payload, this);
    const bytes = this.#target.written;
    this.isStart = bytes.length > 0;
    return bytes;
  }

  encode(
    { ringId, reader }: RingView,
    keyframe: KeyframeRef,
    _messageStream: number,
    greet: boolean,
  ): Uint8Array {
    if (!greet) {
      return NOTHING;
    }
    const key = `${ringId}/${keyframe.frame}`;
    if (key !== this.#key) {
      this.#preamble = this.#withPast(reader, keyframe);
      this.#key = key;
    }
    return this.#preamble;
  }

  encodeReplies(): Uint8Array {
    return NOTHING;
  }

  // --- ElementarySink ---

  videoTrack(): void {
    // Has no place here.
  }

  audioTrack(track: AudioTrack): void {
    this.#writer.setAudio(track);
  }

  frame(frame: ElementaryFrame): void {
    this.#writer.write(frame, this.#target);
  }

  /** What a newcomer gets before the frame it starts at: so many seconds of audio at once. */
  #withPast(reader: RingReader, keyframe: KeyframeRef): Uint8Array {
    const greeting = this.#greeting;
    const from = this.#pastBegin(reader, keyframe);
    const length = (keyframe.position - from) | 0;
    const bytes = new Uint8Array(greeting.length + length);
    bytes.set(greeting);
    const isThere = reader.read(from, length, bytes, greeting.length);
    return isThere ? bytes : greeting;
  }

  /** Position of the oldest frame that a newcomer gets. */
  #pastBegin(reader: RingReader, { frame: next, position, timestamp }: KeyframeRef): number {
    const frame = this.#frame;
    let begin = position;
    let number = next;
    while (this.#fastCacheMs > 0) {
      number = (number - 1) >>> 0;
      const isThere = reader.readFrame(number, frame) && reader.isSafe(frame.position);
      if (!isThere || ((timestamp - frame.timestamp) | 0) > this.#fastCacheMs) {
        break;
      }
      begin = frame.position;
    }
    return begin;
  }
}
