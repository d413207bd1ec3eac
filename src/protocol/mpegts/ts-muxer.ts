/**
 * Elementary frames into an MPEG transport stream of one program.
 *
 * Push style: each frame's packets are appended to a buffer of the caller's, which it empties when it likes:
 * per segment for HLS, per turn for HTTP-TS.
 *
 * Spec: ISO/IEC 13818-1 (transport stream), ISO/IEC 14496-10 Annex B, 23008-2 Annex B, 13818-7 (ADTS).
 */
import {
  ADTS_HEADER_BYTES,
  type AdtsForm,
  adtsForm,
  encodeAdtsHeader,
  isAdtsSize,
} from "../codec/adts.ts";
import { type AnnexBForm, annexBBytes, annexBForm, encodeAnnexB } from "../codec/annex-b.ts";
import { AudioClock } from "../flv/audio-clock.ts";
import type { AudioTrack, ElementaryFrame, VideoTrack } from "../flv/elementary-frame.ts";
import { PES_AUDIO_BYTES_MAX } from "../limits.ts";
import { type PacketBuffer, TS_PACKET_BYTES } from "./packet-buffer.ts";
import { closePes, openPes, PesHead, writeClockPacket } from "./pes-packets.ts";
import { ProgramClock } from "./program-clock.ts";
import { encodePat, encodePmt, TsPid, TsStreamType } from "./tables.ts";
import type { TsPlace } from "./ts-join.ts";

/** How a transport stream is made; every field has SRS's or the field's usual value. */
export interface TsMuxerOptions {
  /** Tables are repeated at keyframes and at least this often. Milliseconds, 500. */
  readonly tableIntervalMs?: number;
  /** Without video, audio frames share a PES packet until it spans this much. Milliseconds, 720 as in SRS; 0 for HTTP-TS, where it would be delay. */
  readonly pureAudioMs?: number;
  /** The same beside video. Milliseconds, 0 as in SRS: each frame for itself. */
  readonly mixedAudioMs?: number;
  /** Count audio time in samples instead of taking each message's (`hls_dts_directly off`). */
  readonly isAudioCounted?: boolean;
}

/** Tables before keyframes are at least so far apart: all frames of some encoders are keyframes. */
const KEYFRAME_TABLES_MS_MIN = 100;
const VIDEO_STREAM_ID = 0xe0;
const AUDIO_STREAM_ID = 0xc0;
const TICKS_PER_MS = 90;
const MPEG1_RATE_MIN = 32_000;
const VERSIONS = 32;

/**
 * **Memory**: owns the tables' packets and one buffer of audio (at most {@link PES_AUDIO_BYTES_MAX}); allocates when a
 * track changes, never for a packet. Counters and table version go on for its life, across segments.
 */
export class TsMuxer {
  /** Frames that a transport stream cannot carry. */
  ignoredFrames = 0;
  readonly #options: Required<TsMuxerOptions>;
  readonly #videoHead = new PesHead();
  readonly #audioHead = new PesHead();
  readonly #clock = new ProgramClock();
  readonly #pat = encodePat();
  #pmt: Uint8Array = new Uint8Array(0);
  /** What #pmt says; it counts as a change only once players have seen it. */
  #mapped = { video: -1, audio: -1, isWritten: false };
  #videoType: TsStreamType = TsStreamType.None;
  #audioType: TsStreamType = TsStreamType.None;
  #annexB: AnnexBForm | null = null;
  #adts: AdtsForm | null = null;
  #audioTrack: AudioTrack | null = null;
  #audioClock: AudioClock | null = null;
  #pmtVersion = 0;
  #isVideoBroken = false;
  #isAudioBroken = false;
  #patCounter = 0;
  #pmtCounter = 0;
  /** Decoding time of the frame before which tables were last written. */
  #tablesMs = Number.NaN;
  /** Audio not written yet: #audio[0, #audioBytes), the first frame's time in #audioHead. */
  #audio = new Uint8Array(4096);
  #audioBytes = 0;
  #audioStartMs = 0;

  constructor(options: TsMuxerOptions = {}) {
    const { tableIntervalMs = 500, pureAudioMs = 720, mixedAudioMs = 0 } = options;
    const { isAudioCounted = false } = options;
    this.#options = { tableIntervalMs, pureAudioMs, mixedAudioMs, isAudioCounted };
    this.#videoHead.pid = TsPid.Video;
    this.#videoHead.streamId = VIDEO_STREAM_ID;
    this.#audioHead.pid = TsPid.Audio;
    this.#audioHead.streamId = AUDIO_STREAM_ID;
  }

  /** Whether a transport stream of ours carries this track. */
  static carries(track: VideoTrack | AudioTrack): boolean {
    if (track.codec === "AAC") {
      return track.aac !== null && adtsForm(track.aac) !== null;
    }
    return track.codec === "H264" || track.codec === "HEVC" || track.codec === "MP3";
  }

