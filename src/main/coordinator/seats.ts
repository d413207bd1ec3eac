/**
 * Who plays and publishes at one time, counted for the `limits` of vhosts: once for the whole host, whatever the protocol
 * and the thread. All are counted, also where no limit is set: a reload may set one. A seat is taken when a play or
 * publish has its place in the directory, and given back when the directory lets go of it, so nothing that is still being
 * decided holds one.
 */
import { decodeNetwork, isInNetwork, subscriberOf } from "../../protocol/access/network.ts";
import type { AccessAction } from "../../protocol/access/security.ts";
import type { SeatLimits } from "../../protocol/conf/config-types.ts";
import { RejectedError } from "../../protocol/errors.ts";
import type { Logger } from "../log/logger.ts";

/** Refusals by one limit of one vhost are told once in this time. */
const TELL_MS = 1000;

/** Who wants a seat. */
export interface SeatClaim {
  readonly action: AccessAction;
  /** Name of the vhost that serves it. */
  readonly vhost: string;
  /** `vhost/app/stream`. */
  readonly key: string;
  /** '' when the peer has none: it is not counted by address. */
  readonly ip: string;
  /** Name of its token; '' for none. */
  readonly token: string;
}

/** What seats are counted with. */
export interface SeatsHost {
  /** Limits of a vhost by the configuration in force; undefined when there is no such vhost. */
  limitsOf(vhost: string): SeatLimits | undefined;
  readonly log: Pick<Logger, "warn">;
  /** Milliseconds, monotonic. */
  now(): number;
}

/** One limit: what it is called, whom it counts together, and what those hear who come beyond it. */
interface Kind {
  readonly directive: string;
  readonly code: string;
  readonly text: string;
  max(limits: SeatLimits): number;
  /** Those with the same one count together; '' = it does not count. */
  keyOf(claim: SeatClaim): string;
}

/** The narrowest first: the reason that is told is the one that helps most. */
const KINDS: readonly Kind[] = [
  {
    directive: "token_sessions",
    code: "ERR_LIMIT_TOKEN",
    text: "The token is in use.",
    max: ({ tokenSessions }) => tokenSessions,
    keyOf: ({ vhost, token }) => (token === "" ? "" : `${vhost} ${token}`),
  },
  {
    directive: "address_sessions",
    code: "ERR_LIMIT_ADDRESS",
    text: "Too many sessions from this address.",
    max: ({ addressSessions }) => addressSessions,
    keyOf: ({ vhost, ip }) => (ip === "" ? "" : `${vhost} ${subscriberOf(ip)}`),
  },
  {
    directive: "stream_players",
    code: "ERR_LIMIT_STREAM",
    text: "The stream has too many players.",
    max: ({ streamPlayers }) => streamPlayers,
    keyOf: ({ action, key }) => (action === "play" ? key : ""),
  },
  {
    directive: "players",
    code: "ERR_LIMIT_PLAYERS",
    text: "There are too many players.",
    max: ({ players }) => players,
    keyOf: ({ action, vhost }) => (action === "play" ? vhost : ""),
  },
  {
    directive: "publishers",
    code: "ERR_LIMIT_PUBLISHERS",
    text: "There are too many publishers.",
    max: ({ publishers }) => publishers,
    keyOf: ({ action, vhost }) => (action === "publish" ? vhost : ""),
  },
];

const STATUSES: Readonly<Record<AccessAction, string>> = {
  publish: "NetStream.Publish.Denied",
  play: "NetStream.Play.Failed",
};

/** Seats that count together; it is in its table for as long as there are some. */
interface Tally {
  readonly key: string;
  readonly table: Map<string, Tally>;
  count: number;
}

/** The place of one play or publish among those that are counted. */
export class Seat {
  #tallies: readonly Tally[];

  constructor(tallies: readonly Tally[]) {
    this.#tallies = tallies;
  }

  /** Whether it counts there. */
  isIn(tally: Tally): boolean {
    return this.#tallies.includes(tally);
  }

  /** Gives it back; once, however often it is called. */
  release(): void {
    const tallies = this.#tallies;
    this.#tallies = [];
    for (const tally of tallies) {
      tally.count -= 1;
      if (tally.count === 0) {
        tally.table.delete(tally.key);
      }
    }
  }
}

interface Told {
  /** Refused since it was told. */
  count: number;
  /** Milliseconds, monotonic. */
  at: number;
}

/** All seats of the host. Memory: one for each play and publish; a tally for each vhost, stream, address and token of them. */
export class Seats {
  readonly #host: SeatsHost;
  /** In the order of {@link KINDS}. */
  readonly #tables: readonly Map<string, Tally>[] = KINDS.map(() => new Map());
  /** By vhost and directive, so as many as configurations have named. */
  readonly #told = new Map<string, Told>();

  constructor(host: SeatsHost) {
    this.#host = host;
  }

  /** Tallies that somebody is counted in. */
  get size(): number {
    return this.#tables.reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Why there is no seat; undefined when there is one, until this turn of the loop is over.
   * @param claim null: it is not counted, nor refused. @param leaving The seat of whom it would replace.
   */
  refusalOf(claim: SeatClaim | null, leaving: Seat | null = null): RejectedError | undefined {
    const limits = claim === null ? undefined : this.#host.limitsOf(claim.vhost);
    if (claim === null || limits === undefined) {
      return undefined;
    }
    for (const [index, kind] of KINDS.entries()) {
      const max = kind.max(limits);
      const tally = max === 0 ? undefined : this.#tables[index]?.get(kind.keyOf(claim));
      if (tally === undefined) {
        continue;
      }
      const others = tally.count - (leaving?.isIn(tally) === true ? 1 : 0);
      if (others >= max && !isExempt(kind, claim, limits)) {
        this.#tell(kind, claim, max);
        return new RejectedError(kind.code, STATUSES[claim.action], kind.text);
      }
    }
    return undefined;
  }

  /** Takes one, whatever the limits say: {@link refusalOf} is asked in the same turn. */
  take(claim: SeatClaim | null): Seat | null {
    if (claim === null) {
      return null;
    }
    const tallies: Tally[] = [];
    for (const [index, kind] of KINDS.entries()) {
      const key = kind.keyOf(claim);
      const table = this.#tables[index];
      if (key === "" || table === undefined) {
        continue;
      }
      const tally = table.get(key) ?? { key, table, count: 0 };
      tally.count += 1;
      table.set(key, tally);
      tallies.push(tally);
    }
    return new Seat(tallies);
  }

  /** One line once in a while for all who meet the same limit: they may come in thousands. */
  #tell({ directive, code }: Kind, { vhost, key, ip }: SeatClaim, max: number): void {
    const name = `${vhost} ${directive}`;
    const told = this.#told.get(name) ?? { count: 0, at: Number.NEGATIVE_INFINITY };
    this.#told.set(name, told);
    told.count += 1;
    const now = this.#host.now();
    if (now - told.at >= TELL_MS) {
      const text = `vhost ${vhost}: ${directive} ${max} is reached, refused: ${told.count}, the last one: stream=${key}, ip=${ip}`;
      this.#host.log.warn("limits", text, code);
      told.at = now;
      told.count = 0;
    }
  }
}

function isExempt({ directive }: Kind, { ip }: SeatClaim, { addressExempt }: SeatLimits): boolean {
  if (directive !== "address_sessions" || addressExempt.length === 0) {
    return false;
  }
  const address = decodeNetwork(ip);
  return addressExempt.some((network) => isInNetwork(network, address));
}
