/**
 * Composition root of the primary: who exists, who knows whom, and the order in which all of it starts and closes.
 *
 * Closing order: stop accepting → lobby → shards end their sessions and exit → pool and log.
 */
import { totalmem } from "node:os";
import type { Config, ListenEndpoint } from "../protocol/conf/config.ts";
import { resolveVhost } from "../protocol/conf/config.ts";
import type {
  AdmissionAnswer,
  FromShard,
  PrimaryCalls,
  RingLease,
  RowQuestion,
} from "../protocol/control/calls.ts";
import { RejectedError, TransportError } from "../protocol/errors.ts";
import { Acceptor } from "./accept/acceptor.ts";
import { Admission } from "./accept/admission.ts";
import { FileBudget } from "./accept/file-budget.ts";
import { Lobby } from "./accept/lobby.ts";
import { type Client, Clients } from "./coordinator/clients.ts";
import { Coordinator, type StreamEntry } from "./coordinator/coordinator.ts";
import { RingPool } from "./coordinator/ring-pool.ts";
import { coresOfHost } from "./limits-of-host.ts";
import type { Logger } from "./log/logger.ts";
import { monotonicMs } from "./monotonic.ts";
import type { ShardLink } from "./shards/shard-link.ts";
import { Supervisor, type SupervisorLimits } from "./shards/supervisor.ts";

/** Share of the host's memory that rings may take. */
const RING_SHARE = 0.1;
const STOP_TIMEOUT_MS = 3000;

/** What a server is started with. */
export interface ServerOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly version: string;
  /** Lets {@link Server.supervisor} inject faults; for tests. */
  readonly allowFaults?: boolean;
  /** Times and counts of {@link Server.supervisor} that differ from its defaults. */
  readonly supervisorLimits?: Partial<SupervisorLimits>;
}

/** A running server. */
export class Server {
  readonly supervisor: Supervisor;
  readonly coordinator: Coordinator;
  readonly clients: Clients = new Clients();
  readonly pool: RingPool;
  readonly lobby: Lobby;
  readonly #config: Config;
  readonly #log: Logger;
  readonly #admission: Admission;
  readonly #acceptor: Acceptor;

