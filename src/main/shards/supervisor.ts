/** Starts the shards, watches them and replaces those that die or hang. */
import { Board, Counter } from "../../protocol/control/board.ts";
import type { PrimaryCalls, ShardNews } from "../../protocol/control/calls.ts";
import { ControlError } from "../../protocol/errors.ts";
import { HLS_MEMORY_SHARE } from "../../protocol/limits.ts";
import { Doorbell } from "../../protocol/ring/doorbell.ts";
import { memoryOfHost } from "../limits-of-host.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import {
  type GatewayPlace,
  type LinkRole,
  nameOf,
  ShardLink,
  type ShardPlace,
} from "./shard-link.ts";

/** When a shard is judged, and how. */
export interface SupervisorLimits {
  /** Heartbeats are looked at this often. */
  readonly watchMs: number;
  /** A shard silent this long is told of in the log, once for each time that it hangs. */
  readonly hangWarnMs: number;
  /** A shard silent this long is terminated. */
  readonly hangKillMs: number;
  /** So many deaths within the window make a shard wait before it is started again. */
  readonly crashesMax: number;
  readonly crashWindowMs: number;
  readonly crashPauseMs: number;
  /** Heap of a shard in MB. */
  readonly heapMb: number;
  /** Memory for the HLS of all streams. */
  readonly hlsBytesMax: number;
}

const TERMINATE_TIMEOUT_MS = 1000;

const LIMITS: SupervisorLimits = {
  watchMs: 500,
  hangWarnMs: 3000,
  hangKillMs: 10_000,
  crashesMax: 5,
  crashWindowMs: 60_000,
  crashPauseMs: 10_000,
  heapMb: 512,
  hlsBytesMax: memoryOfHost() * HLS_MEMORY_SHARE,
};

/** What the supervisor is given. */
export interface SupervisorOptions {
  readonly shards: number;
  /** Gateways, by what each is started with; their links come after the shards'. */
  readonly gateways: readonly GatewayPlace[];
  /** Packagers, after those: started by {@link Supervisor.startPackagers}. */
  readonly packagers: number;
  /** Rows per thread. */
  readonly rows: number;
  /** A thread that must not be terminated hangs: only a new process helps. */
  readonly stuck: (link: ShardLink) => void;
  readonly allowFaults: boolean;
  /** **Shared**: the version of the configuration in force. */
  readonly version: SharedArrayBuffer;
  /** **Shared**: the TLS thread's board. */
  readonly tlsBoard: SharedArrayBuffer;
  /** Those that differ from the defaults. */
  readonly limits: Partial<SupervisorLimits>;
  readonly log: Logger;
  readonly message: (shard: ShardLink, message: ShardNews) => void;
  /** After the sweep; a replacement follows. */
  readonly died: (shard: ShardLink) => void;
  readonly calls: (shard: ShardLink) => PrimaryCalls;
}

/** What outlives a shard's thread. */
/** Of an error's stack. */
const FRAMES_TOLD = 3;

interface Slot {
  readonly place: ShardPlace;
  /** **Shared**: the board. */
  readonly memory: SharedArrayBuffer;
  /** Milliseconds, monotonic, within the window. */
  deaths: number[];
  /** When it was last heard of before it fell silent, which the log has told; 0: it answers. Milliseconds, monotonic. */
  silentSince: number;
  /** When it died, until it runs again; 0: it runs. Milliseconds, monotonic. */
  diedAt: number;
  restart: NodeJS.Timeout | undefined;
}

/** All shards of the host. */
export class Supervisor {
  /** By shard index; undefined while its thread is being replaced. */
  readonly links: (ShardLink | undefined)[];
  readonly #options: SupervisorOptions;
  readonly #limits: SupervisorLimits;
  readonly #slots: readonly Slot[];
  readonly #timer: NodeJS.Timeout;
  /** Of {@link start}: shards that are not ready yet. */
  readonly #starting = new Map<number, { ready(): void; failed(error: Error): void }>();
  #hasPackagers = false;
  #isStarted = false;
  #isStopping = false;
  #watched: number = monotonicMs();
  /** Deaths since the start, for metrics. */
  deaths = 0;

