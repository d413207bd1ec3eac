/**
 * When to send: the merge factor k counts video frames. A stream's players are in k phases and each frame sends one
 * phase, so a player waits at most k − 1 frames and a turn makes N/k sends.
 */
import type { StreamSettings } from "../../protocol/control/calls.ts";

/** Share of a core at which merging begins; below it every frame goes out at once. */
const STRETCH_ABOVE = 0.3;
/** Share of a core that a stretched shard is steered to. */
const STEER_TO = 0.18;
/** The least left for sending when other work fills the thread. */
const SENDING_MIN = 0.06;
/** Predicted share of a core below which merging ends. */
const RELAX_BELOW = 0.24;
/** Changes smaller than this are not made: hysteresis. */
const DEAD_BAND = 0.15;
const STRETCH_MAX = 64;
/** While there is room a stretched shard is steered by the mean of so many periods: single ones differ by a quarter. */
const STEER_PERIODS = 4;

/** How far a shard stretches the merging of its streams, from its own use of the processor. */
export class MergeStretch {
  #stretch = 1;
  /** Periods since it was last looked at, and their sums. */
  #periods = 0;
  #busy = 0;
  #sending = 0;

  /** Frames per send before each stream's ceiling; 1 or more, not whole. */
  get value(): number {
    return this.#stretch;
  }

  /**
   * Takes one period's measure.
   *
   * @param busy Share of a core that the thread used, 0–1.
   * @param sending Share of a core spent in fan-out, within `busy`.
   */
  update(busy: number, sending: number): void {
    const atOnce = Math.max(0, busy - sending) + sending * this.#stretch;
    if (atOnce < RELAX_BELOW || (this.#stretch === 1 && busy <= STRETCH_ABOVE)) {
      this.#stretch = 1;
      this.#forget();
      return;
    }
    this.#periods += 1;
    this.#busy += busy;
    this.#sending += sending;
    if (busy > STRETCH_ABOVE) {
      this.#steer(busy, sending);
      this.#forget();
    } else if (this.#periods === STEER_PERIODS) {
      this.#steer(this.#busy / STEER_PERIODS, this.#sending / STEER_PERIODS);
      this.#forget();
    }
  }

  #steer(busy: number, sending: number): void {
    const other = Math.max(0, busy - sending);
    const wanted = Math.max(SENDING_MIN, STEER_TO - other);
    const next = Math.min(STRETCH_MAX, Math.max(1, (this.#stretch * sending) / wanted));
    if (Math.abs(next - this.#stretch) > this.#stretch * DEAD_BAND) {
      this.#stretch = next;
    }
  }

  #forget(): void {
    this.#periods = 0;
    this.#busy = 0;
    this.#sending = 0;
  }
}

/** What one stream shows of itself. */
export interface StreamPace {
  /** Mean time between video frames in milliseconds, 0 when not known. */
  readonly frameIntervalMs: number;
  /** Messages per video frame. */
  readonly messagesPerFrame: number;
}

/**
 * The merge factor of one stream: at least 1; the longest wait (k − 1 frames) stays within `mw_latency`.
 *
 * Until two frames were seen everything goes out at once. With `mw_adaptive off` it is pinned as SRS pins it: at `mw_latency`, and not before more than `mw_msgs` messages.
 */
export function mergeFactor(settings: StreamSettings, pace: StreamPace, stretch: number): number {
  const interval = pace.frameIntervalMs;
  if (interval <= 0) {
    return 1;
  }
  const least = Math.max(1, Math.ceil(settings.sendMinIntervalMs / interval));
  if (settings.minLatency) {
    return least;
  }
  const ceiling = Math.floor(settings.mwLatencyMs / interval) + 1;
  if (!settings.mwAdaptive) {
    const forMessages = Math.ceil((settings.mwMsgs + 1) / Math.max(1, pace.messagesPerFrame));
    return Math.max(least, ceiling, forMessages);
  }
  return Math.max(least, Math.min(ceiling, Math.round(stretch)));
}
