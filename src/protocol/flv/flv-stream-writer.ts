/**
 * A live stream as FLV bytes: file header, then a tag for each message.
 *
 * Spec: FLV 10.1 Annex E.2, E.3, E.4.1.
 */
import type { ByteWriter } from "../bytes/byte-writer.ts";
import { LEGACY_HEADER_BYTES, LegacyBody, toLegacyHevc } from "./legacy-hevc.ts";
import {
  encodeFlvHeader,
  encodePreviousTagSize,
  encodeTagHeader,
  FLV_BACK_POINTER_BYTES,
  FLV_TAG_HEADER_BYTES,
  type FlvHeader,
  FlvTagType,
} from "./tag.ts";

/** How a stream is written. */
export interface FlvStreamOptions {
  /** Write HEVC with codec id 12 instead of as enhanced bodies. */
  readonly isLegacyHevc?: boolean;
  /** Leave out tracks that the header does not announce (`drop_if_not_match`). SRS: on. */
  readonly dropsUnannounced?: boolean;
}

/** **Memory**: owns a few bytes; appends whole tags to a writer of the caller's, so that its ends are tag boundaries. */
export class FlvStreamWriter {
  /** Messages of tracks that were not announced. */
  droppedMessages = 0;
  readonly #isLegacyHevc: boolean;
  readonly #dropsUnannounced: boolean;
  readonly #tagHeader = new Uint8Array(FLV_TAG_HEADER_BYTES);
  readonly #backPointer = new Uint8Array(FLV_BACK_POINTER_BYTES);
  readonly #legacy = new LegacyBody();
  #announced: FlvHeader = { hasAudio: true, hasVideo: true };

  constructor(options: FlvStreamOptions = {}) {
    this.#isLegacyHevc = options.isLegacyHevc ?? false;
    this.#dropsUnannounced = options.dropsUnannounced ?? true;
  }

  /** Append the file header. */
  writeHeader(header: FlvHeader, target: ByteWriter): void {
    this.#announced = header;
    target.bytes(encodeFlvHeader(header));
  }

  /**
   * Append a message as a tag.
   *
   * **Shape**: `timestamp` any integer, taken modulo 2^32; at most 16 MiB of payload.
   * @returns whether it was written.
   */
  writeTag(type: number, timestamp: number, payload: Uint8Array, target: ByteWriter): boolean {
    if (this.#dropsUnannounced && !this.#isAnnounced(type)) {
      this.droppedMessages += 1;
      return false;
    }
    const isVideo = type === FlvTagType.Video;
    if (isVideo && this.#isLegacyHevc && toLegacyHevc(payload, this.#legacy)) {
      const { header, start, end } = this.#legacy;
      this.#open(type, timestamp, LEGACY_HEADER_BYTES + end - start, target);
      target.bytes(header).bytes(payload.subarray(start, end)).bytes(this.#backPointer);
    } else {
      this.#open(type, timestamp, payload.length, target);
      target.bytes(payload).bytes(this.#backPointer);
    }
    return true;
  }

  #open(type: number, timestamp: number, length: number, target: ByteWriter): void {
    encodeTagHeader(this.#tagHeader, 0, type, timestamp, length);
    encodePreviousTagSize(this.#backPointer, 0, length);
    target.bytes(this.#tagHeader);
  }

  #isAnnounced(type: number): boolean {
    if (type === FlvTagType.Audio) {
      return this.#announced.hasAudio;
    }
    return type !== FlvTagType.Video || this.#announced.hasVideo;
  }
}
