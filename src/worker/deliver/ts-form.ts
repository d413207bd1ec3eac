/** A stream as an MPEG transport stream: what HTTP-TS viewers get. */
import type { RemuxSettings } from "../../protocol/control/calls.ts";
import type {
  AudioTrack,
  ElementaryFrame,
  ElementarySink,
  VideoTrack,
} from "../../protocol/flv/elementary-frame.ts";
import { FrameReader } from "../../protocol/flv/frame-reader.ts";
import { PacketBuffer } from "../../protocol/mpegts/packet-buffer.ts";
import { TsPlace, writeJoin, writeSkip } from "../../protocol/mpegts/ts-join.ts";
import { TsMuxer } from "../../protocol/mpegts/ts-muxer.ts";
import type { KeyframeRef } from "../../protocol/ring/ring-reader.ts";
import type { CachedHeader } from "../stream/header-set.ts";
import type { RingView } from "../stream/ring-view.ts";
import type { Form, MediaMessage } from "./form.ts";

const NOTHING: Uint8Array = new Uint8Array(0);
/** A track that only its header announced leaves the program map when it shows no frame for so long. */
const SILENT_TRACK_MS = 1000;

/** One track and its place in the program map. */
interface Listed<Track> {
  track: Track | null;
  isListed: boolean;
  hasFrames: boolean;
}

/** One stream's packets. Both tracks are always passed: the map says what comes (SRS). */
export class TsForm implements Form, ElementarySink {
  readonly contentType = "video/MP2T";
  readonly ringBytes = null;
  readonly keepsPast = false;
  readonly isSpent = false;
  readonly isAudioOnly = false;
  isStart = false;
  readonly #settings: RemuxSettings;
  // Audio is sent as it comes: kept for a shared packet it would be late.
  readonly #muxer = new TsMuxer({ pureAudioMs: 0, mixedAudioMs: 0 });
  readonly #packets = new PacketBuffer();
  readonly #preamble = new PacketBuffer(6);
  /** Before the message at which viewers started last could start. */
  readonly #start = new TsPlace();
  readonly #now = new TsPlace();
  readonly #video: Listed<VideoTrack> = { track: null, isListed: false, hasFrames: false };
  readonly #audio: Listed<AudioTrack> = { track: null, isListed: false, hasFrames: false };
  #reader = new FrameReader();
  /** Time of this publish's first frame, milliseconds; NaN before. */
  #firstMs = Number.NaN;
  /** The message being muxed is one that RTMP players may start at. */
  #isKeyframe = false;

  constructor(settings: RemuxSettings) {
    this.#settings = settings;
  }

  restart(): void {
    if (this.#video.isListed || this.#audio.isListed) {
      this.#muxer.breakLine();
    }
    this.#reader = new FrameReader();
    this.#firstMs = Number.NaN;
    // What is listed stays until it proves silent: the next publish mostly has the same.
    for (const listed of [this.#video, this.#audio]) {
      listed.track = null;
      listed.hasFrames = false;
    }
  }

  takeHeaders(headers: readonly CachedHeader[]): void {
    for (const { type, payload } of headers) {
      this.#reader.push(type, 0, payload, this);
    }
  }

  mux({ type, timestamp, isKeyframe, payload }: MediaMessage): Uint8Array {
    this.#packets.clear();
    this.isStart = false;
    this.#isKeyframe = isKeyframe;
    this.#reader.push(type, timestamp, payload, this);
    return this.#packets.bytes.subarray(0, this.#packets.length);
  }

  encode(
    { reader }: RingView,
    keyframe: KeyframeRef,
    _messageStream: number,
    greet: boolean,
  ): Uint8Array {
    const isAtHead = keyframe.frame === reader.frameCount;
    if (isAtHead) {
      this.#muxer.notePlace(this.#now);
    }
    this.#preamble.clear();
    const write = greet ? writeJoin : writeSkip;
    write(isAtHead ? this.#now : this.#start, this.#preamble);
    return this.#preamble.bytes.subarray(0, this.#preamble.length);
  }

  encodeReplies(): Uint8Array {
    return NOTHING;
  }

  // --- ElementarySink ---

  videoTrack(track: VideoTrack): void {
    this.#video.track = TsMuxer.carries(track) ? track : null;
    this.#list(this.#video, this.#settings.guessHasAv || this.#settings.hasVideo);
  }

  audioTrack(track: AudioTrack): void {
    this.#audio.track = TsMuxer.carries(track) ? track : null;
    this.#list(this.#audio, this.#settings.guessHasAv || this.#settings.hasAudio);
  }

  frame(frame: ElementaryFrame): void {
    const own = frame.isVideo ? this.#video : this.#audio;
    if (own.track === null) {
      return;
    }
    own.hasFrames = true;
    if (!own.isListed) {
      this.#list(own, true);
    }
    this.#dropSilent(frame);
    // Where there is no video viewers start anywhere.
    const isStart = this.#isKeyframe || (!frame.isVideo && this.#video.track === null);
    if (isStart) {
      this.#muxer.notePlace(this.#start);
    }
    this.#muxer.write(frame, this.#packets);
    this.isStart = isStart && this.#packets.length > 0;
  }

  /** Puts a track into the map, or takes it out; a listed one is renewed. */
  #list(listed: Listed<VideoTrack> | Listed<AudioTrack>, isWanted: boolean): void {
    listed.isListed = (listed.isListed || isWanted) && listed.track !== null;
    if (listed === this.#video) {
      this.#muxer.setVideo(listed.isListed ? this.#video.track : null);
    } else {
      this.#muxer.setAudio(listed.isListed ? this.#audio.track : null);
    }
  }

  /** Takes the other track out of the map when only its header, or the publish before this one, announced it. */
  #dropSilent({ isVideo, dtsMs }: ElementaryFrame): void {
    const other = isVideo ? this.#audio : this.#video;
    this.#firstMs = Number.isNaN(this.#firstMs) ? dtsMs : this.#firstMs;
    const isKept = !this.#settings.guessHasAv && other.track !== null;
    const isSilent = other.isListed && !other.hasFrames && !isKept;
    if (isSilent && Math.abs(dtsMs - this.#firstMs) >= SILENT_TRACK_MS) {
      other.isListed = false;
      if (isVideo) {
        this.#muxer.setAudio(null);
      } else {
        this.#muxer.setVideo(null);
      }
    }
  }
}
