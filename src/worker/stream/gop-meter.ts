/** How large a ring a stream needs: bytes and messages of its groups of pictures, as they come. */
import { GOP_BYTES_MAX, GOP_FRAMES_MAX } from "../../protocol/limits.ts";

/** Rings hold this many GOPs. */
const GOPS_PER_RING = 1.5;
/** What is remembered of the largest GOP fades by this factor with each new one. */
const FADE = 0.9;
/** A ring indexes one message for so many bytes of its length, and keeps three quarters of them. */
const BYTES_PER_MESSAGE = 128 / 0.75;

/** Measures one stream. */
export class GopMeter {
  #bytes = 0;
  #messages = 0;
  #largestBytes = 0;
  #largestMessages = 0;

  /** One message in wire form. */
  add(length: number, isKeyframe: boolean): void {
    if (isKeyframe) {
      // Whole numbers: V8 keeps those in the object itself.
      this.#largestBytes = Math.max(this.#bytes, Math.floor(this.#largestBytes * FADE));
      this.#largestMessages = Math.max(this.#messages, Math.floor(this.#largestMessages * FADE));
      this.#bytes = 0;
      this.#messages = 0;
    }
    this.#bytes += length;
    this.#messages += 1;
  }

  /** Bytes of ring that keep the newest keyframe reachable; 0 when its group is too long to be kept. */
  get wantedBytes(): number {
    const bytes = Math.max(this.#bytes, this.#largestBytes);
    const messages = Math.max(this.#messages, this.#largestMessages);
    if (bytes > GOP_BYTES_MAX || messages > GOP_FRAMES_MAX * 2) {
      return 0;
    }
    return Math.max(bytes, messages * BYTES_PER_MESSAGE) * GOPS_PER_RING;
  }
}
