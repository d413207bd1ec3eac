/** Who is connected and handed over: one record per row, kept by the primary for its API, its log and its counts. */
import type { StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import type { HookSession } from "../hooks/hook-session.ts";
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
  /** Callbacks about it; undefined where there are none. */
  readonly hooks?: HookSession | undefined;
  /** Streams published; a connection may publish several. */
  readonly published: Set<StreamEntry>;
  /** Streams played with their shares of the shard's load, by the numbers of the plays. */
  readonly plays: Map<number, PlayerShare>;
}

/** All clients by shard and row. */
export class Clients {
  readonly #byShard: Map<number, Client>[] = [];
  #size = 0;

  /** Adds the client of a row that has none. */
  add(client: Client): void {
    this.#rowsOf(client.shard).set(client.row, client);
    this.#size += 1;
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
