/** Metrics of each thread: how busy it is, how late, what it sends and how long that takes. */
import { type IntervalHistogram, monitorEventLoopDelay, performance } from "node:perf_hooks";
import { Counter } from "../../protocol/control/board.ts";
import { readTurns, TURN_BOUNDS_MS } from "../../protocol/control/turn-times.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { Books, Sums } from "./books.ts";
import type { FanOutTimes } from "./fan-out-times.ts";
import { byLabel, histogramSamples, type MetricFamily } from "./metric-text.ts";
import type { Bytes } from "./stream-records.ts";

const SECOND_MS = 1000;
const NANOSECONDS = 1e9;
const RESOLUTION_MS = 20;
const MAIN = "main";

interface Column {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly counter: number;
  /** What a value of the board is divided by. */
  readonly unit?: number;
}

const COLUMNS: readonly Column[] = [
  {
    name: "weir_thread_utilisation",
    type: "gauge",
    help: "Share of a core that the thread uses, 0 to 1.",
    counter: Counter.Utilisation,
  },
  {
    name: "weir_thread_loop_delay_seconds",
    type: "gauge",
    help: "How late the thread's loop came to its work, at most within the last second.",
    counter: Counter.LoopDelay,
    unit: SECOND_MS,
  },
  {
    name: "weir_thread_players",
    type: "gauge",
    help: "Plays on the thread.",
    counter: Counter.Players,
  },
  {
    name: "weir_thread_publishers",
    type: "gauge",
    help: "Streams that the thread writes.",
    counter: Counter.Publishers,
  },
  {
    name: "weir_thread_merge_stretch",
    type: "gauge",
    help: "Frames that are sent together because the thread is busy; 1: none wait.",
    counter: Counter.MergeStretch,
  },
  {
    name: "weir_thread_sends_total",
    type: "counter",
    help: "Sends of media.",
    counter: Counter.Sends,
  },
  {
    name: "weir_thread_skips_total",
    type: "counter",
    help: "Times that slow players were moved to the newest keyframe.",
    counter: Counter.Skips,
  },
  {
    name: "weir_thread_resets_total",
    type: "counter",
    help: "Connections reset because their stream had passed them.",
    counter: Counter.Resets,
  },
  {
    name: "weir_thread_stalls_total",
    type: "counter",
    help: "Players closed because they took nothing.",
    counter: Counter.Stalls,
  },
];

/** What is told about. */
export interface ThreadMetricsHost {
  /** Live table of all threads. */
  readonly threads: readonly (ShardLink | undefined)[];
  /** Of those that are being replaced, too. */
  readonly threadNames: readonly string[];
  readonly books: Books;
  readonly fanOut: FanOutTimes;
}

/** Measures the primary's own loop, and reads what the other threads count. */
export class ThreadMetrics {
  readonly #host: ThreadMetricsHost;
  /** From the first scrape on. */
  #delay: IntervalHistogram | undefined;
  #utilisation = performance.eventLoopUtilization();

  constructor(host: ThreadMetricsHost) {
    this.#host = host;
  }

  /** Measures no more. */
  close(): void {
    this.#delay?.disable();
  }

  /** All of them. The primary's delay is the largest since this was last asked. */
  families({ threads: bytes }: Sums): MetricFamily[] {
    const { threads, threadNames, books, fanOut } = this.#host;
    const links = threads.filter((link): link is ShardLink => link?.isAlive === true);
    const families = COLUMNS.map(({ counter, unit = 1, ...column }) =>
      byLabel(
        column,
        "thread",
        links.map(({ name, board }) => [name, (board.counters[counter] ?? 0) / unit]),
      ),
    );
    const up = { type: "gauge", help: "1 while the thread runs." } as const;
    const states = threads.map((link, index): [string, number] => [
      threadNames[index] ?? "",
      link?.isAlive === true ? 1 : 0,
    ]);
    return [
      ...families.map((family) => this.#withMain(family)),
      byLabel({ name: "weir_thread_up", ...up }, "thread", states),
      ...traffic(links, bytes),
      ends(threadNames, books),
      fanOutBuckets(links),
      fanOutQuantiles(fanOut),
    ];
  }

  #withMain(family: MetricFamily): MetricFamily {
    const value = this.#ownValue(family.name);
    const own = { labels: { thread: MAIN }, value: value ?? 0 };
    return value === undefined ? family : { ...family, samples: [own, ...family.samples] };
  }

  #ownValue(name: string): number | undefined {
    if (name === "weir_thread_utilisation") {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, this.#utilisation);
      this.#utilisation = now;
      return utilization;
    }
    if (name === "weir_thread_loop_delay_seconds") {
      return this.#ownDelay();
    }
    return undefined;
  }

  #ownDelay(): number {
    if (this.#delay === undefined) {
      this.#delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.#delay.enable();
      return 0;
    }
    const { max } = this.#delay;
    this.#delay.reset();
    return Math.max(0, max / NANOSECONDS - RESOLUTION_MS / SECOND_MS);
  }
}

/** What sessions on each thread moved; of HLS its packager's. */
function traffic(links: readonly ShardLink[], bytes: ReadonlyMap<number, Bytes>): MetricFamily[] {
  const family = (name: string, help: string, of: (bytes: Bytes) => number): MetricFamily =>
    byLabel(
      { name, type: "counter", help },
      "thread",
      links.map(({ name: thread, index }) => [thread, of(bytes.get(index) ?? { in: 0, out: 0 })]),
    );
  return [
    family("weir_thread_receive_bytes_total", "Bytes received on the thread.", (of) => of.in),
    family("weir_thread_send_bytes_total", "Bytes sent on the thread.", (of) => of.out),
  ];
}

function ends(names: readonly string[], { threadEnds }: Books): MetricFamily {
  return {
    name: "weir_sessions_ended_total",
    type: "counter",
    help: "Sessions that are over.",
    samples: [...threadEnds].flatMap(([index, reasons]) => {
      const thread = names[index] ?? "";
      return [...reasons].map(([reason, value]) => ({ labels: { thread, reason }, value }));
    }),
  };
}

function fanOutQuantiles(fanOut: FanOutTimes): MetricFamily {
  const { p50, p99, p999 } = fanOut.quantiles();
  return byLabel(
    {
      name: "weir_fan_out_quantile_seconds",
      type: "gauge",
      help: "The time that a share of all threads' turns did not exceed, over the last minute.",
    },
    "quantile",
    [
      ["0.5", p50 / SECOND_MS],
      ["0.99", p99 / SECOND_MS],
      ["0.999", p999 / SECOND_MS],
    ],
  );
}

function fanOutBuckets(links: readonly ShardLink[]): MetricFamily {
  const bounds = TURN_BOUNDS_MS.map((ms) => ms / SECOND_MS);
  return {
    name: "weir_fan_out_seconds",
    type: "histogram",
    help: "From a frame's announcement until the players whose turn it was were sent it, by turn.",
    samples: links.flatMap(({ name, board }) => {
      const { counts, sumMs } = readTurns(board.turnTimes);
      return histogramSamples({ thread: name }, bounds, counts, sumMs / SECOND_MS);
    }),
  };
}
