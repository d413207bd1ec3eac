/** Who is connected and handed over: one record per row, kept by the primary for its API, its log and its counts. */
import type { EndReason } from "../../protocol/control/calls.ts";
import type { StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import type { HookSession } from "../hooks/hook-session.ts";
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
  /** Callbacks about it; undefined where there are none. */
  readonly hooks?: HookSession | undefined;
  /**
   * Streams published, {@link NO_STREAMS} for most; a connection may publish several. **Shared** between clients: replaced,
   * see {@link addPublished}, never changed.
   */
  published: ReadonlySet<StreamEntry>;
  /** Streams played with their shares of the shard's load; mostly one. Replaced, never changed. */
  plays: readonly PlayerShare[];
}

/** Of clients that publish nothing. */
export const NO_STREAMS: ReadonlySet<StreamEntry> = new Set();

/** A client publishes one stream more. */
export function addPublished(client: Client, entry: StreamEntry): void {
  client.published = new Set([...client.published, entry]);
}

/** A client publishes one stream less. */
export function removePublished(client: Client, entry: StreamEntry): void {
  const left = [...client.published].filter((one) => one !== entry);
  client.published = left.length === 0 ? NO_STREAMS : new Set(left);
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

/** All clients by shard and row. A record and a place in a table for each: there are as many as players. */
export class Clients {
  /** By row, which is a small number; undefined where there is none. */
  readonly #byShard: (Client | undefined)[][] = [];
  readonly #requests = new WeakMap<StreamEntry, StreamRequest>();
  readonly #observers: ClientsObserver[] = [];
  #size = 0;
  /** Of those, sessions. */
  #sessions = 0;

  /** Who hears of sessions from now on. */
  observe(observer: ClientsObserver): void {
    this.#observers.push(observer);
  }

  /** Adds the client of a row that has none: its session begins. */
  add(client: Client): void {
    const rows = this.#rowsOf(client.shard);
    while (rows.length < client.row) {
      rows.push(undefined);
    }
    rows[client.row] = client;
    this.#count(client, 1);
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

  /** The request that was made last for a stream where it is the same: its players mostly ask with the same words. */
  sharedRequest(entry: StreamEntry, request: StreamRequest): StreamRequest {
    const last = this.#requests.get(entry);
    if (last !== undefined && isSameRequest(last, request)) {
      return last;
    }
    this.#requests.set(entry, request);
    return request;
  }

  find(shard: number, row: number): Client | undefined {
    return this.#byShard[shard]?.[row];
  }

  /** Removes and returns a client. */
  take(shard: number, row: number): Client | undefined {
    const client = this.find(shard, row);
    if (client !== undefined) {
      this.#rowsOf(shard)[row] = undefined;
      this.#count(client, -1);
    }
    return client;
  }

  /** Removes and returns all clients of a shard. */
  takeShard(shard: number): Client[] {
    const clients = this.#rowsOf(shard).filter((client) => client !== undefined);
    this.#byShard[shard] = [];
    for (const client of clients) {
      this.#count(client, -1);
    }
    return clients;
  }

  /** All of them. */
  *[Symbol.iterator](): Iterator<Client> {
    for (const rows of this.#byShard) {
      for (const client of rows ?? []) {
        if (client !== undefined) {
          yield client;
        }
      }
    }
  }

  /** Those from number `start` on, in the order of all, `count` at the most. Memory: a list of its own. */
  page(start: number, count: number): Client[] {
    const page: Client[] = [];
    let at = 0;
    for (const rows of this.#byShard) {
      for (const client of rows ?? []) {
        if (client === undefined) {
          continue;
        }
        if (at >= start + count) {
          return page;
        }
        if (at >= start) {
          page.push(client);
        }
        at += 1;
      }
    }
    return page;
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

  #rowsOf(shard: number): (Client | undefined)[] {
    let rows = this.#byShard[shard];
    if (rows === undefined) {
      rows = [];
      this.#byShard[shard] = rows;
    }
    return rows;
  }
}

function isSameRequest(a: StreamRequest, b: StreamRequest): boolean {
  return (
    a.param === b.param &&
    a.tcUrl === b.tcUrl &&
    a.pageUrl === b.pageUrl &&
    a.swfUrl === b.swfUrl &&
    a.vhost === b.vhost &&
    a.app === b.app &&
    a.stream === b.stream &&
    a.host === b.host &&
    a.port === b.port
  );
}
