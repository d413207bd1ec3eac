/** Starts the shards, watches them and replaces those that die or hang. */
import { Counter } from "../../protocol/control/board.ts";
import type { FromShard, PrimaryCalls } from "../../protocol/control/calls.ts";
import { Doorbell } from "../../protocol/ring/doorbell.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import { ShardLink } from "./shard-link.ts";

const WATCH_MS = 500;
const HANG_WARN_MS = 3000;
const HANG_KILL_MS = 10_000;
/** This many deaths within the window make a shard wait before it is started again. */
const CRASHES_MAX = 5;
const CRASH_WINDOW_MS = 60_000;
const CRASH_PAUSE_MS = 10_000;

/** What the supervisor is given. */
export interface SupervisorOptions {
  readonly shards: number;
  /** Rows per shard. */
  readonly rows: number;
  readonly allowFaults: boolean;
  readonly log: Logger;
  readonly message: (shard: ShardLink, message: FromShard) => void;
  /** After the sweep; a replacement follows. */
  readonly died: (shard: ShardLink) => void;
  readonly calls: (shard: ShardLink) => PrimaryCalls;
}

/** All shards of the host. */
export class Supervisor {
  /** Slot by shard index; undefined while its thread is being replaced. */
  readonly links: (ShardLink | undefined)[];
  readonly #options: SupervisorOptions;
  readonly #memories: SharedArrayBuffer[];
  readonly #doorbells: SharedArrayBuffer;
  readonly #deaths: number[][];
  readonly #ready: (() => void)[] = [];
  readonly #timer: NodeJS.Timeout;
  #isStopping = false;
  #watched: number = monotonicMs();
  /** Deaths since the start, for metrics. */
  deaths = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.links = new Array<ShardLink | undefined>(options.shards).fill(undefined);
    this.#memories = this.links.map(() => ShardLink.boardMemory(options.rows));
    this.#deaths = this.links.map(() => []);
    this.#doorbells = new SharedArrayBuffer(Doorbell.bytes(options.shards));
    this.#timer = setInterval(() => this.#watch(), WATCH_MS);
  }

  /** Starts all shards; resolves when every one is ready. */
  async start(): Promise<void> {
    await Promise.all(
      this.links.map(
        (_, index) =>
          new Promise<void>((resolve) => {
            this.#ready[index] = resolve;
            this.#startShard(index);
          }),
      ),
    );
  }

  /** Asks every shard to end its sessions and waits until all are gone, `timeoutMs` at most. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#timer);
    for (const link of this.links) {
      link?.post({ kind: "stop" });
    }
    const until = monotonicMs() + timeoutMs;
    while (this.links.some((link) => link !== undefined) && monotonicMs() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (const link of this.links) {
      link?.terminate();
    }
  }

  #startShard(index: number): void {
    const { rows, allowFaults, message, calls } = this.#options;
    const place = {
      index,
      rows,
      allowFaults,
      doorbells: this.#doorbells,
      threads: this.links.length,
    };
    const memory = this.#memories[index];
    if (memory === undefined) {
      return;
    }
    const link = new ShardLink(place, memory, {
      message: (from, news) => {
        if (news.kind === "ready") {
          this.#ready[index]?.();
        }
        message(from, news);
      },
      exit: (from, code, error) => this.#exited(from, code, error),
      calls,
    });
    link.board.counters[Counter.Heartbeat] = monotonicMs();
    this.links[index] = link;
  }

  #exited(link: ShardLink, code: number, error: Error | undefined): void {
    const { index } = link;
    this.links[index] = undefined;
    const closed = link.sweep();
    if (this.#isStopping) {
      return;
    }
    this.deaths += 1;
    const text = error === undefined ? `code ${code}` : error.message;
    this.#options.log.error(
      `shard-${index}`,
      `shard died: ${text}; ${closed} descriptors closed`,
      "ERR_SHARD_DIED",
    );
    this.#options.died(link);
    const pause = this.#crashPause(index);
    if (pause > 0) {
      this.#options.log.error(`shard-${index}`, `dies too often, stays down for ${pause} ms`);
    }
    setTimeout(() => {
      if (!this.#isStopping) {
        this.#startShard(index);
      }
    }, pause);
  }

  #crashPause(index: number): number {
    const now = monotonicMs();
    const recent = (this.#deaths[index] ?? []).filter((at) => now - at < CRASH_WINDOW_MS);
    recent.push(now);
    this.#deaths[index] = recent;
    return recent.length >= CRASHES_MAX ? CRASH_PAUSE_MS : 0;
  }

  #watch(): void {
    const now = monotonicMs();
    const lateMs = now - this.#watched - WATCH_MS;
    this.#watched = now;
    if (lateMs > HANG_WARN_MS / 2) {
      // The whole process stood still: nobody is judged by a time in which nobody could run.
      return;
    }
    for (const link of this.links) {
      if (link === undefined) {
        continue;
      }
      const silentMs = now - (link.board.counters[Counter.Heartbeat] ?? now);
      if (silentMs > HANG_KILL_MS) {
        this.#options.log.error(
          `shard-${link.index}`,
          `hangs for ${Math.round(silentMs)} ms: terminated`,
        );
        link.board.counters[Counter.Heartbeat] = now;
        link.terminate();
      } else if (silentMs > HANG_WARN_MS) {
        this.#options.log.warn(
          `shard-${link.index}`,
          `does not answer for ${Math.round(silentMs)} ms`,
        );
      }
    }
  }
}
