/**
 * Elementary frames into movie fragments: CMAF chunks, HLS segments and LL-HLS parts.
 *
 * Frames are kept until the fragment is finished, since a frame's duration is the distance to the next one. Audio
 * time is counted in samples, so that fragments follow each other without seams; each says its own start, so that
 * gaps of the stream are gaps of the file.
 *
 * Spec: ISO/IEC 14496-12 §8.8 (moof, traf, tfhd, tfdt, trun); ISO/IEC 23000-19 §7.3.2.
 */
import { AudioClock } from "../flv/audio-clock.ts";
import type { AudioTrack, ElementaryFrame, VideoTrack } from "../flv/elementary-frame.ts";
import { FRAGMENT_FRAMES_MAX } from "../limits.ts";
import { BoxWriter } from "./box-writer.ts";
import { encodeInitSegment, TrackId, VIDEO_TIMESCALE } from "./init-segment.ts";
import { opusSamples } from "./opus-samples.ts";
import { SampleRun } from "./sample-run.ts";

const TICKS_PER_MS: number = VIDEO_TIMESCALE / 1000;
/** Default for a last frame whose successor is not known and that has no predecessor: 25 a second. */
const VIDEO_DURATION_DEFAULT: number = VIDEO_TIMESCALE / 25;
const DEFAULT_BASE_IS_MOOF = 0x02_00_00;
/** trun: data offset, and duration, size, flags, composition offset of each sample. */
const TRUN_VIDEO = 0xf_01;
/** trun: data offset, and duration and size of each sample. */
const TRUN_AUDIO = 0x3_01;
/** tfhd: default sample flags follow. */
const TFHD_DEFAULT_FLAGS = 0x20;
/** sample_depends_on nothing. */
const FLAGS_SYNC = 0x02_00_00_00;
/** sample_depends_on others, is no sync sample. */
const FLAGS_INTER = 0x01_01_00_00;
/** Header of the mdat box. */
const MDAT_HEAD_BYTES = 8;

/**
 * **Memory**: owns the frames of one fragment. Fragments are numbered for its life; a change of tracks needs a new
 * init segment, not a new writer.
 */
export class FragmentWriter {
  /** Frames of tracks that were not set. */
  ignoredFrames = 0;
  readonly #video = new SampleRun();
  readonly #audio = new SampleRun();
  #videoTrack: VideoTrack | null = null;
  #audioTrack: AudioTrack | null = null;
  #audioClock = new AudioClock(1);
  #sequence = 0;
  #videoDuration = VIDEO_DURATION_DEFAULT;

  /** Whether the frames kept are as many as one fragment may hold: finish it. */
  get isFull(): boolean {
    return this.#video.count + this.#audio.count >= FRAGMENT_FRAMES_MAX;
  }

  /** Use this track for the video frames that follow. What was kept must have been finished. */
  setVideo(track: VideoTrack | null): void {
    this.#videoTrack = track;
  }

  /** Use this track for the audio frames that follow. What was kept must have been finished. */
  setAudio(track: AudioTrack | null): void {
    this.#audioTrack = track;
    this.#audioClock = new AudioClock(track?.sampleRate ?? 1);
  }

  /** Another time line begins with the next frame. */
  breakLine(): void {
    this.#audioClock.reset();
  }

