/** Who is connected and handed over: one record per row, kept by the primary for its API, its log and its counts. */
import type { StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import type { PlayerShare, StreamEntry } from "./coordinator.ts";

/** A session on a shard. */
export interface Client {
  /** Connection id of the logs. */
  readonly id: string;
  readonly ip: string;
  readonly type:
    | "rtmp-play"
    | "flv-play"
    | "hls-play"
    | "fmle-publish"
    | "flash-publish"
    | "haivision-publish";
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

/** All clients by shard and row. */
export class Clients {
  readonly #byShard: Map<number, Client>[] = [];
  #size = 0;
  /** Of those, sessions. */
  #sessions = 0;

  /** Adds the client of a row that has none. */
  add(client: Client): void {
    this.#rowsOf(client.shard).set(client.row, client);
    this.#count(client, 1);
  }

  find(shard: number, row: number): Client | undefined {
    return this.#byShard[shard]?.get(row);
  }

  /** Removes and returns a client. */
  take(shard: number, row: number): Client | undefined {
    const client = this.find(shard, row);
    if (client !== undefined) {
      this.#byShard[shard]?.delete(row);
      this.#count(client, -1);
    }
    return client;
  }

  /** Removes and returns all clients of a shard. */
  takeShard(shard: number): Client[] {
    const clients = [...this.#rowsOf(shard).values()];
    this.#rowsOf(shard).clear();
    for (const client of clients) {
      this.#count(client, -1);
    }
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

  /** Those that hold a connection: viewers of HLS come and go with each request. */
  get connections(): number {
    return this.#size - this.#sessions;
  }

  #count({ type }: Client, change: 1 | -1): void {
    this.#size += change;
    this.#sessions += type === "hls-play" ? change : 0;
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
