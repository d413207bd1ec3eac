/** The last hour in figures, kept by the primary so that the console's plots do not begin with its page. */
import { Counter } from "../../protocol/control/board.ts";
import { HISTORY_SAMPLES_MAX } from "../../protocol/limits.ts";
import type { Server } from "../server.ts";
import type { HostFigures } from "./host-figures.ts";
import { isActive } from "./stream-records.ts";

const SAMPLE_MS = 10_000;
const SECOND_MS = 1000;
const BITS = 8;

/** Names of the columns, in the order of {@link History.columns}. */
export const HISTORY_COLUMNS = [
  "at_ms",
  "recv_bits",
  "send_bits",
  "streams",
  "clients",
  "cores",
  "delay_ms",
] as const;

/** What is measured. */
export interface HistoryHost {
  readonly server: Server;
  readonly figures: HostFigures;
  /** Somebody may ask: samples are taken. */
  readonly isAsked: () => boolean;
}

/** A sample every ten seconds, the oldest makes way. */
export class History {
  readonly #host: HistoryHost;
  readonly #timer: NodeJS.Timeout;
  readonly #samples = new Float64Array(HISTORY_SAMPLES_MAX * HISTORY_COLUMNS.length);
  #count = 0;
  #before: { readonly at: number; readonly in: number; readonly out: number } | undefined;

  constructor(host: HistoryHost) {
    this.#host = host;
    this.sample(Date.now());
    this.#timer = setInterval(() => this.sample(Date.now()), SAMPLE_MS).unref();
  }

  /** Measures no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** All samples, oldest first, each with a value for each of {@link HISTORY_COLUMNS}. */
  rows(): number[][] {
    const width = HISTORY_COLUMNS.length;
    const rows: number[][] = [];
    for (let at = Math.max(0, this.#count - HISTORY_SAMPLES_MAX); at < this.#count; at += 1) {
      const begin = (at % HISTORY_SAMPLES_MAX) * width;
      rows.push(Array.from(this.#samples.subarray(begin, begin + width)));
    }
    return rows;
  }

  /** Takes one. @param at Milliseconds since the epoch. */
  sample(at: number): void {
    const { server, figures, isAsked } = this.#host;
    if (!isAsked()) {
      this.#before = undefined;
      return;
    }
    const { total, streams } = server.books.sums();
    const before = this.#before;
    this.#before = { at, in: total.in, out: total.out };
    if (before === undefined || at <= before.at) {
      return;
    }
    const bitsFrom = (bytes: number): number =>
      Math.round((Math.max(0, bytes) * BITS * SECOND_MS) / (at - before.at));
    const values = [
      at,
      bitsFrom(total.in - before.in),
      bitsFrom(total.out - before.out),
      [...streams.keys()].filter(isActive).length,
      server.clients.size,
      figures.selfCpuShare,
      this.#worstDelay(),
    ];
    this.#samples.set(values, (this.#count % HISTORY_SAMPLES_MAX) * values.length);
    this.#count += 1;
  }

  #worstDelay(): number {
    const delays = this.#host.server.supervisor.links.map((link) =>
      link?.isAlive === true ? (link.board.counters[Counter.LoopDelay] ?? 0) : 0,
    );
    return Math.max(0, ...delays);
  }
}
