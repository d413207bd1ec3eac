/** The counts of one generator process. */
import type { Histogram } from "hdr-histogram-js";
import { buildHistogram, clampUs, type LagRecorder } from "../native/lag-recorder.ts";
import type { GeneratorFigures, Percentiles } from "./calls.ts";

const REASONS_MAX = 5;

function percentilesOf(histogram: Histogram): Percentiles {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  const count = histogram.totalCount;
  const figures = { count, p50: at(50), p90: at(90), p99: at(99), max: histogram.maxValue / 1000 };
  return count === 0 ? { count, p50: 0, p90: 0, p99: 0, max: 0 } : figures;
}

export class Tally {
  connections: number = 0;
  live: number = 0;
  payloadBytes: number = 0;
  frames: number = 0;
  gaps: number = 0;
  disorder: number = 0;
  damaged: number = 0;
  #early: number = 0;
  /** Inter frames delivered before a player's first keyframe: undecodable, and a fault of the server. */
  beforeKeyframe: number = 0;
  #lost: number = 0;
  readonly #reasons: Set<string> = new Set();
  readonly #latency: Histogram = buildHistogram();
  readonly #join: Histogram = buildHistogram();

  latency(us: number): void {
    this.#early += us < 0 ? 1 : 0;
    this.#latency.recordValue(clampUs(us));
  }

  join(us: number): void {
    this.live++;
    this.#join.recordValue(clampUs(us));
  }

  lose(reason: string, wasLive: boolean): void {
    this.#lost++;
    this.live -= wasLive ? 1 : 0;
    if (this.#reasons.size < REASONS_MAX) {
      this.#reasons.add(reason);
    }
  }

  /** The figures; percentiles and lag start anew when `isFresh`. */
  take(lag: LagRecorder, isFresh: boolean): GeneratorFigures {
    const figures = {
      connections: this.connections,
      live: this.live,
      lost: this.#lost,
      reasons: [...this.#reasons],
      payloadBytes: this.payloadBytes,
      frames: this.frames,
      gaps: this.gaps,
      disorder: this.disorder,
      damaged: this.damaged,
      early: this.#early,
      beforeKeyframe: this.beforeKeyframe,
      latencyMs: percentilesOf(this.#latency),
      joinMs: percentilesOf(this.#join),
      lag: lag.figures(),
    };
    if (isFresh) {
      this.#latency.reset();
      this.#join.reset();
      lag.reset();
    }
    return figures;
  }
}