  private constructor(options: ServerOptions) {
    const { config, log } = options;
    this.#config = config;
    this.#log = log;
    const shards = config.workers > 0 ? config.workers : coresOfHost();
    this.pool = new RingPool(totalmem() * RING_SHARE);
    this.supervisor = new Supervisor({
      shards,
      rows: config.maxConnections,
      allowFaults: options.allowFaults ?? false,
      limits: options.supervisorLimits ?? {},
      log,
      message: (shard, message) => this.#take(shard, message),
      died: (shard) => this.#shardDied(shard),
      calls: (shard) => this.#callsOf(shard),
    });
    const { links } = this.supervisor;
    this.coordinator = new Coordinator(this.pool, links, config.limits.spillPlayers);
    this.#admission = new Admission({
      config: () => this.#config,
      coordinator: this.coordinator,
      shards: links,
    });
    this.#acceptor = new Acceptor(
      (socket) => this.lobby.accept(socket),
      (error) => log.error("accept", error.message),
    );
    this.lobby = new Lobby({
      config: () => this.#config,
      admission: this.#admission,
      coordinator: this.coordinator,
      clients: this.clients,
      shards: links,
      log,
      serverInfo: { ip: "", pid: process.pid, version: options.version },
      files: new FileBudget(),
      crowded: (isCrowded) => (isCrowded ? this.#acceptor.suspend() : this.#acceptor.resume()),
    });
  }

  /** Starts the shards, then listens. @throws TransportError when an address cannot be had. */
  static async start(options: ServerOptions): Promise<Server> {
    const server = new Server(options);
    try {
      await server.supervisor.start();
      options.log.info("server", `${server.supervisor.links.length} shards`);
      for (const endpoint of options.config.listen) {
        const address = `${endpoint.host === "" ? "*" : endpoint.host}:${endpoint.port}`;
        server.#listen(endpoint, address);
        options.log.info("server", `listening on rtmp://${address}`);
      }
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** @throws TransportError that names the address. */
  #listen(endpoint: ListenEndpoint, address: string): void {
    try {
      this.#acceptor.listen(endpoint);
    } catch (error) {
      if (!(error instanceof TransportError)) {
        throw error;
      }
      throw new TransportError(error.code, `cannot listen on ${address}: ${error.message}`, error);
    }
  }

  /** Ends every session and thread. */
  async close(): Promise<void> {
    this.#acceptor.close();
    this.lobby.close();
    await this.supervisor.stop(STOP_TIMEOUT_MS);
  }

  #take(shard: ShardLink, message: FromShard): void {
    switch (message.kind) {
      case "gone": {
        shard.releaseRow(message.row);
        const client = this.clients.take(shard.index, message.row);
        if (client !== undefined) {
          const { reason, detail, bytesIn, bytesOut } = message;
          this.#ended(
            client,
            `${reason}${detail === "" ? "" : ` (${detail})`}, in=${bytesIn}, out=${bytesOut}`,
          );
        }
        break;
      }
      case "ring-opened":
        this.coordinator.ringOpened(shard.index, message);
        break;
      case "ring-ended":
        this.#publishEnded(shard, message);
        break;
      case "ring-released":
        this.coordinator.releaseRing(shard.index, message.ringId);
        break;
      case "ready":
      case "stopped":
        break;
    }
  }

  #publishEnded(shard: ShardLink, message: Extract<FromShard, { kind: "ring-ended" }>): void {
    const ended = this.coordinator.ringEnded(shard.index, message);
    if (ended !== undefined) {
      this.clients.find(shard.index, ended.publisher.row)?.published.delete(ended.entry);
    }
  }

  #ended(client: Client, text: string): void {
    const seconds = ((monotonicMs() - client.since) / 1000).toFixed(1);
    this.#log.info(client.id, `${client.type} ended: ${text}, ${seconds} s`);
    if (client.playing !== undefined) {
      this.coordinator.removePlayer(client.playing);
    }
    for (const entry of client.published) {
      this.coordinator.removePublisher(entry, client);
    }
  }

  #shardDied(shard: ShardLink): void {
    const clients = this.clients.takeShard(shard.index);
    this.coordinator.shardDied(shard.index);
    for (const client of clients) {
      this.#ended(client, "shard died");
    }
  }

  #callsOf(shard: ShardLink): PrimaryCalls {
    return {
      leaseRing: (_streamId, wrapBytes): Promise<RingLease | null> =>
        Promise.resolve(this.coordinator.lendRing(shard.index, wrapBytes)),
      admit: (question) => this.#admit(shard, question),
    };
  }

  /** A session that asks again after hand-off: the same rules, on the shard where it is. */
  async #admit(shard: ShardLink, question: RowQuestion): Promise<AdmissionAnswer> {
    const client = this.clients.find(shard.index, question.row);
    // The row may have been given to somebody else since it asked.
    if (client === undefined || shard.board.inode[question.row] !== question.inode) {
      return refusal("NetStream.Failed", "Unknown session.");
    }
    try {
      return question.action === "publish"
        ? await this.#admitPublish(shard, client, question)
        : this.#admitPlay(shard, client, question);
    } catch (error) {
      if (!(error instanceof RejectedError)) {
        throw error;
      }
      this.#log.info(client.id, `refused: ${error.message} (${error.status})`);
      return refusal(error.status, error.message);
    }
  }

  async #admitPublish(
    shard: ShardLink,
    client: Client,
    { stream }: RowQuestion,
  ): Promise<AdmissionAnswer> {
    const entry = await this.#admission.publish(stream);
    // It may have left, or died with its shard, while the name was made free.
    const isHere = this.clients.find(shard.index, client.row) === client;
    const lease = isHere ? this.coordinator.lendRing(shard.index) : null;
    if (lease === null) {
      this.#admission.abandon(entry);
      return refusal("NetStream.Publish.Failed", "The server has no room.");
    }
    entry.publisher = { shard: shard.index, row: client.row };
    client.published.add(entry);
    this.coordinator.announce(entry, shard.index);
    this.#log.info(client.id, `publishes again, stream=${entry.key}`);
    return { allowed: true, ...described(entry), lease };
  }

  #admitPlay(shard: ShardLink, client: Client, { stream }: RowQuestion): AdmissionAnswer {
    const { key, settings } = this.#admission.play(stream);
    const entry = this.coordinator.enter(key, settings);
    const before = client.playing;
    // The stream's ring is news of its own, as for any other player.
    this.coordinator.announce(entry, shard.index);
    client.playing = this.coordinator.addPlayer(entry, shard.index);
    if (before !== undefined) {
      this.coordinator.removePlayer(before);
    }
    this.#log.info(client.id, `plays again, stream=${entry.key}`);
    return { allowed: true, ...described(entry), lease: null };
  }

  /** URLs for people: what to publish to and to play. */
  urls(): string[] {
    const isServed = resolveVhost(this.#config, "localhost") !== undefined;
    return isServed
      ? this.#config.listen.map(
          ({ host, port }) => `rtmp://${host === "" ? "localhost" : host}:${port}`,
        )
      : [];
  }
}

function refusal(status: string, description: string): AdmissionAnswer {
  return { allowed: false, status, description };
}

function described({ id: streamId, key, settings, previous }: StreamEntry): {
  streamId: number;
  key: string;
  settings: StreamEntry["settings"];
  previous: StreamEntry["previous"];
} {
  return { streamId, key, settings, previous };
}
