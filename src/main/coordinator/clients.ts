/** Who is connected and handed over: one record per row, kept by the primary for its API, its log and its counts. */
import type { EndReason } from "../../protocol/control/calls.ts";
import type { StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import type { PlayerShare, StreamEntry } from "./coordinator.ts";

/** A session on a shard. */
export interface Client {
  /** Connection id of the logs. */
  readonly id: string;
  readonly ip: string;
  readonly type: "rtmp-play" | "flv-play" | "fmle-publish" | "flash-publish" | "haivision-publish";
  readonly shard: number;
  readonly row: number;
  readonly request: StreamRequest;
  /** Servers that its request has passed. */
  readonly path: string;
  /** Milliseconds, monotonic. */
  readonly since: number;
  /** Streams published; a connection may publish several. */
  readonly published: Set<StreamEntry>;
  /** Streams played with their shares of the shard's load, by the numbers of the plays. */
  readonly plays: Map<number, PlayerShare>;
}

/** How a session ended. */
export interface SessionEnd {
  readonly reason: EndReason;
  /** More about it, '' for nothing. */
  readonly detail: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Who hears of every session's begin and end: RTMP and HTTP, on every thread, each exactly once. */
export interface ClientsObserver {
  /** Admitted, placed and counted. */
  joined(client: Client): void;
  /** It is in no table any more, its plays and publishes still are in the directory. */
  left(client: Client, end: SessionEnd): void;
}

/** All clients by shard and row. */
export class Clients {
  readonly #byShard: Map<number, Client>[] = [];
  readonly #observers: ClientsObserver[] = [];
  #size = 0;

  /** Who hears of sessions from now on. */
  observe(observer: ClientsObserver): void {
    this.#observers.push(observer);
  }

  /** Adds the client of a row that has none: its session begins. */
  add(client: Client): void {
    this.#rowsOf(client.shard).set(client.row, client);
    this.#size += 1;
    for (const observer of this.#observers) {
      observer.joined(client);
    }
  }

  /** Tells that the session of a client that was taken has ended. */
  ended(client: Client, end: SessionEnd): void {
    for (const observer of this.#observers) {
      observer.left(client, end);
    }
  }

  find(shard: number, row: number): Client | undefined {
    return this.#byShard[shard]?.get(row);
  }

  /** Removes and returns a client. */
  take(shard: number, row: number): Client | undefined {
    const client = this.find(shard, row);
    if (client !== undefined) {
      this.#byShard[shard]?.delete(row);
      this.#size -= 1;
    }
    return client;
  }

  /** Removes and returns all clients of a shard. */
  takeShard(shard: number): Client[] {
    const clients = [...this.#rowsOf(shard).values()];
    this.#rowsOf(shard).clear();
    this.#size -= clients.length;
    return clients;
  }

  /** All of them. */
  *[Symbol.iterator](): Iterator<Client> {
    for (const rows of this.#byShard) {
      yield* rows?.values() ?? [];
    }
  }

  /** Clients in all. */
  get size(): number {
    return this.#size;
  }

  #rowsOf(shard: number): Map<number, Client> {
    let rows = this.#byShard[shard];
    if (rows === undefined) {
      rows = new Map();
      this.#byShard[shard] = rows;
    }
    return rows;
  }
}
