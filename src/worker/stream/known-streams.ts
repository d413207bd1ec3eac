/** The streams that a shard knows by the primary's news and answers, each with its fan-out. */
import type { ForgetStream, RingLease, StreamNews } from "../../protocol/control/calls.ts";
import { FanOut } from "./fan-out.ts";
import type { FanOutHost } from "./fan-out-host.ts";

/** Fan-outs by directory number. */
export class KnownStreams {
  readonly #host: FanOutHost;
  readonly #fanOuts = new Map<number, FanOut>();

  constructor(host: FanOutHost) {
    this.#host = host;
  }

  find(streamId: number): FanOut | undefined {
    return this.#fanOuts.get(streamId);
  }

  /** All of them. */
  get all(): Iterable<FanOut> {
    return this.#fanOuts.values();
  }

  /** Makes a stream known, if it is not. */
  learn({ streamId, key, settings, announcement }: Omit<StreamNews, "kind">): void {
    let fanOut = this.#fanOuts.get(streamId);
    if (fanOut === undefined) {
      fanOut = new FanOut(streamId, key, settings, this.#host);
      this.#fanOuts.set(streamId, fanOut);
    }
    fanOut.announcement = Math.max(fanOut.announcement, announcement);
  }

  /** Lets a stream go, unless an answer that overtook this news has announced it again. */
  forget({ streamId, announcement }: ForgetStream): void {
    const fanOut = this.#fanOuts.get(streamId);
    if (fanOut !== undefined && fanOut.announcement <= announcement) {
      fanOut.close();
      this.#fanOuts.delete(streamId);
    }
  }

  /** Every second. @returns times that slow players were moved to a keyframe. */
  tickSlow(): number {
    let skips = 0;
    for (const fanOut of this.#fanOuts.values()) {
      fanOut.tickSlow();
      skips += fanOut.skips;
    }
    return skips;
  }

  /** A ring that players read from now on. Every lease is used or let go. */
  openRing(streamId: number, lease: RingLease): void {
    const fanOut = this.#fanOuts.get(streamId);
    if (fanOut === undefined) {
      this.#host.ringReleased(lease.ringId);
    } else {
      fanOut.openRing(lease);
    }
  }
}
