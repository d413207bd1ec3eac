/**
 * The RTMP dialogue of every connection from accept to the `publish` or `play` command, under absolute deadlines and
 * byte limits; then the hand-off to a shard.
 */
import type { Socket } from "node:net";
import { monotonicMs } from "../monotonic.ts";
import type { LobbyHost } from "./lobby-host.ts";
import { Newcomer } from "./newcomer.ts";

/** Deadlines are looked at this often. */
const SWEEP_MS = 100;
const ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH = 8;

/** A connection id as SRS makes them: eight letters and digits. */
function newConnectionId(random: () => number = Math.random): string {
  let id = "";
  for (let index = 0; index < ID_LENGTH; index += 1) {
    id += ID_ALPHABET[Math.floor(random() * ID_ALPHABET.length)] ?? "a";
  }
  return id;
}

/** All connections that have not said what they want. */
export class Lobby {
  readonly #host: LobbyHost;
  readonly #newcomers = new Set<Newcomer>();
  readonly #sweep: NodeJS.Timeout;
  #isCrowded = false;
  /** Refusals by reason, for metrics. */
  readonly refusals: Map<string, number> = new Map();

  constructor(host: LobbyHost) {
    this.#host = host;
    this.#sweep = setInterval(() => this.#checkDeadlines(), SWEEP_MS);
  }

  /** Connections in the lobby. */
  get size(): number {
    return this.#newcomers.size;
  }

  /** Takes an accepted socket. */
  accept(socket: Socket): void {
    const { maxConnections } = this.#host.config();
    if (this.#host.clients.size + this.#newcomers.size >= maxConnections) {
      this.count("max_connections");
      socket.destroy();
      return;
    }
    const newcomer = new Newcomer(socket, newConnectionId(), this.#host, (reason) =>
      this.#left(newcomer, reason),
    );
    this.#newcomers.add(newcomer);
    if (!this.#isCrowded && this.#newcomers.size >= this.#host.config().limits.unidentifiedMax) {
      this.#isCrowded = true;
      this.#host.crowded(true);
    }
  }

  /** Counts a refusal. */
  count(reason: string): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }

  /** Closes everybody. */
  close(): void {
    clearInterval(this.#sweep);
    for (const newcomer of [...this.#newcomers]) {
      newcomer.close("server stops");
    }
  }

  #left(newcomer: Newcomer, reason: string): void {
    if (!this.#newcomers.delete(newcomer)) {
      return;
    }
    if (reason !== "") {
      this.count(reason);
    }
    if (this.#isCrowded && this.#newcomers.size < this.#host.config().limits.unidentifiedMax) {
      this.#isCrowded = false;
      this.#host.crowded(false);
    }
  }

  #checkDeadlines(): void {
    const now = monotonicMs();
    for (const newcomer of [...this.#newcomers]) {
      newcomer.checkDeadline(now);
    }
  }
}
