/**
 * Audio frames as a bare stream: AAC in ADTS, MP3 as it is. What HTTP-AAC and HTTP-MP3 mounts send.
 *
 * Spec: ISO/IEC 13818-7 §6.2 (ADTS); ISO/IEC 11172-3 (MPEG audio frames follow each other).
 */
import type { ByteWriter } from "../bytes/byte-writer.ts";
import {
  ADTS_HEADER_BYTES,
  type AdtsForm,
  adtsForm,
  encodeAdtsHeader,
  isAdtsSize,
} from "../codec/adts.ts";
import type { AudioTrack, ElementaryFrame } from "./elementary-frame.ts";

/** What a mount sends. */
export type RawAudioKind = "AAC" | "MP3";

/** **Memory**: owns one header; appends to a writer of the caller's. Every frame is whole: players may join at any. */
export class RawAudioWriter {
  /** Frames of another codec, and frames that ADTS cannot carry. */
  ignoredFrames = 0;
  readonly #kind: RawAudioKind;
  readonly #header = new Uint8Array(ADTS_HEADER_BYTES);
  #isTaken = false;
  #adts: AdtsForm | null = null;

  constructor(kind: RawAudioKind) {
    this.#kind = kind;
  }

  /** Use this track for the frames that follow. */
  setAudio(track: AudioTrack): void {
    this.#adts = track.aac === null ? null : adtsForm(track.aac);
    this.#isTaken = track.codec === this.#kind && (track.codec === "MP3" || this.#adts !== null);
  }

  /** Append a frame; video is passed over. @returns whether it was written. */
  write(frame: ElementaryFrame, target: ByteWriter): boolean {
    if (frame.isVideo) {
      return false;
    }
    const frameBytes = frame.end - frame.start;
    if (!this.#isTaken || (this.#adts !== null && !isAdtsSize(frameBytes))) {
      this.ignoredFrames += 1;
      return false;
    }
    if (this.#adts !== null) {
      encodeAdtsHeader(this.#header, 0, this.#adts, frameBytes);
      target.bytes(this.#header);
    }
    target.bytes(frame.payload.subarray(frame.start, frame.end));
    return true;
  }
}
