/**
 * Reads an FLV stream by its tag headers only: payloads are passed by arithmetic, but for the bytes that a stamp
 * needs. Whoever pushes leaves HEADROOM_BYTES before the bytes, see `native/headroom`.
 */
import { STAMP_PEEK_BYTES } from "../media/codecs.ts";
import { FLV_FILE_HEADER, FLV_TAG_HEADER_BYTES, MediaType } from "../media/packaging.ts";
import { Stash } from "../native/headroom.ts";

export interface FlvSink {
  /** An audio or video tag begins; its payload's first bytes may be read at `bytes[offset]`. Borrowed. */
  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void;
}

const TRAILER_BYTES = 4;

export class FlvSkimmer {
  readonly #stash: Stash = new Stash();
  /** Bytes of the tag still to pass. */
  #skip: number = 0;
  #hasHeader: boolean = false;

  /** Take `bytes[start, end)`; any cut of the input gives the same tags. @throws Error on what is no FLV. */
  push(bytes: Uint8Array, start: number, end: number, sink: FlvSink): void {
    let at = this.#stash.restore(bytes, start);
    while (at < end) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, end - at);
        this.#skip -= count;
        at += count;
        continue;
      }
      const next = this.#hasHeader
        ? this.#tag(bytes, at, end, sink)
        : this.#fileHeader(bytes, at, end);
      if (next < 0) {
        this.#stash.keep(bytes, at, end);
        return;
      }
      at = next;
    }
  }

  #fileHeader(bytes: Uint8Array, at: number, end: number): number {
    const next = at + FLV_FILE_HEADER.length;
    if (next > end) {
      return -1;
    }
    if (bytes[at] !== 0x46 || bytes[at + 1] !== 0x4c || bytes[at + 2] !== 0x56) {
      throw new Error("no FLV header");
    }
    this.#hasHeader = true;
    return next;
  }

  /** @returns where the payload begins, or -1 when what must be contiguous is not there yet. */
  #tag(bytes: Uint8Array, at: number, end: number, sink: FlvSink): number {
    if (at + FLV_TAG_HEADER_BYTES > end) {
      return -1;
    }
    const type = (bytes[at] ?? 0) & 0x1f;
    const size = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
    const isMedia = type === MediaType.Audio || type === MediaType.Video;
    if (!isMedia && type !== MediaType.Data) {
      throw new Error(`FLV tag of type ${type}`);
    }
    const payload = at + FLV_TAG_HEADER_BYTES;
    if (isMedia && payload + Math.min(size, STAMP_PEEK_BYTES) > end) {
      return -1;
    }
    if (isMedia) {
      sink.media(type, bytes, payload, size);
    }
    this.#skip = size + TRAILER_BYTES;
    return payload;
  }
}
