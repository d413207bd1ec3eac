/**
 * The health of origins, shared by all streams, shards and vhosts: which one a stream is fetched from, and which ones
 * are left alone for a while.
 *
 * An origin that failed three times in a row is open: nobody tries it until its pause is over. Then one attempt probes
 * it; its success closes the circuit, its failure doubles the pause. An origin that came back gets its streams little
 * by little. Pure: clock and randomness are given.
 */

/** Failures in a row that open an origin. */
const FAILURES_MAX = 3;
const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 10_000;
/** Pauses are up to this share shorter or longer, so that edges do not come back together. */
const JITTER = 0.5;
/** A probe that tells nothing for this long is over. */
const PROBE_MAX_MS = 15_000;
/** While a probe is out the others look again after this. */
const PROBE_LOOK_MS = 500;
/** Over this time an origin that came back gets all its streams. */
const SLOW_START_MS = 10_000;
const SLOW_START_SHARE = 0.1;
/** Origins that nobody asked for this long are forgotten. */
const FORGET_MS = 600_000;

/** What the pool is given. */
export interface OriginPoolHost {
  /** Milliseconds, monotonic. */
  now(): number;
  /** From 0 to below 1. */
  random(): number;
}

/** What an attempt says about the origin itself. `hopeless`: it answers, but not in a way that could ever work. */
export type OriginVerdict = "works" | "fails" | "hopeless";

interface Health {
  failures: number;
  /** Pauses since it worked. */
  pauses: number;
  /** Open until then; 0: closed. */
  openUntil: number;
  /** A probe is out since then; 0: none. */
  probeSince: number;
  /** Closed again since then; 0: was never open. */
  recoveredAt: number;
  usedAt: number;
}

/** The health of all origins of the host. */
export class OriginPool {
  readonly #host: OriginPoolHost;
  readonly #origins = new Map<string, Health>();

  constructor(host: OriginPoolHost) {
    this.#host = host;
  }

  /** Origins whose health is known. */
  get size(): number {
    return this.#origins.size;
  }

  /** Each origin whose health is known; an open one is left alone. */
  *states(): Iterable<{ address: string; isOpen: boolean; failures: number }> {
    for (const [address, { openUntil, failures }] of this.#origins) {
      yield { address, isOpen: openUntil > 0, failures };
    }
  }

  /**
   * The origin of a stream: the first one in the stream's own order that may be tried. The choice of a half-open one is
   * its probe.
   * @param candidates Addresses in the stream's order, see {@link rendezvous}.
   * @returns undefined when none may be tried now.
   */
  choose(key: string, candidates: readonly string[]): string | undefined {
    const usable = candidates.filter((address) => this.#isUsable(address));
    const chosen = usable.find((address) => this.#isShared(key, address)) ?? usable[0];
    if (chosen !== undefined) {
      const health = this.#health(chosen);
      if (health.openUntil > 0) {
        health.probeSince = this.#host.now();
      }
    }
    return chosen;
  }

  /** Milliseconds until the first of these may be tried; 0 when one may be now. */
  pauseOf(candidates: readonly string[]): number {
    const pauses = candidates.map((address) => {
      if (this.#isUsable(address)) {
        return 0;
      }
      return Math.max(PROBE_LOOK_MS, this.#health(address).openUntil - this.#host.now());
    });
    return pauses.length === 0 ? 0 : Math.min(...pauses);
  }

  /** What came of an attempt. */
  report(address: string, verdict: OriginVerdict): void {
    const health = this.#health(address);
    const now = this.#host.now();
    const wasOpen = health.openUntil > 0;
    health.probeSince = 0;
    if (verdict === "works") {
      health.recoveredAt = wasOpen ? now : health.recoveredAt;
      health.failures = 0;
      health.pauses = 0;
      health.openUntil = 0;
      return;
    }
    health.failures += 1;
    if (verdict === "hopeless") {
      health.openUntil = now + refusalPause(this.#host.random());
    } else if (wasOpen || health.failures >= FAILURES_MAX) {
      // A failure of an attempt that began before it was opened changes nothing.
      if (health.openUntil <= now) {
        health.openUntil = now + backOff(health.pauses, this.#host.random());
        health.pauses += 1;
      }
    }
  }

  #isUsable(address: string): boolean {
    const { openUntil, probeSince } = this.#health(address);
    const now = this.#host.now();
    const isProbed = probeSince > 0 && now - probeSince < PROBE_MAX_MS;
    return openUntil === 0 || (openUntil <= now && !isProbed);
  }

  /** Whether a stream is among those that an origin which came back gets already. */
  #isShared(key: string, address: string): boolean {
    const { recoveredAt } = this.#health(address);
    if (recoveredAt === 0) {
      return true;
    }
    const share = (this.#host.now() - recoveredAt) / SLOW_START_MS;
    return unitHash(`${address} ${key}`) < Math.max(SLOW_START_SHARE, share);
  }

  #health(address: string): Health {
    const now = this.#host.now();
    let health = this.#origins.get(address);
    if (health === undefined) {
      this.#forgetUnused(now);
      health = {
        failures: 0,
        pauses: 0,
        openUntil: 0,
        probeSince: 0,
        recoveredAt: 0,
        usedAt: now,
      };
      this.#origins.set(address, health);
    }
    health.usedAt = now;
    return health;
  }

  #forgetUnused(now: number): void {
    for (const [address, { usedAt }] of this.#origins) {
      if (now - usedAt > FORGET_MS) {
        this.#origins.delete(address);
      }
    }
  }
}

/** Milliseconds before one that said no, or is no origin at all, is asked again. */
export function refusalPause(random: number): number {
  return PAUSE_MAX_MS * (1 + JITTER * random);
}

/** Milliseconds to wait after so many waits before: 0.5 s doubled up to 10 s, up to half more or less. */
export function backOff(step: number, random: number): number {
  const pause = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(step, 10));
  return pause * (1 - JITTER + 2 * JITTER * random);
}

/** Addresses by their weight for a key: streams spread over them, and only those of a lost one move. */
export function rendezvous(key: string, addresses: readonly string[]): string[] {
  return addresses
    .map((address, place) => ({ address, place, weight: unitHash(`${key} ${address}`) }))
    .sort((left, right) => right.weight - left.weight || left.place - right.place)
    .map(({ address }) => address);
}

const HASH_SEED = 0x81_1c_9d_c5;
const HASH_PRIME = 0x01_00_01_93;

/** From 0 to below 1. */
function unitHash(text: string): number {
  let hash = HASH_SEED;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), HASH_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
