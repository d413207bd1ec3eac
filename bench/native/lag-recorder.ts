/**
 * How late a load generator is. A beat is due every 10 ms and seen between two sweeps; each beat missed counts
 * with its own lateness. `backlog` is how long ready sockets have kept every sweep full: the longest a byte may
 * have waited in the generator itself.
 */
import type { Histogram } from "hdr-histogram-js";
import { buildHistogram, clampUs } from "./distribution.ts";

const BEAT_US = 10_000;

/** Percentiles in ms. */
export interface LagFigures {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly backlogMax: number;
}

export class LagRecorder {
  dueUs: number = 0;
  readonly #histogram: Histogram = buildHistogram();
  #backlogFromUs: number = 0;
  #backlogMaxUs: number = 0;

  begin(timeUs: number): void {
    this.dueUs = timeUs + BEAT_US;
  }

  beat(timeUs: number): void {
    while (this.dueUs <= timeUs) {
      this.#histogram.recordValue(clampUs(timeUs - this.dueUs));
      this.dueUs += BEAT_US;
    }
  }

  sweep(wasFull: boolean, timeUs: number): void {
    if (!wasFull) {
      this.#backlogFromUs = 0;
      return;
    }
    if (this.#backlogFromUs === 0) {
      this.#backlogFromUs = timeUs;
    }
    this.#backlogMaxUs = Math.max(this.#backlogMaxUs, timeUs - this.#backlogFromUs);
  }

  /** Figures since the last reset. */
  figures(): LagFigures {
    const histogram = this.#histogram;
    return {
      p50: histogram.getValueAtPercentile(50) / 1000,
      p99: histogram.getValueAtPercentile(99) / 1000,
      max: histogram.maxValue / 1000,
      backlogMax: this.#backlogMaxUs / 1000,
    };
  }

  reset(): void {
    this.#histogram.reset();
    this.#backlogMaxUs = 0;
  }
}
