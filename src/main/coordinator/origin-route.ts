/**
 * The way of one pull or push over its origins: each origin once, at once, then a pause that grows. A redirect is
 * followed at once. What an attempt says about the origin itself goes to the pool that all share.
 */
import type { ClusterConfig } from "../../protocol/conf/cluster.ts";
import type { OriginAddress } from "../../protocol/conf/endpoint.ts";
import type { AttemptEnd } from "../../protocol/control/upstream.ts";
import { backOff, type OriginPool, refusalPause, rendezvous } from "./origin-pool.ts";
import { mayFollow, REDIRECT_HOPS_MAX } from "./redirects.ts";

/** A session this long was a success: the next failure starts over. */
const STABLE_MS = 10_000;
const STEP_MAX = 10;

/** Where to go next. */
export type RouteAnswer =
  | {
      readonly kind: "go";
      readonly host: string;
      readonly port: number;
      /** What a redirect over HTTP named. */
      readonly url?: string;
    }
  | { readonly kind: "wait"; readonly ms: number };

/** What a route is given; the cluster may be another one at each step. */
export interface RouteHost {
  readonly pool: OriginPool;
  random(): number;
}

/** One way. */
export class OriginRoute {
  readonly #key: string;
  readonly #host: RouteHost;
  #tried = new Set<string>();
  /** Pauses since the last success. */
  #step = 0;
  /** An origin of this round said no. */
  #isRefused = false;
  /** The pool's address of the running attempt; "" for a redirect's target. */
  #current = "";
  /** The host that the running attempt talks to. */
  #peer = "";
  #hops = 0;
  #redirect: AttemptEnd["redirect"];
  /** Attempts made, for round robin. */
  #turns = 0;
  /** Attempts that ended without media. */
  failures = 0;
  /** The running attempt has brought media, or its publish was accepted. */
  isWorking = false;

  constructor(key: string, host: RouteHost) {
    this.#key = key;
    this.#host = host;
  }

  /** The running attempt brought media, or its publish was accepted. */
  works(): void {
    this.isWorking = true;
    if (this.#current !== "") {
      this.#host.pool.report(this.#current, "works");
    }
  }

  /** The running attempt is over. */
  ended(end: AttemptEnd, cluster: ClusterConfig): void {
    const { fault } = end;
    this.isWorking = false;
    if (fault === "redirect") {
      this.#follow(end, cluster);
      return;
    }
    this.#hops = 0;
    if (this.#current !== "") {
      if (fault === "garbage") {
        this.#host.pool.report(this.#current, "hopeless");
      } else if (fault === "connect" || fault === "reply") {
        this.#host.pool.report(this.#current, "fails");
      } else if (end.mediaMs === 0) {
        // It answers; that it has not got the stream says nothing against it.
        this.#host.pool.report(this.#current, "works");
      }
    }
    if (end.mediaMs >= STABLE_MS) {
      this.#step = 0;
      this.#tried = new Set([this.#current]);
    }
    if (end.mediaMs === 0) {
      this.failures += 1;
    }
    this.#isRefused ||= fault === "refused";
  }

  /** Where to go now. */
  next(cluster: ClusterConfig): RouteAnswer {
    const redirect = this.#redirect;
    this.#redirect = undefined;
    if (redirect !== undefined) {
      this.#current = "";
      this.#peer = redirect.host;
      return { kind: "go", ...redirect };
    }
    const origins = new Map(cluster.origins.map((origin) => [addressOf(origin), origin]));
    const all = [...origins.keys()];
    const order =
      cluster.balance === "hash" ? rendezvous(this.#key, all) : rotated(all, this.#turns);
    const left = order.filter((address) => !this.#tried.has(address));
    const address = this.#host.pool.choose(this.#key, left);
    const origin = origins.get(address ?? "");
    if (address === undefined || origin === undefined) {
      return this.#pause(all);
    }
    this.#tried.add(address);
    this.#turns += 1;
    this.#current = address;
    this.#peer = origin.host;
    return { kind: "go", host: origin.host, port: origin.port };
  }

  /** The round is over: a new one begins after a pause. */
  #pause(all: readonly string[]): RouteAnswer {
    const random = this.#host.random();
    const own = this.#isRefused ? refusalPause(random) : backOff(this.#step, random);
    this.#isRefused = false;
    this.#step = Math.min(STEP_MAX, this.#step + 1);
    this.#tried.clear();
    return { kind: "wait", ms: Math.ceil(Math.max(own, this.#host.pool.pauseOf(all))) };
  }

  #follow({ redirect }: AttemptEnd, cluster: ClusterConfig): void {
    this.#hops += 1;
    const target = redirect ?? null;
    const isAllowed =
      target !== null &&
      mayFollow({
        host: target.host,
        from: this.#peer,
        origins: cluster.origins,
        allowed: cluster.redirectAllow,
      });
    if (target !== null && isAllowed && this.#hops <= REDIRECT_HOPS_MAX) {
      this.#redirect = target;
    } else {
      this.#hops = 0;
      this.failures += 1;
    }
  }
}

/** An origin's name in the pool. */
function addressOf({ host, port }: OriginAddress): string {
  return `${host} ${port}`;
}

function rotated(addresses: readonly string[], turns: number): string[] {
  const start = addresses.length === 0 ? 0 : turns % addresses.length;
  return [...addresses.slice(start), ...addresses.slice(0, start)];
}