  /** Use this track for the video frames that follow; null takes the video out. Frames of a track not carried are counted. */
  setVideo(track: VideoTrack | null): void {
    this.#annexB = null;
    this.#videoType = TsStreamType.None;
    if (track !== null && (track.codec === "H264" || track.codec === "HEVC")) {
      this.#annexB = annexBForm(track.codec, track.nalLengthBytes, track.parameterSets);
      this.#videoType = track.codec === "H264" ? TsStreamType.Avc : TsStreamType.Hevc;
    }
    this.#renewMap();
  }

  /** Use this track for the audio frames that follow; audio of the track before must have been flushed. */
  setAudio(track: AudioTrack | null): void {
    const isCarried = track !== null && TsMuxer.carries(track);
    this.#audioTrack = isCarried ? track : null;
    this.#adts = track?.aac == null ? null : adtsForm(track.aac);
    this.#audioClock = isCarried ? new AudioClock(track.sampleRate) : null;
    this.#audioType = audioStreamType(this.#audioTrack);
    this.#renewMap();
  }

  /** Tables come before whatever is written next: call it where players may start, at each segment. */
  restartTables(): void {
    this.#tablesMs = Number.NaN;
  }

  /** Where the stream stands: what a reader needs that begins with what is written next. Nothing may be kept. */
  notePlace(into: TsPlace): void {
    into.pat = this.#pat;
    into.pmt = this.#pmt;
    into.patCounter = this.#patCounter;
    into.pmtCounter = this.#pmtCounter;
    into.videoCounter = this.#videoHead.counter;
    into.audioCounter = this.#audioHead.counter;
  }

  /** Another time line begins with the next frames: their packets say so. What was kept must have been flushed. */
  breakLine(): void {
    this.#audioClock?.reset();
    this.#clock.restart();
    this.#isVideoBroken = true;
    this.#isAudioBroken = true;
  }

  /**
   * Write a frame. Audio may be kept for a while, to share a PES packet.
   *
   * **Memory**: the frame is borrowed; appends whole packets to `target`.
   */
  write(frame: ElementaryFrame, target: PacketBuffer): void {
    if (frame.isVideo) {
      this.#writeVideo(frame, target);
    } else {
      this.#writeAudio(frame, target);
    }
  }

  /** Write the audio that was kept: at the end of a segment, and before the audio track changes. */
  flush(target: PacketBuffer): void {
    if (this.#audioBytes === 0) {
      return;
    }
    const head = this.#audioHead;
    this.#writeTables(this.#audioStartMs, false, target);
    if (this.#videoType === TsStreamType.None) {
      this.#carryClock(head, target);
    } else {
      head.hasPcr = false;
      this.#driveClock(head.dts90k, target);
    }
    const offset = openPes(target, head, this.#audioBytes);
    target.bytes.set(this.#audio.subarray(0, this.#audioBytes), offset);
    head.counter = closePes(target, head, this.#audioBytes);
    head.isDiscontinuity = false;
    this.#audioBytes = 0;
  }

  #writeVideo(frame: ElementaryFrame, target: PacketBuffer): void {
    const form = this.#annexB;
    if (form === null) {
      this.ignoredFrames += 1;
      return;
    }
    const head = this.#videoHead;
    this.#writeTables(frame.dtsMs, frame.isKeyframe, target);
    head.dts90k = frame.dtsMs * TICKS_PER_MS;
    head.pts90k = head.dts90k + frame.compositionMs * TICKS_PER_MS;
    head.isRandomAccess = frame.isKeyframe;
    head.isDiscontinuity = frame.isDiscontinuity || this.#isVideoBroken;
    this.#isVideoBroken = false;
    // The other track follows it there, without a mark of its own.
    this.#isAudioBroken = this.#isAudioBroken || frame.isDiscontinuity;
    this.#carryClock(head, target);
    const bytes = annexBBytes(form, frame);
    // First the room: it may be in another buffer.
    const offset = openPes(target, head, bytes);
    encodeAnnexB(target.bytes, offset, form, frame);
    head.counter = closePes(target, head, bytes);
  }

  /** The PES packet of `head` is next, on the PID that has the clock. */
  #carryClock(head: PesHead, target: PacketBuffer): void {
    if (this.#clock.approach(head.dts90k, head.isDiscontinuity)) {
      head.isDiscontinuity = true;
    }
    this.#stepClock(head, head.dts90k, target);
    head.hasPcr = this.#clock.carry(head.dts90k);
  }

  /** Sound of this time is next, beside pictures. */
  #driveClock(dts90k: number, target: PacketBuffer): void {
    const head = this.#videoHead;
    head.isDiscontinuity = this.#isVideoBroken;
    if (this.#stepClock(head, this.#clock.heed(dts90k), target)) {
      this.#isVideoBroken = false;
    }
  }