  constructor(options: SupervisorOptions) {
    const { shards, gateways, packagers, rows, allowFaults, version, tlsBoard } = options;
    const threads = shards + gateways.length + packagers;
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.links = new Array<ShardLink | undefined>(threads).fill(undefined);
    const doorbells = new SharedArrayBuffer(Doorbell.bytes(threads));
    const { heapMb } = this.#limits;
    const hlsBytesMax = this.#limits.hlsBytesMax / Math.max(1, packagers);
    this.#slots = this.links.map((_, index) => ({
      place: {
        index,
        rows,
        allowFaults,
        doorbells,
        version,
        tlsBoard,
        threads,
        heapMb,
        gateway: gateways[index - shards] ?? null,
        hlsBytesMax,
        role: roleOf(index, shards, gateways.length),
      },
      memory: ShardLink.boardMemory(rows),
      deaths: [],
      silentSince: 0,
      diedAt: 0,
      restart: undefined,
    }));
    this.#timer = setInterval(() => this.#watch(), this.#limits.watchMs);
  }

  /** Starts all shards; resolves when every one is ready. @throws ControlError when one dies before that. */
  async start(): Promise<void> {
    this.#isStarted = true;
    await Promise.all(
      this.#slots
        .filter(({ place }) => this.#isWanted(place))
        .map((slot) => {
          const ready = new Promise<void>((resolve, reject) => {
            this.#starting.set(slot.place.index, { ready: resolve, failed: reject });
          });
          this.#startShard(slot);
          return ready;
        }),
    );
  }

  /** Of all threads, whether they run or not. */
  get boards(): Board[] {
    return this.#slots.map(({ memory }) => new Board(memory));
  }

  /** Of all threads, as the log has them, whether they run or not. */
  get names(): string[] {
    return this.#slots.map(({ place }) => nameOf(place));
  }

  /** From now on packagers run. Before {@link start} they are started there. */
  startPackagers(): void {
    if (this.#hasPackagers) {
      return;
    }
    this.#hasPackagers = true;
    if (this.#isStarted) {
      for (const slot of this.#slots.filter(({ place }) => place.role === "packager")) {
        this.#startShard(slot);
      }
    }
  }

  #isWanted({ role }: ShardPlace): boolean {
    return role !== "packager" || this.#hasPackagers;
  }

  /** Asks every shard to end its sessions and waits until all are gone, `timeoutMs` at most; then ends them. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#timer);
    for (const { restart } of this.#slots) {
      clearTimeout(restart);
    }
    for (const link of this.links) {
      link?.post({ kind: "stop" });
    }
    const until = monotonicMs() + timeoutMs;
    while (this.links.some((link) => link !== undefined) && monotonicMs() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const ends = this.links.map((link) => (link?.mayTerminate ? link.terminate() : undefined));
    // A thread that waits for a disk does not even end when it is told to.
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, TERMINATE_TIMEOUT_MS);
    });
    await Promise.race([Promise.all(ends), late]);
    clearTimeout(timer);
  }

  #startShard(slot: Slot): void {
    const { index } = slot.place;
    const { message, calls } = this.#options;
    const link = new ShardLink(slot.place, slot.memory, {
      message: (from, news) => {
        if (news.kind === "ready") {
          this.#starting.get(index)?.ready();
          this.#starting.delete(index);
          this.#tellReturn(slot, from);
        }
        message(from, news);
      },
      exit: (from, code, error) => this.#exited(slot, from, code, error),
      calls,
    });
    slot.silentSince = 0;
    link.board.counters[Counter.Heartbeat] = monotonicMs();
    this.links[index] = link;
  }

  #exited(slot: Slot, link: ShardLink, code: number, error: Error | undefined): void {
    const { index } = link;
    this.links[index] = undefined;
    const closed = link.sweep();
    if (this.#isStopping) {
      return;
    }
    this.deaths += 1;
    slot.diedAt = monotonicMs();
    const cause = error === undefined ? `code ${code}` : error.message;
    const text = `died: ${cause}; ${closed} descriptors closed`;
    this.#options.log.error(link.name, `${text}${placeOf(error)}`, "ERR_SHARD_DIED");
    this.#options.died(link);
    const starting = this.#starting.get(index);
    if (starting !== undefined) {
      // It would die again: nobody has asked anything of it yet.
      starting.failed(new ControlError("ERR_CONTROL_SHARD_START", text));
      return;
    }
    const pause = this.#crashPause(slot);
    if (pause > 0) {
      this.#options.log.error(link.name, `dies too often, stays down for ${pause} ms`);
    }
    slot.restart = setTimeout(() => this.#startShard(slot), pause);
  }

  #tellReturn(slot: Slot, { name }: ShardLink): void {
    if (slot.diedAt > 0) {
      const downMs = Math.round(monotonicMs() - slot.diedAt);
      this.#options.log.info(name, `runs again after ${downMs} ms`);
      slot.diedAt = 0;
    }
  }

  #crashPause(slot: Slot): number {
    const { crashesMax, crashWindowMs, crashPauseMs } = this.#limits;
    const now = monotonicMs();
    slot.deaths = slot.deaths.filter((at) => now - at < crashWindowMs);
    slot.deaths.push(now);
    return slot.deaths.length >= crashesMax ? crashPauseMs : 0;
  }

  #watch(): void {
    const { watchMs, hangWarnMs } = this.#limits;
    const now = monotonicMs();
    const lateMs = now - this.#watched - watchMs;
    this.#watched = now;
    if (lateMs > hangWarnMs / 2) {
      // The whole process stood still: nobody is judged by a time in which nobody could run.
      return;
    }
    for (const slot of this.#slots) {
      const link = this.links[slot.place.index];
      if (link !== undefined) {
        this.#judge(slot, link, now);
      }
    }
  }

  #judge(slot: Slot, link: ShardLink, now: number): void {
    const { hangWarnMs, hangKillMs } = this.#limits;
    const { log } = this.#options;
    const { counters } = link.board;
    const silentMs = Math.round(now - (counters[Counter.Heartbeat] ?? now));
    const { name } = link;
    if (silentMs > hangKillMs && !link.mayTerminate) {
      log.error(name, `hangs for ${silentMs} ms and cannot be replaced`, "ERR_GATEWAY_HANGS");
      counters[Counter.Heartbeat] = now;
      this.#options.stuck(link);
    } else if (silentMs > hangKillMs) {
      log.error(name, `hangs for ${silentMs} ms: terminated`, "ERR_SHARD_HANGS");
      // Its end takes a moment: it is not terminated twice.
      counters[Counter.Heartbeat] = now;
      void link.terminate();
    } else if (silentMs > hangWarnMs && slot.silentSince === 0) {
      log.warn(name, `does not answer for ${silentMs} ms`, "ERR_SHARD_HANGS");
      slot.silentSince = now - silentMs;
    } else if (silentMs <= hangWarnMs && slot.silentSince > 0) {
      log.info(name, `answers again, after ${Math.round(now - slot.silentSince)} ms`);
      slot.silentSince = 0;
    }
  }
}

/** Where in the code an error came from: what a report of it needs. */
function placeOf(error: Error | undefined): string {
  const frames = (error?.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const places = frames.slice(0, FRAMES_TOLD).map((line) => line.trim());
  return places.length === 0 ? "" : ` (${places.join(", ")})`;
}

function roleOf(index: number, shards: number, gateways: number): LinkRole {
  if (index < shards) {
    return "shard";
  }
  return index < shards + gateways ? "gateway" : "packager";
}
