/**
 * Finds the stamped video frames of a transport stream by packet headers: a frame's first packet carries its PES
 * header and, with H.264, the stamp right behind the first slice's header. Whoever pushes leaves HEADROOM_BYTES
 * before the bytes, see `native/headroom`.
 */
import { Stash } from "../native/headroom.ts";

export interface TsSink {
  /** A video frame; its stamp may be read at `bytes[offset]`. Borrowed. */
  frame(isKey: boolean, bytes: Uint8Array, offset: number): void;
}

const PACKET_BYTES = 188;
const SYNC = 0x47;
const PES_FIXED_BYTES = 9;
const STAMP_BYTES = 13;
const NAL_SLICE = 1;
const NAL_IDR = 5;

export class TsSkimmer {
  /** Video frames whose stamp was not in their first packet. */
  unread: number = 0;
  readonly #stash: Stash = new Stash();

  /** Take `bytes[start, end)`; any cut of the input gives the same frames. @throws Error when out of step. */
  push(bytes: Uint8Array, start: number, end: number, sink: TsSink): void {
    let at = this.#stash.restore(bytes, start);
    for (; at + PACKET_BYTES <= end; at += PACKET_BYTES) {
      if (bytes[at] !== SYNC) {
        throw new Error("a transport packet without sync byte");
      }
      // Only packets that begin a payload unit.
      if (((bytes[at + 1] ?? 0) & 0x40) !== 0) {
        this.#begin(bytes, at, sink);
      }
    }
    if (at < end) {
      this.#stash.keep(bytes, at, end);
    }
  }

  /** A segment ended: the next one begins with a packet of its own. */
  reset(): void {
    this.#stash.clear();
  }

  #begin(bytes: Uint8Array, packet: number, sink: TsSink): void {
    const hasAdaptation = ((bytes[packet + 3] ?? 0) & 0x20) !== 0;
    const pes = packet + 4 + (hasAdaptation ? 1 + (bytes[packet + 4] ?? 0) : 0);
    const isVideo = startsAt(bytes, pes) && ((bytes[pes + 3] ?? 0) & 0xf0) === 0xe0;
    if (!isVideo) {
      return;
    }
    const end = packet + PACKET_BYTES;
    const from = pes + PES_FIXED_BYTES + (bytes[pes + 8] ?? 0);
    for (let at = from; at + 4 + STAMP_BYTES <= end; at++) {
      const type = (bytes[at + 3] ?? 0) & 0x1f;
      if (startsAt(bytes, at) && (type === NAL_SLICE || type === NAL_IDR)) {
        sink.frame(type === NAL_IDR, bytes, at + 4);
        return;
      }
    }
    this.unread++;
  }
}

function startsAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 1;
}
