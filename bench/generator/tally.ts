/** The counts of one generator process. */
import type { Histogram } from "hdr-histogram-js";
import { buildHistogram, clampUs, encodeHistogram } from "../native/distribution.ts";
import type { LagRecorder } from "../native/lag-recorder.ts";
import type { GeneratorCounts, GeneratorFigures, Progress } from "./calls.ts";

const REASONS_MAX = 5;

type Counts = { -readonly [Name in keyof GeneratorCounts]: number };

export class Tally {
  readonly counts: Counts = {
    connections: 0,
    live: 0,
    lost: 0,
    payloadBytes: 0,
    frames: 0,
    videoFrames: 0,
    bursts: 0,
    gaps: 0,
    disorder: 0,
    early: 0,
    beforeKeyframe: 0,
    restarts: 0,
    retries: 0,
    playlists: 0,
    segments: 0,
    refusals: 0,
    segmentsMissed: 0,
    reconnects: 0,
    viewers: 0,
    viewersChecked: 0,
  };
  readonly #reasons: Set<string> = new Set();
  readonly #latency: Histogram = buildHistogram();
  readonly #join: Histogram = buildHistogram();
  readonly #ping: Histogram = buildHistogram();
  readonly #outage: Histogram = buildHistogram();
  readonly #fetch: Histogram = buildHistogram();
  readonly #poll: Histogram = buildHistogram();

  /** A video frame of a player. */
  latency(us: number): void {
    this.counts.early += us < 0 ? 1 : 0;
    this.#latency.recordValue(clampUs(us));
  }

  /**
   * Frames that should have come and have not: what is not delivered must not be missing among the latencies.
   * Counted only where they are already later than nearly all that came; each lacking frame with its own age.
   */
  overdue(ageUs: number, intervalUs: number): void {
    if (ageUs > this.#latency.getValueAtPercentile(99) + intervalUs) {
      this.#latency.recordValueWithExpectedInterval(clampUs(ageUs), intervalUs);
    }
  }

  join(us: number): void {
    this.counts.live++;
    this.#join.recordValue(clampUs(us));
  }

  pong(us: number): void {
    this.#ping.recordValue(clampUs(us));
  }

  /** A player sees the stream's next publish begin. */
  resume(outageUs: number): void {
    this.counts.restarts++;
    this.#outage.recordValue(clampUs(outageUs));
  }

  /** A segment of HLS is whole. */
  fetched(us: number): void {
    this.counts.segments++;
    this.#fetch.recordValue(clampUs(us));
  }

  /** A playlist of HLS is whole. */
  polled(us: number): void {
    this.counts.playlists++;
    this.#poll.recordValue(clampUs(us));
  }

  lose(reason: string, wasLive: boolean): void {
    this.counts.lost++;
    this.counts.live -= wasLive ? 1 : 0;
    if (this.#reasons.size < REASONS_MAX) {
      this.#reasons.add(reason);
    }
  }

  progress(): Progress {
    return { counts: { ...this.counts }, reasons: [...this.#reasons] };
  }

  /** All figures; distributions and lag start anew. */
  take(lag: LagRecorder): GeneratorFigures {
    const figures = {
      ...this.progress(),
      distributions: {
        latency: encodeHistogram(this.#latency),
        join: encodeHistogram(this.#join),
        ping: encodeHistogram(this.#ping),
        outage: encodeHistogram(this.#outage),
        fetch: encodeHistogram(this.#fetch),
        poll: encodeHistogram(this.#poll),
      },
      lag: lag.figures(),
    };
    const all = [this.#latency, this.#join, this.#ping, this.#outage, this.#fetch, this.#poll];
    for (const histogram of all) {
      histogram.reset();
    }
    lag.reset();
    return figures;
  }
}
