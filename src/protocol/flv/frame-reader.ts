/**
 * FLV-style messages into elementary frames: the one intake of all muxers.
 *
 * It keeps the last good configuration of each track, passes a sequence header on only when it changes something,
 * drops frames that would break a decoder, and gives times that never wrap. Nothing a publisher sends throws.
 */
import { decodeMp3FrameHeader } from "../codec/mp3-frame.ts";
import { isNalRow } from "../codec/nal-lengths.ts";
import { ProtocolError } from "../errors.ts";
import { COMPOSITION_MS_MAX } from "../limits.ts";
import { FrameClass } from "./classify.ts";
import {
  type AudioTrack,
  ElementaryFrame,
  type ElementarySink,
  type IgnoredCounts,
  type VideoTrack,
} from "./elementary-frame.ts";
import {
  decodeAacTrack,
  decodeOpusTrack,
  decodeVideoTrack,
  isSameBytes,
  mp3Track,
} from "./elementary-tracks.ts";
import { AudioBody, decodeAudioBody, decodeVideoBody, VideoBody } from "./media-body.ts";
import { FlvTagType } from "./tag.ts";
import { TrackClock } from "./track-clock.ts";

const NO_BYTES = new Uint8Array(0);

/** **Memory**: owns copies of the configurations, borrows each payload for the call; allocates only at new headers. */
export class FrameReader {
  /** Messages that gave no frame. */
  readonly ignored: IgnoredCounts = {
    badConfigs: 0,
    badFrames: 0,
    unconfigured: 0,
    unsupported: 0,
  };
  readonly #clock = new TrackClock();
  readonly #videoBody = new VideoBody();
  readonly #audioBody = new AudioBody();
  readonly #frame = new ElementaryFrame();
  #video: VideoTrack | null = null;
  #audio: AudioTrack | null = null;
  /** Version, rate and channel bits of the last MP3 frame, which announce another configuration. */
  #mp3Bits = -1;

  /** The video track, once its header has come. */
  get video(): VideoTrack | null {
    return this.#video;
  }

  /** The audio track, once its header or its first MP3 frame has come. */
  get audio(): AudioTrack | null {
    return this.#audio;
  }

  /**
   * Read one message.
   *
   * **Shape**: `type` as in FLV and RTMP (8 audio, 9 video, others are passed over); `timestamp` in
   * milliseconds modulo 2^32.
   * **Memory**: the payload is borrowed until this returns; never throws but what the sink throws.
   */
  push(type: number, timestamp: number, payload: Uint8Array, sink: ElementarySink): void {
    if (type === FlvTagType.Video) {
      this.#pushVideo(timestamp, payload, sink);
    } else if (type === FlvTagType.Audio) {
      this.#pushAudio(timestamp, payload, sink);
    }
  }

