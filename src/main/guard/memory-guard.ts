/**
 * Looks once a second at the memory of the process and does what its watermarks ask for. It counts what the process
 * has resident besides files: rings, heaps, buffers of HTTP. What the kernel holds for sockets is not in it.
 */
import type { Config } from "../../protocol/conf/config.ts";
import type { MemoryLimit } from "../../protocol/conf/memory-limit.ts";
import { Counter } from "../../protocol/control/board.ts";
import type { Client, Clients } from "../coordinator/clients.ts";
import { memoryInUse, memoryOfHost } from "../limits-of-host.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { MemoryLevel, type MemoryView, Watermark } from "./watermark.ts";

const LOOK_MS = 1000;
/** Of a thread's players so many are ended at a time, if they are slow; at least one. */
const SLOW_SHARE = 0.05;
const CODE = "ERR_MEMORY";
const MIB = 2 ** 20;
const PERCENT = 100;

const TEXTS: Readonly<Record<MemoryLevel, string>> = {
  0: "everybody is let in again",
  1: "new players and publishers are refused",
  2: "slow players are ended, and new players and publishers refused",
  3: "the newest publishers and slow players are ended, and new ones refused",
};

/** What a guard works with. */
export interface MemoryGuardHost {
  config(): Config;
  readonly clients: Clients;
  /** Live table of all threads. */
  readonly links: readonly (ShardLink | undefined)[];
  readonly log: Logger;
  /** Bytes that the process uses; see `memoryInUse` by default. */
  readonly used?: () => number;
  /** Bytes that it may use at most: those of the host or control group by default. */
  readonly available?: () => number;
}

/** Watches. */
export class MemoryGuard {
  readonly #host: MemoryGuardHost;
  readonly #used: () => number;
  readonly #available: () => number;
  readonly #watermark = new Watermark();
  readonly #timer: NodeJS.Timeout;
  /** Publishers that were told to go: one that hangs is not asked twice in the place of the next. */
  readonly #ending = new WeakSet<Client>();

  constructor(host: MemoryGuardHost) {
    this.#host = host;
    this.#used = host.used ?? (() => memoryInUse());
    this.#available = host.available ?? (() => memoryOfHost());
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref();
  }

  /** Looks no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** What is in force. */
  get level(): MemoryLevel {
    return this.#watermark.level;
  }

  /** Newcomers are refused. */
  get isShort(): boolean {
    return this.level !== MemoryLevel.Normal;
  }

  /** Infinity: there is none. */
  get limitBytes(): number {
    return limitOf(this.#host.config().limits.memoryLimit, this.#available);
  }

  /** Measures, and does what follows. */
  look(): void {
    const limit = this.limitBytes;
    const view = this.#watermark.look(this.#used(), limit);
    if (view.level !== view.before) {
      this.#tell(view, limit);
    }
    if (view.endsSlow) {
      this.#endSlow();
    }
    if (view.endsPublisher) {
      this.#endNewestPublisher(view);
    }
  }

  #tell({ level, share }: MemoryView, limit: number): void {
    const { log } = this.#host;
    const text = `${shown(share)} of ${Math.round(limit / MIB)} MiB of memory is used: ${TEXTS[level]}`;
    if (level === MemoryLevel.Normal) {
      log.info("memory", Number.isFinite(limit) ? text : TEXTS[level]);
    } else {
      log.warn("memory", text, CODE);
    }
  }

  /** Each thread knows who of its own lags most. */
  #endSlow(): void {
    for (const link of this.#host.links) {
      const players = link?.board.counters[Counter.Players] ?? 0;
      if (link?.isAlive && link.role !== "packager" && players > 0) {
        link.post({ kind: "end-slow", count: Math.ceil(players * SLOW_SHARE) });
      }
    }
  }

  #endNewestPublisher({ share }: MemoryView): void {
    const { clients, links, log } = this.#host;
    let newest: Client | undefined;
    for (const client of clients) {
      const isCandidate = client.published.size > 0 && !this.#ending.has(client);
      if (isCandidate && client.since >= (newest?.since ?? 0)) {
        newest = client;
      }
    }
    if (newest === undefined) {
      return;
    }
    const { id, shard, row } = newest;
    this.#ending.add(newest);
    log.warn(id, `publisher is ended: ${shown(share)} of the memory is used`, CODE);
    const ending = links[shard]?.kick(row, "no memory");
    ending?.catch((error: unknown) => log.warn(id, String(error)));
  }
}

function limitOf({ bytes, share }: MemoryLimit, available: () => number): number {
  if (bytes > 0) {
    return bytes;
  }
  return share > 0 ? available() * share : Number.POSITIVE_INFINITY;
}

function shown(share: number): string {
  return `${Math.round(share * PERCENT)} %`;
}
