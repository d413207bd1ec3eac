/**
 * What the API and the metrics know beyond the directory: bytes of sessions that are over, rates, and what a stream
 * carries. Bytes of running sessions stay on the boards and are read there when somebody asks.
 */
import { type Config, resolveVhost } from "../../protocol/conf/config.ts";
import type { EndReason } from "../../protocol/control/calls.ts";
import type { StreamInfo } from "../../protocol/control/stream-info.ts";
import type { RingFigures } from "../../protocol/ring/ring-figures.ts";
import { streamKey } from "../../protocol/rtmp/stream-url.ts";
import type { Client, Clients, ClientsObserver, SessionEnd } from "../coordinator/clients.ts";
import { type Coordinator, isPull } from "../coordinator/coordinator.ts";
import type { RingPool } from "../coordinator/ring-pool.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { Rate, SAMPLE_MS } from "./rate.ts";
import { type Bytes, type StreamRecord, StreamRecords } from "./stream-records.ts";

const KIBIBYTE = 1024;

/** What the books are kept of. */
export interface BooksHost {
  config(): Config;
  readonly coordinator: Coordinator;
  readonly clients: Clients;
  readonly pool: RingPool;
  readonly shards: readonly (ShardLink | undefined)[];
  /** Milliseconds, monotonic. */
  now(): number;
}

/** What sessions add up to at one moment, those included that are over. */
export interface Sums {
  readonly total: Bytes;
  readonly streams: ReadonlyMap<StreamRecord, Bytes>;
  readonly vhosts: ReadonlyMap<string, Bytes>;
}

/** The end of a publish or pull. */
interface WriterEnd {
  readonly streamId: number;
  readonly ringId: number;
  readonly figures: RingFigures;
}

/** The books of the server. */
export class Books implements ClientsObserver {
  readonly streams: StreamRecords;
  readonly #host: BooksHost;
  readonly #clientRates = new WeakMap<Client, Rate>();
  readonly #vhostRates = new Map<string, Rate>();
  /** Of sessions that are over. */
  readonly #ended: Bytes = { in: 0, out: 0 };
  /** Of streams that are not listed any more. */
  readonly #endedByVhost = new Map<string, Bytes>();
  readonly #timer: NodeJS.Timeout;
  /** Sessions since the start. */
  sessions = 0;
  /** Sessions that are over, by reason. */
  readonly ends: Map<EndReason, number> = new Map();

