/**
 * Recordings as MP4: fragments of about a second, so that a file is playable up to the last of them whenever its writing
 * ends. The length of all stands at the beginning when the file is whole.
 *
 * Spec: ISO/IEC 14496-12 §8.8 (movie fragments), §8.8.2 (mehd).
 */
import type {
  AudioTrack,
  ElementaryFrame,
  ElementarySink,
  VideoTrack,
} from "../../protocol/flv/elementary-frame.ts";
import { FrameReader } from "../../protocol/flv/frame-reader.ts";
import { FragmentWriter } from "../../protocol/fmp4/fragment-writer.ts";
import { encodeMovieLength, movieLengthAt } from "../../protocol/fmp4/init-segment.ts";
import type { FilePatch } from "../jobs/recordings.ts";
import type { Container } from "./container.ts";

/** A fragment ends at a frame after so much, at a keyframe after half of it, without one of its video after twice. */
const FRAGMENT_MS = 1000;
/** Or when it holds so much. */
const FRAGMENT_BYTES_MAX: number = 4 * 1024 * 1024;

/** One file. Codecs that MP4 does not carry are left out. */
export class Mp4Container implements Container {
  isSpent = false;
  /** Each fragment. */
  readonly worthBytes = 1;
  heldBytes = 0;
  readyBytes = 0;
  readonly #reader = new FrameReader();
  readonly #writer = new FragmentWriter();
  readonly #ready: Uint8Array[] = [];
  readonly #intake: ElementarySink;
  #hasInit = false;
  /** Where the length of all goes, in the file. */
  #lengthAt = 0;
  #startMs = Number.NaN;
  #hasVideo = false;
  #hasAudio = false;
  /** The file's header tells of another track: its frames are for the next file. */
  #isVideoOver = false;
  #isAudioOver = false;

  constructor() {
    this.#intake = {
      videoTrack: (track) => this.#videoTrack(track),
      audioTrack: (track) => this.#audioTrack(track),
      frame: (frame) => this.#frame(frame),
    };
  }

  header(type: number, timestamp: number, payload: Uint8Array): void {
    this.frame(type, timestamp, payload);
  }

  frame(type: number, timestamp: number, payload: Uint8Array): void {
    this.#reader.push(type, timestamp, payload, this.#intake);
  }

  take(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.readyBytes);
    let offset = 0;
    for (const piece of this.#ready.splice(0)) {
      all.set(piece, offset);
      offset += piece.length;
    }
    this.readyBytes = 0;
    return all;
  }

  end(): void {
    this.#endFragment(Number.NaN);
  }

  patches({ durationMs }: { durationMs: number }): FilePatch[] {
    return [{ position: this.#lengthAt, bytes: encodeMovieLength(durationMs) }];
  }

  #videoTrack(track: VideoTrack): void {
    this.#isVideoOver = !this.#mayChange(this.#hasVideo);
    this.#hasVideo = true;
    if (!this.#isVideoOver) {
      this.#writer.setVideo(track);
    }
  }

  #audioTrack(track: AudioTrack): void {
    this.#isAudioOver = !this.#mayChange(this.#hasAudio);
    this.#hasAudio = true;
    if (!this.#isAudioOver) {
      this.#writer.setAudio(track);
    }
  }

  /** Tracks stand at the beginning of the file, and are as they are from then on. */
  #mayChange(isKnown: boolean): boolean {
    if (isKnown) {
      // What is held needs the header that it came under.
      this.#endFragment(Number.NaN);
    }
    this.isSpent ||= this.#hasInit;
    return !this.#hasInit;
  }

  #frame(frame: ElementaryFrame): void {
    if (frame.isVideo ? this.#isVideoOver : this.#isAudioOver) {
      return;
    }
    if (this.#isEnd(frame)) {
      this.#endFragment(frame.isVideo ? frame.dtsMs : Number.NaN);
    }
    this.#startMs = Number.isNaN(this.#startMs) ? frame.dtsMs : this.#startMs;
    this.#writer.write(frame);
    this.heldBytes += frame.end - frame.start;
  }

  #isEnd({ isVideo, isKeyframe, dtsMs }: ElementaryFrame): boolean {
    const lengthMs = dtsMs - this.#startMs;
    if (this.#writer.isFull || this.heldBytes >= FRAGMENT_BYTES_MAX) {
      return true;
    }
    if (isVideo) {
      return lengthMs >= (isKeyframe ? FRAGMENT_MS / 2 : FRAGMENT_MS);
    }
    return lengthMs >= (this.#reader.video === null ? FRAGMENT_MS : FRAGMENT_MS * 2);
  }

  #endFragment(nextVideoMs: number): void {
    const fragment = this.#writer.finish(nextVideoMs);
    this.#startMs = Number.NaN;
    this.heldBytes = 0;
    if (fragment === null) {
      return;
    }
    if (!this.#hasInit) {
      this.#hasInit = true;
      const init = this.#writer.encodeInit(true);
      if (init !== null) {
        this.#lengthAt = movieLengthAt(init);
        this.#add(init);
      }
    }
    this.#add(fragment);
  }

  #add(piece: Uint8Array): void {
    this.#ready.push(piece);
    this.readyBytes += piece.length;
  }
}