  /** @returns whether anything was written. */
  #stepClock(head: PesHead, until90k: number, target: PacketBuffer): boolean {
    const start = target.length;
    let pcr90k = this.#clock.step(until90k);
    while (!Number.isNaN(pcr90k)) {
      writeClockPacket(target, head, pcr90k);
      head.isDiscontinuity = false;
      pcr90k = this.#clock.step(until90k);
    }
    return target.length > start;
  }

  #writeAudio(frame: ElementaryFrame, target: PacketBuffer): void {
    const track = this.#audioTrack;
    const frameBytes = frame.end - frame.start;
    const isCarried = this.#adts === null ? track?.codec === "MP3" : isAdtsSize(frameBytes);
    const bytes = frameBytes + (this.#adts === null ? 0 : ADTS_HEADER_BYTES);
    if (track === null || !isCarried || bytes > PES_AUDIO_BYTES_MAX) {
      this.ignoredFrames += 1;
      return;
    }
    if (frame.isDiscontinuity || this.#audioBytes + bytes > PES_AUDIO_BYTES_MAX) {
      this.flush(target);
    }
    if (frame.isDiscontinuity) {
      // The pictures follow it there, without a mark of their own.
      this.#clock.restart();
      this.#isVideoBroken = true;
    }
    const time90k = this.#audioTime(frame, track);
    if (this.#audioBytes === 0) {
      this.#audioStartMs = frame.dtsMs;
      this.#audioHead.pts90k = time90k;
      this.#audioHead.dts90k = time90k;
      this.#audioHead.isDiscontinuity = frame.isDiscontinuity || this.#isAudioBroken;
      this.#isAudioBroken = false;
    }
    this.#keepAudio(frame, bytes);
    const { pureAudioMs, mixedAudioMs } = this.#options;
    const spanMs = this.#videoType === TsStreamType.None ? pureAudioMs : mixedAudioMs;
    if (frame.dtsMs - this.#audioStartMs >= spanMs) {
      this.flush(target);
    }
  }

  #audioTime(frame: ElementaryFrame, track: AudioTrack): number {
    if (!this.#options.isAudioCounted || this.#audioClock === null) {
      return frame.dtsMs * TICKS_PER_MS;
    }
    const start = this.#audioClock.place(frame.dtsMs, track.frameSamples, frame.isDiscontinuity);
    return Math.round((start * 1000 * TICKS_PER_MS) / track.sampleRate);
  }

  #keepAudio(frame: ElementaryFrame, bytes: number): void {
    const wanted = this.#audioBytes + bytes;
    if (wanted > this.#audio.length) {
      const grown = new Uint8Array(Math.max(wanted, this.#audio.length * 2));
      grown.set(this.#audio.subarray(0, this.#audioBytes));
      this.#audio = grown;
    }
    let offset = this.#audioBytes;
    if (this.#adts !== null) {
      offset = encodeAdtsHeader(this.#audio, offset, this.#adts, frame.end - frame.start);
    }
    this.#audio.set(frame.payload.subarray(frame.start, frame.end), offset);
    this.#audioBytes = wanted;
  }

  #renewMap(): void {
    const streams = { video: this.#videoType, audio: this.#audioType };
    if (streams.video === this.#mapped.video && streams.audio === this.#mapped.audio) {
      return;
    }
    if (this.#mapped.isWritten) {
      this.#pmtVersion = (this.#pmtVersion + 1) % VERSIONS;
    }
    this.#mapped = { ...streams, isWritten: false };
    this.#pmt = encodePmt({ ...streams, version: this.#pmtVersion });
    this.restartTables();
  }

  #writeTables(timeMs: number, isKeyframe: boolean, target: PacketBuffer): void {
    const sinceMs = timeMs - this.#tablesMs;
    const dueMs = isKeyframe ? KEYFRAME_TABLES_MS_MIN : this.#options.tableIntervalMs;
    // A step back of the time line counts as due.
    if (sinceMs >= 0 && sinceMs < dueMs) {
      return;
    }
    this.#tablesMs = timeMs;
    this.#mapped.isWritten = true;
    const start = target.reserve(2);
    target.bytes.set(this.#pat, start);
    target.bytes[start + 3] = 0x10 | this.#patCounter;
    target.bytes.set(this.#pmt, start + TS_PACKET_BYTES);
    target.bytes[start + TS_PACKET_BYTES + 3] = 0x10 | this.#pmtCounter;
    this.#patCounter = (this.#patCounter + 1) & 15;
    this.#pmtCounter = (this.#pmtCounter + 1) & 15;
  }
}

function audioStreamType(track: AudioTrack | null): TsStreamType {
  if (track === null) {
    return TsStreamType.None;
  }
  if (track.codec === "AAC") {
    return TsStreamType.AdtsAac;
  }
  return track.sampleRate >= MPEG1_RATE_MIN ? TsStreamType.Mpeg1Audio : TsStreamType.Mpeg2Audio;
}
