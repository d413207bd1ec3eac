/** What threads tell the primary: rows that are free again, rings that opened and ended, and their own end. */
import type { ShardNews } from "../protocol/control/calls.ts";
import type { Books } from "./admin/books.ts";
import {
  type Client,
  type Clients,
  removePublished,
  type SessionEnd,
} from "./coordinator/clients.ts";
import type { Coordinator } from "./coordinator/coordinator.ts";
import type { Edge } from "./coordinator/edge.ts";
import type { Forwards } from "./coordinator/forwards.ts";
import type { SettingsRollout } from "./coordinator/settings-rollout.ts";
import type { HlsDesk } from "./gateways/hls-desk.ts";
import type { Viewers } from "./gateways/viewers.ts";
import type { Logger } from "./log/logger.ts";
import { monotonicMs } from "./monotonic.ts";
import type { ShardLink } from "./shards/shard-link.ts";

/** Whom news is for. */
export interface ThreadNewsHost {
  readonly clients: Clients;
  readonly coordinator: Coordinator;
  readonly edge: Edge;
  readonly forwards: Forwards;
  readonly books: Books;
  readonly viewers: Viewers;
  readonly hls: HlsDesk;
  readonly rollout: SettingsRollout;
  readonly log: Logger;
}

/** Takes what threads tell to whom it concerns. */
export class ThreadNews {
  readonly #host: ThreadNewsHost;

  constructor(host: ThreadNewsHost) {
    this.#host = host;
  }

  /** What a thread tells. */
  take(shard: ShardLink, message: ShardNews): void {
    switch (message.kind) {
      case "gone": {
        shard.releaseRow(message.row);
        const client = this.#host.clients.take(shard.index, message.row);
        this.#host.hls.left(shard.index, message.row, message.reason);
        if (client !== undefined) {
          this.#ended(client, message);
        }
        break;
      }
      case "ring-opened":
        this.#host.coordinator.ringOpened(shard.index, message);
        this.#host.viewers.ringOpened(message.streamId);
        this.#host.hls.published(message.streamId);
        break;
      case "ring-ended":
        this.#publishEnded(shard, message);
        break;
      case "ring-released":
        this.#host.coordinator.releaseRing(shard.index, message.ringId);
        break;
      case "failed":
        this.#host.log.error(shard.name, message.text, "ERR_GATEWAY");
        break;
      case "pull-ended":
        this.#host.edge.pullEnded(shard.index, message);
        break;
      case "upstream-works":
        this.#host.edge.works(message.streamId);
        break;
      case "forward":
        this.#host.forwards.take(message);
        break;
      case "stream-info":
        this.#host.books.described(shard.index, message);
        break;
      case "settings-accepted":
        this.#host.rollout.accepted(shard, message.version);
        break;
      case "hls":
      case "hls-touched":
      case "hls-trouble":
      case "recording":
        this.#host.hls.take(shard, message);
        break;
      case "ready":
        this.#host.hls.ready(shard);
        break;
      case "stopped":
        break;
    }
  }

  #publishEnded(shard: ShardLink, message: Extract<ShardNews, { kind: "ring-ended" }>): void {
    this.#host.books.writerEnded(message);
    const ended = this.#host.coordinator.ringEnded(shard.index, message);
    if (ended !== undefined) {
      const client = this.#host.clients.find(shard.index, ended.publisher.row);
      if (client !== undefined) {
        removePublished(client, ended.entry);
        client.hooks?.end("publish", ended.entry.key);
      }
    }
  }

  #ended(client: Client, end: SessionEnd): void {
    const { reason, detail, bytesIn, bytesOut } = end;
    const seconds = ((monotonicMs() - client.since) / 1000).toFixed(1);
    const why = `${reason}${detail === "" ? "" : ` (${detail})`}`;
    const bytes = `in=${bytesIn}, out=${bytesOut}`;
    this.#host.log.info(client.id, `${client.type} ended: ${why}, ${bytes}, ${seconds} s`);
    client.hooks?.close({ sent: bytesOut, received: bytesIn });
    this.#host.clients.ended(client, end);
    for (const share of client.plays) {
      this.#host.coordinator.removePlayer(share);
    }
    for (const entry of client.published) {
      this.#host.coordinator.removePublisher(entry, client);
    }
  }

  /** A thread is gone with everything on it. */
  shardDied(shard: ShardLink): void {
    this.#host.rollout.shardDied(shard);
    this.#host.books.threadDied(shard.index);
    const clients = this.#host.clients.takeShard(shard.index);
    this.#host.coordinator.shardDied(shard.index);
    this.#host.edge.shardDied(shard.index);
    this.#host.forwards.shardDied(shard.index);
    this.#host.hls.died(shard.index);
    for (const client of clients) {
      const bytesIn = shard.board.bytesIn[client.row] ?? 0;
      const bytesOut = shard.board.bytesOut[client.row] ?? 0;
      this.#ended(client, { reason: "shard died", detail: "", bytesIn, bytesOut });
    }
  }
}
