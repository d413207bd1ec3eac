/** Vhosts, streams and clients as the API tells them. Spec: SRS compatibility §2 "V", "S", "K". */
import type { Config, VhostConfig } from "../../protocol/conf/config.ts";
import type { AudioInfo, VideoInfo } from "../../protocol/control/stream-info.ts";
import { streamUrlOf } from "../../protocol/rtmp/stream-url.ts";
import type { Client, Clients } from "../coordinator/clients.ts";
import { isPull } from "../coordinator/coordinator.ts";
import { maskSecrets } from "../log/secrets.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import type { Books, Sums } from "./books.ts";
import { idOf } from "./ids.ts";
import { type Bytes, isActive, type StreamRecord } from "./stream-records.ts";
import { nameOf, tcUrlOf } from "./viewer-names.ts";

type Mask = (url: string) => string;

interface StreamCounts {
  readonly bytes: Bytes;
  readonly clients: number;
  readonly mask: Mask;
}

const NOTHING: Bytes = { in: 0, out: 0 };

/** What is listed. */
export interface ListingHost {
  readonly config: () => Config;
  readonly books: Books;
  readonly clients: Clients;
  readonly shards: readonly (ShardLink | undefined)[];
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Tells what there is. Nothing here changes anything. */
export class Listing {
  readonly #host: ListingHost;

  constructor(host: ListingHost) {
    this.#host = host;
  }

  /** A client, by the id of its connection. */
  findClient(id: string): Client | undefined {
    for (const client of this.#host.clients) {
      if (client.id === id) {
        return client;
      }
    }
    return undefined;
  }

  /** Tells clients of one page. */
  clientTeller(): (client: Client) => object {
    const mask = rememberingMask();
    return (client) => this.#client(client, mask);
  }

  #client(client: Client, mask: Mask): object {
    const { books, config, shards, now } = this.#host;
    const { id, ip, type, request, since, shard } = client;
    const stream = books.streamOf(client);
    const bytes = books.bytesOf(client);
    const at = now();
    return {
      id,
      vhost: stream.vhostId,
      stream: stream.id,
      ip,
      pageUrl: mask(request.pageUrl),
      swfUrl: mask(request.swfUrl),
      tcUrl: mask(tcUrlOf(client, stream)),
      url: streamUrlOf(stream.vhost, stream.app, stream.name),
      name: nameOf(client, stream, config()),
      type,
      publish: client.published.size > 0 || type.endsWith("-publish"),
      alive: Math.round(at - since) / 1000,
      send_bytes: bytes.out,
      recv_bytes: bytes.in,
      kbps: books.rateOf(client).kbps(at, bytes.in, bytes.out),
      shard: shards[shard]?.name ?? "",
    };
  }

  /** Tells streams of one page; `sums` are of this moment. */
  streamTeller({ streams: sums }: Sums): (stream: StreamRecord) => object {
    const counts = this.#countClients();
    const mask = rememberingMask();
    return (stream) => {
      const clients = counts.get(stream.key) ?? 0;
      return this.#stream(stream, { bytes: sums.get(stream) ?? NOTHING, clients, mask });
    };
  }

  /** All vhosts: those of the configuration, and those that still have streams. */
  vhosts(sums: Sums): object[] {
    const names = new Set([...this.#host.config().vhosts.keys(), ...sums.vhosts.keys()]);
    const counts = this.#countClients();
    return [...names].map((name) => this.#vhost(name, sums, counts));
  }

  #vhost(name: string, { vhosts, streams }: Sums, counts: ReadonlyMap<string, number>): object {
    const { books, config, now } = this.#host;
    const bytes = vhosts.get(name) ?? NOTHING;
    const own = [...streams.keys()].filter(({ vhost }) => vhost === name);
    const vhost = config().vhosts.get(name);
    return {
      id: idOf(name),
      name,
      enabled: vhost?.enabled ?? false,
      clients: own.reduce((sum, { key }) => sum + (counts.get(key) ?? 0), 0),
      streams: own.filter(isActive).length,
      send_bytes: bytes.out,
      recv_bytes: bytes.in,
      kbps: books.rateOfVhost(name).kbps(now(), bytes.in, bytes.out),
      hls: hlsOf(vhost),
    };
  }

  #stream(stream: StreamRecord, { bytes, clients, mask }: StreamCounts): object {
    const { books, shards, now } = this.#host;
    const figures = books.figuresOf(stream);
    const shard = stream.entry?.publisher?.shard;
    return {
      id: stream.id,
      name: stream.name,
      vhost: stream.vhostId,
      app: stream.app,
      tcUrl: mask(stream.tcUrl),
      url: streamUrlOf(stream.vhost, stream.app, stream.name),
      live_ms: Date.now(),
      clients,
      frames: figures.videoFrames,
      audio_frames: figures.audioFrames,
      video_frames: figures.videoFrames,
      send_bytes: bytes.out,
      recv_bytes: bytes.in,
      kbps: stream.rate.kbps(now(), bytes.in, bytes.out),
      publish: this.#publishOf(stream),
      video: stream.video === null ? null : videoOf(stream.video),
      audio: stream.audio === null ? null : audioOf(stream.audio),
      shard: shard === undefined ? null : (shards[shard]?.name ?? null),
    };
  }

  /** A pull has no client here that could be named. */
  #publishOf({ entry }: StreamRecord): object {
    const place = entry?.publisher ?? null;
    const publisher =
      place === null || isPull(place) ? undefined : this.#host.clients.find(place.shard, place.row);
    return {
      active: place !== null && entry?.ringId !== null,
      ...(publisher === undefined ? {} : { cid: publisher.id }),
    };
  }

  /** Publishers and plays by stream. */
  #countClients(): Map<string, number> {
    const counts = new Map<string, number>();
    const count = (key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1);
    for (const { published, plays } of this.#host.clients) {
      for (const { key } of published) {
        count(key);
      }
      for (const { entry } of plays.values()) {
        count(entry.key);
      }
    }
    return counts;
  }
}

/** Entries of a page mostly have the same URLs: each is masked once. Memory: as long as the page is made. */
function rememberingMask(): Mask {
  const masked = new Map<string, string>();
  return (url) => {
    const known = masked.get(url) ?? maskSecrets(url);
    masked.set(url, known);
    return known;
  };
}

/** As SRS tells it: the length of segments in seconds, where they are made. */
function hlsOf(vhost: VhostConfig | undefined): object {
  return vhost?.hls.enabled === true
    ? { enabled: true, fragment: vhost.hls.fragmentMs / 1000 }
    : { enabled: false };
}

/** What the bytes do not say is told as SRS tells what it has not decoded. */
function videoOf({ codec, profile, level, width, height }: VideoInfo): object {
  return {
    codec,
    profile: profile ?? "Other",
    level: level ?? "Other",
    width: width ?? 0,
    height: height ?? 0,
  };
}

function audioOf({ codec, sampleRate, channels, profile }: AudioInfo): object {
  return {
    codec,
    sample_rate: sampleRate ?? 0,
    channel: channels ?? 0,
    profile: profile ?? "Other",
  };
}
