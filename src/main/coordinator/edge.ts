/**
 * The edge's side of the directory: one pull per stream for the whole host, however many shards have players; where
 * pulls and pushes go; and what is remembered of streams that no origin has.
 *
 * A pull stands in the directory as the stream's publisher. It begins with the first player, goes on for a moment after
 * the last one, and makes way for a publisher that comes here. The shard that has the duty asks for an origin before
 * each attempt, so a change of the configuration counts from the next attempt on.
 */
import { type Config, resolveVhost, type VhostConfig } from "../../protocol/conf/config.ts";
import type {
  AttemptEnd,
  AttemptFault,
  OriginAnswer,
  OriginQuestion,
  PullEnded,
} from "../../protocol/control/upstream.ts";
import type { EdgeIdentity } from "../../protocol/rtmp/server-session.ts";
import type { StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { type Coordinator, pullPlace, type StreamEntry } from "./coordinator.ts";
import { OriginPool } from "./origin-pool.ts";
import { OriginRoute } from "./origin-route.ts";
import { originTarget } from "./origin-target.ts";
import { checkPassage } from "./passage.ts";

/** A shard or ring that cannot be had is asked for again after this; a publisher that left may come back meanwhile. */
const RETRY_MS = 250;
/** A pull that is to make way has this long. */
const YIELD_MS = 2000;
/** Streams remembered as not to be found. */
const NOT_FOUND_MAX = 10_000;

/** For whom a stream is fetched or sent on: the origin hears of it as of the client itself. */
export interface Demand {
  /** Connection id. */
  readonly id: string;
  readonly request: StreamRequest;
  /** Servers that the client's request has passed, comma-separated. */
  readonly path: string;
  /** The client came by HTTP: `follow_client` then pulls by HTTP-FLV. */
  readonly isHttp?: boolean;
}

/** What the edge is given. */
export interface EdgeHost {
  config(): Config;
  readonly coordinator: Coordinator;
  readonly shards: readonly (ShardLink | undefined)[];
  readonly log: Logger;
  /** This server's name among all, in paths. */
  readonly serverId: string;
  readonly version: string;
  readonly pid: number;
  /** Milliseconds, monotonic. */
  now(): number;
  random(): number;
  /** Runs work later; @returns what takes it back. */
  after(ms: number, work: () => void): () => void;
}

/** How many streams are pulled or pushed. */
export interface UpstreamWays {
  readonly kind: "pull" | "push";
  readonly all: number;
  /** Those whose origin sends, or takes, media now. */
  readonly working: number;
}

interface Push {
  readonly demand: Demand;
  readonly route: OriginRoute;
}

interface Pull {
  readonly id: number;
  readonly entry: StreamEntry;
  readonly shard: number;
  readonly route: OriginRoute;
  isStopping: boolean;
  /** The stream was there at least once. */
  hadMedia: boolean;
  /** Ends the pull when nobody comes back. */
  linger: (() => void) | undefined;
  /** Those who wait for its end. */
  readonly ended: (() => void)[];
}

/** All pulls and pushes of the host. */
export class Edge {
  readonly pool: OriginPool;
  readonly #host: EdgeHost;
  readonly #pulls = new Map<string, Pull>();
  /** By stream id. */
  readonly #pushes = new Map<number, Push>();
  /** Of pulls: the first player's, as in SRS. */
  readonly #demands = new WeakMap<StreamEntry, Demand>();
  /** Until when a key is known as missing. */
  readonly #notFound = new Map<string, number>();
  /** Keys whose pull makes way: none is begun meanwhile. */
  readonly #yielding = new Set<string>();
  #nextId = 1;
  /** Upstream attempts so far, for metrics. */
  attempts = 0;
  /** Attempts that are over, by what ended them, for metrics. */
  readonly faults: Map<AttemptFault, number> = new Map();

  constructor(host: EdgeHost) {
    this.#host = host;
    this.pool = new OriginPool(host);
    host.coordinator.observe({
      deserted: (entry) => this.#deserted(entry),
      vacated: (entry) => this.#vacated(entry),
    });
  }

  /** Streams being pulled. */
  get pulls(): number {
    return this.#pulls.size;
  }

  /** Streams that go to or come from origins, and of those with how many it works now. */
  get ways(): readonly UpstreamWays[] {
    const count = (
      kind: UpstreamWays["kind"],
      ways: Iterable<Pick<Push, "route">>,
    ): UpstreamWays => {
      const all = [...ways];
      return { kind, all: all.length, working: all.filter(({ route }) => route.isWorking).length };
    };
    return [count("pull", this.#pulls.values()), count("push", this.#pushes.values())];
  }

  /** A player was placed: its stream is fetched unless somebody publishes it here. */
  wanted(entry: StreamEntry, demand: Demand): void {
    if (entry.settings.upstream === null) {
      return;
    }
    const pull = this.#pulls.get(entry.key);
    if (pull === undefined) {
      this.#demands.set(entry, demand);
      this.#start(entry);
    } else {
      pull.linger?.();
      pull.linger = undefined;
    }
  }

  /** A publisher was placed: its stream is sent on. */
  publishes(entry: StreamEntry, demand: Demand): void {
    if (entry.settings.upstream !== null) {
      this.#pushes.set(entry.id, { demand, route: this.#newRoute(entry) });
    }
  }

  /**
   * What a client's connect, or its request by HTTP, tells about servers that it has passed.
   * @throws RejectedError when this server is among them: the stream would run in a circle.
   */
  passage(identity: EdgeIdentity | undefined, id: string): string {
    if (identity === undefined) {
      return "";
    }
    const { ip, pid } = identity;
    const path = checkPassage(identity.path, this.#host.serverId);
    if (ip !== "") {
      this.#host.log.info(id, `edge-srs ip=${ip}, pid=${pid}, id=${identity.id}`);
    }
    return path;
  }

  /** True while players of a stream need not even be let in: no origin had it a moment ago. */
  isNotFound(key: string): boolean {
    const until = this.#notFound.get(key);
    if (until === undefined || until > this.#host.now()) {
      return until !== undefined;
    }
    this.#notFound.delete(key);
    return false;
  }

  /** Lets the pull of a key make way for a publisher; resolves when it has, or has had its time. */
  async yieldTo(key: string): Promise<void> {
    const pull = this.#pulls.get(key);
    if (pull === undefined) {
      return;
    }
    this.#yielding.add(key);
    await new Promise<void>((resolve) => {
      const cancel = this.#host.after(YIELD_MS, resolve);
      pull.ended.push(() => {
        cancel();
        resolve();
      });
      this.#stop(pull, "published here");
    });
    this.#yielding.delete(key);
  }

  /** Where a pull or push goes next. */
  nextOrigin(shard: number, { streamId, pullId, last, needsRing }: OriginQuestion): OriginAnswer {
    const entry = this.#host.coordinator.findById(streamId);
    const way = entry === undefined ? undefined : this.#wayOf(entry, pullId);
    const vhost = way === undefined ? undefined : this.#vhostOf(way.demand);
    if (entry === undefined || way === undefined || vhost === undefined) {
      return { kind: "stop" };
    }
    const { demand, route } = way;
    const { cluster } = vhost;
    if (last !== null) {
      this.#logEnd(demand, pullId, last);
      this.faults.set(last.fault, (this.faults.get(last.fault) ?? 0) + 1);
      route.ended(last, cluster);
    }
    const next = route.next(cluster);
    const lease = needsRing ? this.#host.coordinator.lendRing(shard) : null;
    if (next.kind === "wait") {
      return { ...next, lease };
    }
    if (needsRing && lease === null) {
      return { kind: "wait", ms: RETRY_MS, lease };
    }
    this.attempts += 1;
    const options = { vhost: vhost.name, cluster, demand, isPull: pullId > 0 };
    const { port, ...target } = originTarget(next, options, this.#host);
    const origin = `${target.protocol}://${next.host}:${port}`;
    this.#host.log.info(
      demand.id,
      `${pullId > 0 ? "pull" : "push"}, stream=${entry.key}, origin=${origin}`,
    );
    return { kind: "go", target: { ...target, chunkSize: entry.settings.chunkSize }, lease };
  }

  /** The running attempt of a stream brought media, or its publish was accepted. */
  works(streamId: number): void {
    const entry = this.#host.coordinator.findById(streamId);
    const pull = entry === undefined ? undefined : this.#pulls.get(entry.key);
    if (pull === undefined) {
      this.#pushes.get(streamId)?.route.works();
    } else {
      pull.hadMedia = true;
      pull.route.works();
      this.#notFound.delete(pull.entry.key);
    }
  }

  /** A shard has ended a pull. */
  pullEnded(shard: number, { pullId, streamId }: PullEnded): void {
    const pull = this.#findPull(streamId, pullId);
    if (pull?.shard === shard) {
      this.#over(pull);
      this.#host.coordinator.removePublisher(pull.entry, pullPlace(shard, pullId));
    }
  }

  /** After the directory has forgotten a dead shard: its pulls, and what it published, are fetched elsewhere. */
  shardDied(shard: number): void {
    for (const pull of [...this.#pulls.values()]) {
      if (pull.shard === shard) {
        this.#over(pull);
      }
    }
    for (const streamId of [...this.#pushes.keys()]) {
      if (this.#host.coordinator.findById(streamId) === undefined) {
        this.#pushes.delete(streamId);
      }
    }
    for (const entry of this.#host.coordinator.streams) {
      if (entry.publisher === null) {
        this.#vacated(entry);
      }
    }
  }

  #wayOf(entry: StreamEntry, pullId: number): Push | undefined {
    if (pullId === 0) {
      return this.#pushes.get(entry.id);
    }
    const pull = this.#findPull(entry.id, pullId);
    const demand = this.#demands.get(entry);
    return pull === undefined || demand === undefined ? undefined : { demand, route: pull.route };
  }

  #findPull(streamId: number, pullId: number): Pull | undefined {
    const entry = this.#host.coordinator.findById(streamId);
    const pull = entry === undefined ? undefined : this.#pulls.get(entry.key);
    return pull?.id === pullId ? pull : undefined;
  }

  #start(entry: StreamEntry): void {
    const isNeeded = entry.publisher === null && hasPlayers(entry);
    if (!isNeeded || this.#pulls.has(entry.key) || this.#yielding.has(entry.key)) {
      return;
    }
    const { coordinator, shards } = this.#host;
    const index = coordinator.placePublisher(entry.key);
    const shard = shards[index];
    if (shard === undefined) {
      this.#host.after(RETRY_MS, () => this.#start(entry));
      return;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const route = this.#newRoute(entry);
    const [hadMedia, isStopping] = [false, false];
    const pull: Pull = {
      id,
      entry,
      shard: index,
      route,
      isStopping,
      hadMedia,
      linger: undefined,
      ended: [],
    };
    this.#pulls.set(entry.key, pull);
    entry.publisher = pullPlace(index, id);
    coordinator.announce(entry, index);
    shard.post({ kind: "pull", pullId: id, streamId: entry.id, previous: entry.previous });
  }

  #newRoute(entry: StreamEntry): OriginRoute {
    return new OriginRoute(entry.key, { pool: this.pool, random: () => this.#host.random() });
  }

  #stop(pull: Pull, why: string): void {
    if (pull.isStopping) {
      return;
    }
    pull.isStopping = true;
    pull.linger?.();
    this.#host.log.info(this.#demands.get(pull.entry)?.id ?? "", `pull ends: ${why}`);
    this.#host.shards[pull.shard]?.post({ kind: "pull-stop", pullId: pull.id });
  }

  #over(pull: Pull): void {
    pull.linger?.();
    this.#pulls.delete(pull.entry.key);
    for (const ended of pull.ended.splice(0)) {
      ended();
    }
  }

  /** The last player is gone. */
  #deserted(entry: StreamEntry): void {
    const pull = this.#pulls.get(entry.key);
    if (pull === undefined || pull.entry !== entry || pull.isStopping) {
      return;
    }
    const cluster = this.#vhostOf(this.#demands.get(entry))?.cluster;
    if (!pull.hadMedia && pull.route.failures > 0) {
      this.#remember(entry.key, cluster?.notFoundMs ?? 0);
      this.#stop(pull, "no origin has the stream");
      return;
    }
    pull.linger?.();
    pull.linger = this.#host.after(cluster?.lingerMs ?? 0, () => this.#stop(pull, "no players"));
  }

  /** Nobody writes the stream any more. */
  #vacated(entry: StreamEntry): void {
    this.#pushes.delete(entry.id);
    if (entry.settings.upstream !== null && hasPlayers(entry)) {
      // A publisher that takes the name over comes right now.
      this.#host.after(RETRY_MS, () => this.#start(entry));
    }
  }

  #remember(key: string, ms: number): void {
    if (ms === 0) {
      return;
    }
    if (this.#notFound.size >= NOT_FOUND_MAX) {
      this.#notFound.clear();
    }
    this.#notFound.set(key, this.#host.now() + ms);
  }

  /** By the configuration in force; undefined when it is no edge any more. */
  #vhostOf(demand: Demand | undefined): VhostConfig | undefined {
    const { vhost: name = "" } = demand?.request ?? {};
    const vhost = resolveVhost(this.#host.config(), name);
    return vhost?.cluster.isEdge ? vhost : undefined;
  }

  #logEnd(demand: Demand, pullId: number, { fault, detail, mediaMs }: AttemptEnd): void {
    const seconds = (mediaMs / 1000).toFixed(1);
    const text = `${pullId > 0 ? "pull" : "push"} lost its origin: ${fault} (${detail}), after ${seconds} s of media`;
    this.#host.log.warn(demand.id, text);
  }
}

function hasPlayers(entry: StreamEntry): boolean {
  return entry.players.some((count) => count > 0);
}
