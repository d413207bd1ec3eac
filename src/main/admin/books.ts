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
import { tcUrlOf } from "./viewer-names.ts";

const KIBIBYTE = 1024;

/** What the books are kept of. */
export interface BooksHost {
  config(): Config;
  readonly coordinator: Coordinator;
  readonly clients: Clients;
  readonly pool: RingPool;
  readonly shards: readonly (ShardLink | undefined)[];
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** What sessions add up to at one moment, those included that are over. */
export interface Sums {
  readonly total: Bytes;
  readonly streams: ReadonlyMap<StreamRecord, Bytes>;
  readonly vhosts: ReadonlyMap<string, Bytes>;
  /** By number of the thread that carries them. */
  readonly threads: ReadonlyMap<number, Bytes>;
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
  readonly #endedByThread = new Map<number, Bytes>();
  readonly #timer: NodeJS.Timeout;
  /** Sessions since the start. */
  sessions = 0;
  /** Sessions that are over, by reason. */
  readonly ends: Map<EndReason, number> = new Map();
  /** The same by the thread that had them. */
  readonly threadEnds: Map<number, Map<EndReason, number>> = new Map();

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
    const stream = this.streamOf(client);
    const ofThread = this.threadEnds.get(client.shard) ?? new Map<EndReason, number>();
    this.threadEnds.set(client.shard, ofThread);
    for (const ends of [this.ends, ofThread, stream.ends]) {
      ends.set(reason, (ends.get(reason) ?? 0) + 1);
    }
    const bytes = { in: bytesIn, out: bytesOut };
    add(this.#ended, bytes);
    add(stream.ended, bytes);
    addTo(this.#endedByThread, client.shard, bytes);
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
    stream.wasLive = true;
    stream.past = addFigures(stream.past, figures);
    if (entry.publisher !== null && isPull(entry.publisher)) {
      const bytes = { in: figures.kibibytes * KIBIBYTE, out: 0 };
      add(stream.ended, bytes);
      add(this.#ended, bytes);
      addTo(this.#endedByThread, entry.publisher.shard, bytes);
    }
  }

  /** A thread is gone; the directory still has the rings that it wrote. What was counted in them is kept. */
  threadDied(thread: number): void {
    const { coordinator, pool } = this.#host;
    for (const { id: streamId, publisher, ringId } of coordinator.streams) {
      const isIts = ringId !== null && publisher?.shard === thread;
      const figures = isIts ? pool.figuresOf(ringId) : undefined;
      if (figures !== undefined && ringId !== null) {
        this.writerEnded({ streamId, ringId, figures });
      }
    }
  }

  /** What the writers of a stream have counted. */
  figuresOf({ entry, past }: StreamRecord): RingFigures {
    const ringId = entry?.ringId ?? null;
    const figures = ringId === null ? undefined : this.#host.pool.figuresOf(ringId);
    return figures === undefined ? past : addFigures(past, figures);
  }

  /** Video frames in a second, over the time of {@link Rate}. */
  framesPerSecond(stream: StreamRecord): number {
    const { videoFrames } = this.figuresOf(stream);
    return stream.frameRate.perSecond(this.#host.now(), videoFrames);
  }

  /** The stream that a client came for; it may play or publish others by now. */
  streamOf(client: Client): StreamRecord {
    const stream = this.streams.of(this.#keyOf(client));
    if (stream.tcUrl === "") {
      stream.tcUrl = tcUrlOf(client, stream);
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
    const threads = new Map<number, Bytes>();
    for (const [thread, bytes] of this.#endedByThread) {
      addTo(threads, thread, bytes);
    }
    for (const stream of this.streams.all()) {
      const pulled = { in: this.#pulledBytes(stream), out: 0 };
      streams.set(stream, { ...stream.ended });
      addTo(streams, stream, pulled);
      add(total, pulled);
      addTo(threads, stream.entry?.publisher?.shard ?? -1, pulled);
    }
    for (const client of this.#host.clients) {
      const bytes = this.bytesOf(client);
      add(total, bytes);
      addTo(streams, this.streamOf(client), bytes);
      addTo(threads, client.shard, bytes);
    }
    const vhosts = new Map<string, Bytes>();
    for (const [name, bytes] of this.#endedByVhost) {
      addTo(vhosts, name, bytes);
    }
    for (const [{ vhost }, bytes] of streams) {
      addTo(vhosts, vhost, bytes);
    }
    return { total, streams, vhosts, threads };
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
    for (const [stream, bytes] of streams) {
      stream.rate.sample(now, bytes.in, bytes.out);
      stream.frameRate.sample(now, this.figuresOf(stream).videoFrames, 0);
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
