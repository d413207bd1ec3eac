/**
 * The RTMP dialogue of every connection from accept to the `publish` or `play` command, under absolute deadlines and
 * byte limits; then the hand-off to a shard.
 *
 * Who is turned away: beyond `max_connections`, or close to the process's limit of open files, a few clients at a time
 * are let in to be told so, the rest is closed. Before that, and before accept is delayed because too many have not
 * said what they want, the oldest that has not even shaken hands makes room: a client that means it needs milliseconds.
 */
import type { Connection } from "./acceptor.ts";
import { newConnectionId } from "./connection-id.ts";
import { FairClock } from "./fair-clock.ts";
import type { LobbyHost } from "./lobby-host.ts";
import { closeDescriptor } from "./native.ts";
import { Newcomer, type NewcomerKeeper } from "./newcomer.ts";

/** Deadlines are looked at this often. */
const SWEEP_MS = 100;
/** Clients that are told at a time that the server is full. */
const SURPLUS_MAX = 64;
/** A newcomer has this long for its handshake before it may be crowded out. */
const CROWD_OUT_MS = 1000;
/** Accept goes on when this share of the lobby is free again. */
const FREE_SHARE = 1 / 16;
/** What was closed without a word is told once in this time. */
const TELL_MS = 1000;

/** All connections that have not said what they want. */
export class Lobby implements NewcomerKeeper {
  readonly clock: FairClock = new FairClock(SWEEP_MS);
  readonly #host: LobbyHost;
  readonly #newcomers = new Set<Newcomer>();
  /** Those without handshake, oldest first. */
  readonly #strangers = new Set<Newcomer>();
  readonly #sweep: NodeJS.Timeout;
  /** Somebody decides about so many. */
  #waiting = 0;
  #surplus = 0;
  #isCrowded = false;
  /** Closed without a word and not yet told in the log. */
  #untold = 0;
  #toldAt = 0;
  /** Refusals by reason, for metrics. */
  readonly refusals: Map<string, number> = new Map();

  constructor(host: LobbyHost) {
    this.#host = host;
    this.#sweep = setInterval(() => this.#look(), SWEEP_MS);
  }

  /** Connections in the lobby, those included that are being turned away. */
  get size(): number {
    return this.#newcomers.size;
  }

  /** Takes an accepted connection. */
  accept(connection: Connection): void {
    if (connection.ip === "" && !this.#host.config().emptyIpOk) {
      // It was gone before it was accepted, as health checks are.
      this.count("empty_ip");
      closeDescriptor(connection.descriptor);
      return;
    }
    const isSurplus = this.#isFull() && !this.#crowdOut(1);
    if (isSurplus && this.#surplus >= SURPLUS_MAX) {
      this.count("max_connections");
      this.#untold += 1;
      closeDescriptor(connection.descriptor);
      return;
    }
    const options = { id: newConnectionId(), host: this.#host, keeper: this, isSurplus };
    const newcomer = new Newcomer(connection, options);
    this.#newcomers.add(newcomer);
    this.#strangers.add(newcomer);
    this.#surplus += isSurplus ? 1 : 0;
    this.#checkCrowd();
  }

  /** Counts a refusal, of viewers at gateways too. */
  count(reason: string): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }

  /** Closes everybody. */
  close(): void {
    clearInterval(this.#sweep);
    for (const newcomer of [...this.#newcomers]) {
      newcomer.drop("server_stops", "server stops");
    }
  }

  // --- NewcomerKeeper ---

  shookHands(newcomer: Newcomer): void {
    this.#strangers.delete(newcomer);
  }

  waits(_newcomer: Newcomer, isWaiting: boolean): void {
    this.#waiting += isWaiting ? 1 : -1;
  }

  refused(newcomer: Newcomer, reason: string): void {
    this.#strangers.delete(newcomer);
    this.count(reason);
  }

  left(newcomer: Newcomer): void {
    this.#strangers.delete(newcomer);
    if (this.#newcomers.delete(newcomer)) {
      this.#surplus -= newcomer.isSurplus ? 1 : 0;
      this.#checkCrowd();
    }
  }

  // --- inside ---

  #isFull(): boolean {
    const { clients, files } = this.#host;
    const connections = clients.connections + this.#newcomers.size - this.#surplus;
    const hasFile = files.take();
    return connections >= this.#host.config().maxConnections || !hasFile;
  }

  /** Closes up to `count` of the oldest without handshake. @returns whether there was one. */
  #crowdOut(count: number): boolean {
    const now = this.clock.now();
    let closed = 0;
    for (const newcomer of this.#strangers) {
      if (closed === count || now - newcomer.since < CROWD_OUT_MS) {
        break;
      }
      if (newcomer.isSurplus) {
        continue;
      }
      closed += 1;
      newcomer.drop("crowded_out", "no handshake, and others wait");
    }
    return closed > 0;
  }

  #checkCrowd(): void {
    const { unidentifiedMax } = this.#host.config().limits;
    const unidentified = this.#newcomers.size - this.#waiting;
    if (!this.#isCrowded && unidentified >= unidentifiedMax) {
      this.#isCrowded = !this.#crowdOut(1);
      if (this.#isCrowded) {
        this.#host.crowded(true);
      }
    } else if (this.#isCrowded && unidentified < unidentifiedMax * (1 - FREE_SHARE)) {
      this.#isCrowded = false;
      this.#host.crowded(false);
    }
  }

  #look(): void {
    this.clock.tick();
    const now = this.clock.now();
    for (const newcomer of this.#newcomers) {
      newcomer.checkDeadline(now);
    }
    if (this.#isCrowded) {
      this.#crowdOut(Math.ceil(this.#host.config().limits.unidentifiedMax * FREE_SHARE * 2));
      this.#checkCrowd();
    }
    this.#tell(now);
  }

  #tell(now: number): void {
    if (this.#untold > 0 && now - this.#toldAt >= TELL_MS) {
      const text = `${this.#untold} connections closed at once: the server is full`;
      this.#host.log.warn("lobby", text, "ERR_MAX_CONNECTIONS");
      this.#toldAt = now;
      this.#untold = 0;
    }
  }
}