  /**
   * The init segment of the tracks as they are.
   * @param isFile See {@link encodeInitSegment}.
   * @returns an owned array, or null without any track.
   */
  encodeInit(isFile: boolean = false): Uint8Array | null {
    const tracks = { video: this.#videoTrack, audio: this.#audioTrack };
    return tracks.video === null && tracks.audio === null
      ? null
      : encodeInitSegment(tracks, isFile);
  }

  /** Keep a frame for the current fragment. **Memory**: copies its bytes. */
  write(frame: ElementaryFrame): void {
    if (frame.isVideo && this.#videoTrack !== null) {
      const time = Math.max(0, frame.dtsMs * TICKS_PER_MS);
      const offset = frame.compositionMs * TICKS_PER_MS;
      this.#video.add({ time, offset, isKey: frame.isKeyframe }, frame);
    } else if (!frame.isVideo && this.#audioTrack !== null) {
      const { codec, frameSamples } = this.#audioTrack;
      const samples = codec === "Opus" ? opusSamples(frame.payload, frame.start) : frameSamples;
      const start = this.#audioClock.place(frame.dtsMs, samples, frame.isDiscontinuity);
      this.#audio.add({ time: Math.max(0, start), offset: 0, isKey: true }, frame);
    } else {
      this.ignoredFrames += 1;
    }
  }

  /**
   * Make a fragment of the frames kept.
   *
   * **Shape**: moof and mdat; video before audio.
   * @param nextVideoMs decoding time of the video frame that begins the next fragment, NaN when it is not known;
   * then the last frame lasts as long as the one before.
   * @returns an owned array, or null when nothing was kept.
   */
  finish(nextVideoMs: number): Uint8Array | null {
    const video = this.#video;
    const audio = this.#audio;
    if (video.count + audio.count === 0) {
      return null;
    }
    this.#sequence = (this.#sequence + 1) >>> 0;
    const boxes = new BoxWriter();
    boxes.open("moof").openFull("mfhd", 0, 0).uint32(this.#sequence).close();
    const videoPlace = video.count === 0 ? -1 : this.#writeVideo(boxes, nextVideoMs);
    const audioPlace = audio.count === 0 ? -1 : this.#writeAudio(boxes);
    boxes.close();
    const start = boxes.bytes.length + MDAT_HEAD_BYTES;
    if (videoPlace >= 0) {
      boxes.bytes.setUint32(videoPlace, start);
    }
    if (audioPlace >= 0) {
      boxes.bytes.setUint32(audioPlace, start + video.bytes.length);
    }
    const data = [video.bytes, audio.bytes] as const;
    boxes.uint32(MDAT_HEAD_BYTES + data[0].length + data[1].length).text("mdat");
    const head = boxes.bytes.finish();
    // The media is copied once, into an array of the right size.
    const fragment = new Uint8Array(head.length + data[0].length + data[1].length);
    fragment.set(head);
    fragment.set(data[0], head.length);
    fragment.set(data[1], head.length + data[0].length);
    video.clear();
    audio.clear();
    return fragment;
  }

  /** @returns where the data offset stands. */
  #writeVideo(boxes: BoxWriter, nextVideoMs: number): number {
    const { times, sizes, offsets, keys, count } = this.#video;
    boxes.open("traf");
    boxes.openFull("tfhd", 0, DEFAULT_BASE_IS_MOOF).uint32(TrackId.Video).close();
    boxes
      .openFull("tfdt", 1, 0)
      .uint64(times[0] ?? 0)
      .close();
    boxes.openFull("trun", 1, TRUN_VIDEO).uint32(count);
    const place = boxes.bytes.length;
    boxes.uint32(0);
    for (let index = 0; index < count; index += 1) {
      boxes.uint32(this.#videoDurationAt(index, nextVideoMs * TICKS_PER_MS));
      boxes.uint32(sizes[index] ?? 0).uint32(keys[index] ? FLAGS_SYNC : FLAGS_INTER);
      boxes.uint32(offsets[index] ?? 0);
    }
    boxes.close().close();
    return place;
  }

  #videoDurationAt(index: number, nextTime: number): number {
    const { times, count } = this.#video;
    const next = index + 1 < count ? (times[index + 1] ?? 0) : nextTime;
    const duration = next - (times[index] ?? 0);
    // Unknown, or a step of the time line: not something this frame lasts.
    if (Number.isNaN(duration) || duration < 0 || duration > VIDEO_TIMESCALE * 10) {
      return this.#videoDuration;
    }
    this.#videoDuration = duration;
    return duration;
  }

  /** @returns where the data offset stands. */
  #writeAudio(boxes: BoxWriter): number {
    const { times, sizes, count } = this.#audio;
    const flags = DEFAULT_BASE_IS_MOOF | TFHD_DEFAULT_FLAGS;
    boxes.open("traf");
    boxes.openFull("tfhd", 0, flags).uint32(TrackId.Audio).uint32(FLAGS_SYNC).close();
    boxes
      .openFull("tfdt", 1, 0)
      .uint64(times[0] ?? 0)
      .close();
    boxes.openFull("trun", 0, TRUN_AUDIO).uint32(count);
    const place = boxes.bytes.length;
    boxes.uint32(0);
    for (let index = 0; index < count; index += 1) {
      const next = times[index + 1] ?? this.#audioClock.next;
      boxes.uint32(Math.max(0, next - (times[index] ?? 0))).uint32(sizes[index] ?? 0);
    }
    boxes.close().close();
    return place;
  }
}
