/** Who is connected and handed over: one record per row, kept by the primary for its API, its log and its counts. */
import type { StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import type { PlayerShare, StreamEntry } from "./coordinator.ts";

/** A session on a shard. */
export interface Client {
  /** Connection id of the logs. */
  readonly id: string;
  readonly ip: string;
  readonly type: "rtmp-play" | "fmle-publish" | "flash-publish" | "haivision-publish";
  readonly shard: number;
  readonly row: number;
  readonly request: StreamRequest;
  /** Milliseconds, monotonic. */
  readonly since: number;
  /** Stream published, or undefined. */
  published: StreamEntry | undefined;
  /** Stream played with its share of the shard's load, or undefined. */
  playing: PlayerShare | undefined;
}

/** All clients by shard and row. */
export class Clients {
  readonly #byShard: Map<number, Client>[] = [];

  add(client: Client): void {
    this.#rowsOf(client.shard).set(client.row, client);
  }

  find(shard: number, row: number): Client | undefined {
    return this.#byShard[shard]?.get(row);
  }

  /** Removes and returns a client. */
  take(shard: number, row: number): Client | undefined {
    const client = this.find(shard, row);
    this.#byShard[shard]?.delete(row);
    return client;
  }

  /** Removes and returns all clients of a shard. */
  takeShard(shard: number): Client[] {
    const clients = [...this.#rowsOf(shard).values()];
    this.#rowsOf(shard).clear();
    return clients;
  }

  /** Clients in all. */
  get size(): number {
    return this.#byShard.reduce((sum, rows) => sum + (rows?.size ?? 0), 0);
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
