/** How long frames took to reach all their players within the last minute, over all threads. */
import {
  addTurns,
  countTurns,
  TURN_CELLS,
  turnQuantileMs,
  turnsSince,
} from "../../protocol/control/turn-times.ts";

const SAMPLE_MS = 10_000;
/** The oldest sample is 50 to 60 s old. */
const SAMPLES = 6;

/** Percentiles, in milliseconds. */
export interface FanOutQuantiles {
  /** Turns of sending that they are of. */
  readonly turns: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** What is measured. */
export interface FanOutTimesHost {
  /** Of all threads, whether they run or not. */
  readonly boards: readonly { readonly turnTimes: Float64Array }[];
  /** Somebody may ask: samples are taken. */
  isAsked(): boolean;
}

/** Keeps what had been counted some moments ago. Memory: seven histograms. */
export class FanOutTimes {
  readonly #host: FanOutTimesHost;
  readonly #timer: NodeJS.Timeout;
  /** Oldest first; the first ones are of a moment when nothing had been counted. */
  readonly #samples: Float64Array[] = [new Float64Array(TURN_CELLS)];

  constructor(host: FanOutTimesHost) {
    this.#host = host;
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS).unref();
  }

  /** Measures no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** Takes a sample, every ten seconds. */
  sample(): void {
    if (!this.#host.isAsked()) {
      this.#samples.length = 0;
      return;
    }
    if (this.#samples.length === SAMPLES) {
      this.#samples.shift();
    }
    this.#samples.push(this.#merged());
  }

  /** Over the time since the oldest sample. */
  quantiles(): FanOutQuantiles {
    const merged = this.#merged();
    const [oldest = merged] = this.#samples;
    const cells = turnsSince(merged, oldest);
    const [p50 = 0, p99 = 0, p999 = 0] = [0.5, 0.99, 0.999].map((share) =>
      turnQuantileMs(cells, share),
    );
    return { turns: countTurns(cells), p50, p99, p999 };
  }

  #merged(): Float64Array {
    const sum = new Float64Array(TURN_CELLS);
    for (const { turnTimes } of this.#host.boards) {
      addTurns(sum, turnTimes);
    }
    return sum;
  }
}