  constructor(host: BooksHost) {
    this.#host = host;
    this.streams = new StreamRecords({
      coordinator: host.coordinator,
      now: host.now,
      removed: ({ vhost, ended }) => addTo(this.#endedByVhost, vhost, ended),
    });
    host.clients.observe(this);
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref();
  }

  /** Keeps no rates any more. */
  close(): void {
    clearInterval(this.#timer);
  }

  // --- ClientsObserver ---

  joined(client: Client): void {
    this.sessions += 1;
    // Rates count from the first client.
    this.rateOfVhost(this.streamOf(client).vhost);
  }

  left(client: Client, { reason, bytesIn, bytesOut }: SessionEnd): void {
    this.ends.set(reason, (this.ends.get(reason) ?? 0) + 1);
    this.#ended.in += bytesIn;
    this.#ended.out += bytesOut;
    const stream = this.streamOf(client);
    stream.ended.in += bytesIn;
    stream.ended.out += bytesOut;
    stream.skips += this.#host.shards[client.shard]?.board.skips[client.row] ?? 0;
  }

  // --- what is told and asked ---

  /** The thread that writes a stream tells what it carries. */
  described(shard: number, { streamId, video, audio }: StreamInfo): void {
    const entry = this.#host.coordinator.findById(streamId);
    if (entry?.publisher?.shard === shard) {
      const stream = this.streams.of(entry.key);
      stream.video = video;
      stream.audio = audio;
    }
  }

  /** A publish or pull ends; the directory still has its ring. What was counted is kept. */
  writerEnded({ streamId, ringId, figures }: WriterEnd): void {
    const entry = this.#host.coordinator.findById(streamId);
    if (entry === undefined || entry.ringId !== ringId) {
      return;
    }
    const stream = this.streams.of(entry.key);
    stream.past = addFigures(stream.past, figures);
    if (isPull(entry.publisher)) {
      stream.ended.in += figures.kibibytes * KIBIBYTE;
      this.#ended.in += figures.kibibytes * KIBIBYTE;
    }
  }

  /** What the writers of a stream have counted. */
  figuresOf({ entry, past }: StreamRecord): RingFigures {
    const ringId = entry?.ringId ?? null;
    const figures = ringId === null ? undefined : this.#host.pool.figuresOf(ringId);
    return figures === undefined ? past : addFigures(past, figures);
  }

  /** The stream that a client came for; it may play or publish others by now. */
  streamOf(client: Client): StreamRecord {
    const stream = this.streams.of(this.#keyOf(client));
    if (stream.tcUrl === "") {
      stream.tcUrl = client.request.tcUrl;
    }
    return stream;
  }

  /** Bytes of a running session. */
  bytesOf({ shard, row }: Client): Bytes {
    const board = this.#host.shards[shard]?.board;
    return { in: board?.bytesIn[row] ?? 0, out: board?.bytesOut[row] ?? 0 };
  }

  /** Adds up all sessions. */
  sums(): Sums {
    const total = { ...this.#ended };
    const streams = new Map<StreamRecord, Bytes>();
    for (const stream of this.streams.all()) {
      const pulled = this.#pulledBytes(stream);
      streams.set(stream, { in: stream.ended.in + pulled, out: stream.ended.out });
      total.in += pulled;
    }
    for (const client of this.#host.clients) {
      const bytes = this.bytesOf(client);
      add(total, bytes);
      addTo(streams, this.streamOf(client), bytes);
    }
    const vhosts = new Map<string, Bytes>();
    for (const [name, bytes] of this.#endedByVhost) {
      addTo(vhosts, name, bytes);
    }
    for (const [{ vhost }, bytes] of streams) {
      addTo(vhosts, vhost, bytes);
    }
    return { total, streams, vhosts };
  }

  /** The rate of a session. */
  rateOf(client: Client): Rate {
    let rate = this.#clientRates.get(client);
    if (rate === undefined) {
      rate = new Rate(client.since);
      this.#clientRates.set(client, rate);
    }
    return rate;
  }

  /** The rate of a vhost. */
  rateOfVhost(name: string): Rate {
    let rate = this.#vhostRates.get(name);
    if (rate === undefined) {
      rate = new Rate(this.#host.now());
      this.#vhostRates.set(name, rate);
    }
    return rate;
  }

  // --- inside ---

  #keyOf({ published, plays, request }: Client): string {
    for (const { key } of published) {
      return key;
    }
    for (const { entry } of plays.values()) {
      return entry.key;
    }
    const vhost = resolveVhost(this.#host.config(), request.vhost)?.name ?? request.vhost;
    return streamKey({ ...request, vhost });
  }

  /** What an edge pulls is no client's: it is told by the stream's ring. */
  #pulledBytes({ entry }: StreamRecord): number {
    const ringId = isPull(entry?.publisher ?? null) ? entry?.ringId : null;
    const figures = typeof ringId === "number" ? this.#host.pool.figuresOf(ringId) : undefined;
    return (figures?.kibibytes ?? 0) * KIBIBYTE;
  }

  #sample(): void {
    const { httpApi, exporter } = this.#host.config();
    if (!httpApi.enabled && !exporter.enabled) {
      // Nobody asks for rates. What has ended is let go all the same.
      this.streams.all();
      return;
    }
    const now = this.#host.now();
    const { streams, vhosts } = this.sums();
    for (const [{ rate }, bytes] of streams) {
      rate.sample(now, bytes.in, bytes.out);
    }
    for (const [name, bytes] of vhosts) {
      this.rateOfVhost(name).sample(now, bytes.in, bytes.out);
    }
    for (const client of this.#host.clients) {
      const bytes = this.bytesOf(client);
      this.rateOf(client).sample(now, bytes.in, bytes.out);
    }
  }
}

function addFigures(past: RingFigures, now: RingFigures): RingFigures {
  return {
    videoFrames: past.videoFrames + now.videoFrames,
    audioFrames: past.audioFrames + now.audioFrames,
    gopMs: now.gopMs,
    jumps: past.jumps + now.jumps,
    dropped: past.dropped + now.dropped,
    kibibytes: past.kibibytes + now.kibibytes,
  };
}

function add(sum: Bytes, bytes: Bytes): void {
  sum.in += bytes.in;
  sum.out += bytes.out;
}

function addTo<Key>(sums: Map<Key, Bytes>, key: Key, bytes: Bytes): void {
  const sum = sums.get(key);
  if (sum === undefined) {
    sums.set(key, { ...bytes });
  } else {
    add(sum, bytes);
  }
}
