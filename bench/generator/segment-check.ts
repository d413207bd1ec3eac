/**
 * What a viewer of HLS makes of its segments. Reading every byte of every viewer would measure the reader. So each
 * viewer's first segment is read up to its keyframe; from then on a share of the viewers, one that is told, reads every
 * frame, and the others drop their bytes in the kernel and compare how many each segment has.
 */
import { TsSkimmer } from "../hls/ts-skimmer.ts";
import { readPublisher, readSequence, readTimeUs } from "../media/stamp.ts";
import { FrameCheck } from "./frame-check.ts";
import type { Tally } from "./tally.ts";

/** Segments whose size is known: more than are listed at any time. */
const SIZES_MAX = 64;

/** Sizes of a stream's segments, as its first viewer saw them. */
export class SegmentSizes {
  readonly #sizes: Map<number, number> = new Map();

  /** @throws Error when somebody got another number of bytes. */
  compare(sequence: number, sizeBytes: number): void {
    const known = this.#sizes.get(sequence);
    if (known === undefined) {
      this.#sizes.set(sequence, sizeBytes);
      this.#sizes.delete(sequence - SIZES_MAX);
    } else if (known !== sizeBytes) {
      throw new Error(`segment ${sequence} of ${sizeBytes} bytes, of ${known} before`);
    }
  }
}

export class SegmentCheck {
  readonly #tally: Tally;
  readonly #sizes: SegmentSizes;
  readonly #isWhole: boolean;
  readonly #frames: FrameCheck;
  readonly #ts: TsSkimmer = new TsSkimmer();
  #sizeBytes: number = 0;

  /** @param about.isWhole Every frame is looked at. */
  constructor(
    tally: Tally,
    about: {
      readonly arrivalUs: number;
      readonly isWhole: boolean;
      readonly sizes: SegmentSizes;
    },
  ) {
    this.#tally = tally;
    this.#sizes = about.sizes;
    this.#isWhole = about.isWhole;
    this.#frames = new FrameCheck(tally, about.arrivalUs);
  }

  /** It has seen a keyframe. */
  get isLive(): boolean {
    return this.#frames.isLive;
  }

  /** What comes next must be looked at, and not only counted. */
  get isLooking(): boolean {
    return this.#isWhole || !this.#frames.isLive;
  }

  begin(): void {
    this.#sizeBytes = 0;
    this.#ts.reset();
  }

  bytes(bytes: Uint8Array, start: number, end: number): void {
    this.count(end - start);
    if (this.isLooking) {
      this.#ts.push(bytes, start, end, this);
    }
  }

  /** Bytes that nobody looks at. */
  count(sizeBytes: number): void {
    this.#tally.counts.payloadBytes += sizeBytes;
    this.#sizeBytes += sizeBytes;
  }

  frame(isKey: boolean, bytes: Uint8Array, offset: number): void {
    this.#tally.counts.frames++;
    const publish = readPublisher(bytes, offset);
    this.#frames.video(isKey, publish, readSequence(bytes, offset), readTimeUs(bytes, offset));
  }

  /** The segment is whole. @throws Error when it is of another size than for others. */
  end(sequence: number): void {
    this.#sizes.compare(sequence, this.#sizeBytes);
  }
}