  #pushVideo(timestamp: number, payload: Uint8Array, sink: ElementarySink): void {
    const body = this.#videoBody;
    decodeVideoBody(payload, body);
    if (body.frameClass === FrameClass.VideoHeader) {
      this.#videoHeader(payload, sink);
      return;
    }
    if (body.frameClass !== FrameClass.Keyframe && body.frameClass !== FrameClass.Inter) {
      return;
    }
    const reason = this.#videoRefusal(payload);
    if (reason !== null) {
      this.ignored[reason] += 1;
      return;
    }
    const frame = this.#frame;
    frame.isVideo = true;
    frame.isKeyframe = body.frameClass === FrameClass.Keyframe;
    frame.dtsMs = this.#clock.advance(timestamp, true);
    // Where the time was levelled the picture is still shown when it was meant to be.
    const levelled = frame.dtsMs - this.#clock.lastTime(true);
    const offset = body.compositionTimeMs;
    const isBelieved = offset >= 0 && offset <= COMPOSITION_MS_MAX;
    frame.compositionMs = isBelieved ? Math.max(0, offset - levelled) : 0;
    this.#deliver(payload, body, sink);
  }

  /** Why a coded video frame is not passed on, or null. */
  #videoRefusal(payload: Uint8Array): keyof IgnoredCounts | null {
    const { codec, trackId, bodyStart, bodyEnd } = this.#videoBody;
    const isTaken = codec === "H264" || codec === "HEVC" || codec === "AV1";
    if (!isTaken || trackId !== 0) {
      return "unsupported";
    }
    if (this.#video === null) {
      return "unconfigured";
    }
    // The header's codec counts: AVC's id may carry HEVC.
    if (codec !== this.#video.codec && codec !== "H264") {
      return "unconfigured";
    }
    const { nalLengthBytes } = this.#video;
    const isWhole =
      nalLengthBytes === 0
        ? bodyEnd > bodyStart
        : isNalRow(payload, bodyStart, bodyEnd, nalLengthBytes);
    return isWhole ? null : "badFrames";
  }

  #videoHeader(payload: Uint8Array, sink: ElementarySink): void {
    const { codec, trackId, bodyStart, bodyEnd } = this.#videoBody;
    const record = payload.subarray(bodyStart, bodyEnd);
    const last = this.#video;
    const isSameCodec = last !== null && (last.codec === codec || codec === "H264");
    if (trackId !== 0 || (isSameCodec && isSameBytes(last.record, record))) {
      return;
    }
    try {
      const track = decodeVideoTrack(codec, record);
      if (track === null) {
        this.ignored.unsupported += 1;
        return;
      }
      this.#video = track;
    } catch (error) {
      this.#refuseConfig(error);
      return;
    }
    sink.videoTrack(this.#video);
  }

  #pushAudio(timestamp: number, payload: Uint8Array, sink: ElementarySink): void {
    const body = this.#audioBody;
    decodeAudioBody(payload, body);
    if (body.frameClass === FrameClass.AudioHeader) {
      this.#audioHeader(payload, sink);
      return;
    }
    if (body.frameClass !== FrameClass.Audio) {
      return;
    }
    const reason = this.#audioRefusal(payload, sink);
    if (reason !== null) {
      this.ignored[reason] += 1;
      return;
    }
    const frame = this.#frame;
    frame.isVideo = false;
    frame.isKeyframe = false;
    frame.compositionMs = 0;
    frame.dtsMs = this.#clock.advance(timestamp, false);
    this.#deliver(payload, body, sink);
  }

  /** Why an audio frame is not passed on, or null. */
  #audioRefusal(payload: Uint8Array, sink: ElementarySink): keyof IgnoredCounts | null {
    const { codec, trackId, bodyStart, bodyEnd } = this.#audioBody;
    const isTaken = codec === "AAC" || codec === "MP3" || codec === "Opus";
    if (!isTaken || trackId !== 0) {
      return "unsupported";
    }
    if (bodyEnd <= bodyStart) {
      return "badFrames";
    }
    if (codec === "MP3") {
      return this.#hasMp3Header(payload, sink) ? null : "badFrames";
    }
    return this.#audio?.codec === codec ? null : "unconfigured";
  }

  #audioHeader(payload: Uint8Array, sink: ElementarySink): void {
    const { codec, trackId, bodyStart, bodyEnd } = this.#audioBody;
    const record = payload.subarray(bodyStart, bodyEnd);
    const last = this.#audio;
    if (trackId !== 0 || (last?.codec === codec && isSameBytes(last.record, record))) {
      return;
    }
    if (codec !== "AAC" && codec !== "Opus") {
      this.ignored.unsupported += codec === "MP3" ? 0 : 1;
      return;
    }
    try {
      this.#audio = codec === "AAC" ? decodeAacTrack(record) : decodeOpusTrack(record);
    } catch (error) {
      this.#refuseConfig(error);
      return;
    }
    this.#mp3Bits = -1;
    sink.audioTrack(this.#audio);
  }

  /** MP3 has no header message; a frame of another rate or channel count is one. */
  #hasMp3Header(payload: Uint8Array, sink: ElementarySink): boolean {
    const start = this.#audioBody.bodyStart;
    const version = (payload[start + 1] ?? 0) & 0x18;
    const rate = (payload[start + 2] ?? 0) & 0x0c;
    const isMono = (payload[start + 3] ?? 0) >> 6 === 3;
    const bits = (version << 2) | rate | (isMono ? 1 : 0);
    const hasSync = payload[start] === 0xff && (payload[start + 1] ?? 0) >> 5 === 7;
    if (bits === this.#mp3Bits && hasSync) {
      return true;
    }
    try {
      const header = decodeMp3FrameHeader(payload.subarray(start, this.#audioBody.bodyEnd));
      this.#audio = mp3Track(header.sampleRate, header.channels);
    } catch (error) {
      if (error instanceof ProtocolError) {
        return false;
      }
      throw error;
    }
    this.#mp3Bits = bits;
    sink.audioTrack(this.#audio);
    return true;
  }

  #deliver(payload: Uint8Array, body: VideoBody | AudioBody, sink: ElementarySink): void {
    const frame = this.#frame;
    frame.isDiscontinuity = this.#clock.isDiscontinuity;
    frame.payload = payload;
    frame.start = body.bodyStart;
    frame.end = body.bodyEnd;
    sink.frame(frame);
    frame.payload = NO_BYTES;
  }

  #refuseConfig(error: unknown): void {
    if (!(error instanceof ProtocolError)) {
      throw error;
    }
    this.ignored.badConfigs += 1;
  }
}
