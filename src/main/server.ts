/**
 * Composition root of the primary: who exists, who knows whom, and the order in which all of it starts and closes.
 *
 * A reload prepares every part, then all go over in one turn of the loop.
 * Closing order: stop accepting → lobby → shards end their sessions and exit → pool and log.
 */

import { randomUUID } from "node:crypto";
import type { Config } from "../protocol/conf/config.ts";
import { addressOf } from "../protocol/conf/endpoint.ts";
import type { PrimaryCalls, RingLease } from "../protocol/control/calls.ts";
import type { HlsHoldings } from "../protocol/control/hls-windows.ts";
import { VersionWord } from "../protocol/control/version-word.ts";
import { Acceptor } from "./accept/acceptor.ts";
import { Admission } from "./accept/admission.ts";
import { checkCertificate } from "./accept/certificates.ts";
import { FileBudget } from "./accept/file-budget.ts";
import { whenListening } from "./accept/listening.ts";
import { Lobby } from "./accept/lobby.ts";
import { forgetMemory, isNative } from "./accept/native.ts";
import { Poller } from "./accept/poller.ts";
import { Questions } from "./accept/questions.ts";
import { endUnwelcome } from "./accept/re-admission.ts";
import { Rehearsal } from "./accept/rehearsal.ts";
import { TlsFront } from "./accept/tls-front.ts";
import { Books } from "./admin/books.ts";
import { newId } from "./admin/ids.ts";
import type { Prepared, ReloadPart } from "./config/parts.ts";
import { Clients } from "./coordinator/clients.ts";
import { Coordinator } from "./coordinator/coordinator.ts";
import { Edge, type EdgeHost } from "./coordinator/edge.ts";
import { Forwards } from "./coordinator/forwards.ts";
import { needsPackagers, Packagers } from "./coordinator/packagers.ts";
import { RingPool } from "./coordinator/ring-pool.ts";
import { SettingsRollout } from "./coordinator/settings-rollout.ts";
import type { Directory } from "./directory.ts";
import { HlsDesk } from "./gateways/hls-desk.ts";
import { type GatewayPlan, planGateways } from "./gateways/plan.ts";
import { Viewers } from "./gateways/viewers.ts";
import { MemoryGuard } from "./guard/memory-guard.ts";
import { closeHooks } from "./hooks/dead-thread.ts";
import { Hooks } from "./hooks/hooks.ts";
import { memoryOfHost } from "./limits-of-host.ts";
import type { Logger } from "./log/logger.ts";
import { after, monotonicMs } from "./monotonic.ts";
import type { ServerOptions } from "./server-options.ts";
import type { ShardLink } from "./shards/shard-link.ts";
import { Supervisor } from "./shards/supervisor.ts";
import { postToGateways } from "./shards/to-gateways.ts";
import { packagersFor, rowsFor, shardsFor } from "./thread-counts.ts";
import { ThreadNews } from "./thread-news.ts";
import { Tokens } from "./tokens/tokens.ts";

/** Share of the host's memory that rings may take. */
const RING_SHARE = 0.1;
const STOP_TIMEOUT_MS = 3000;
/** What is left to be told when all sessions have ended. */
const HOOKS_CLOSE_MS = 1000;
const TLS_STOP_TIMEOUT_MS = 1000;
const TLS_HANG_KILL_MS = 10_000;

/** Answers a request to the API; null: there is no such path. Never rejects. */
export type ApiService = PrimaryCalls["api"];

/** A running server. */
export class Server {
  readonly supervisor: Supervisor;
  readonly coordinator: Coordinator;
  readonly clients: Clients = new Clients();
  readonly books: Books;
  readonly edge: Edge;
  readonly forwards: Forwards;
  readonly pool: RingPool;
  readonly lobby: Lobby;
  readonly hooks: Hooks;
  readonly tokens: Tokens = new Tokens();
  /** Of this run (SRS's `service_id`). */
  readonly serviceId: string = newId();
  readonly tlsFront: TlsFront;
  readonly memory: MemoryGuard;
  #config: Config;
  readonly #version: SharedArrayBuffer = VersionWord.memory();
  readonly #rollout: SettingsRollout;
  readonly #log: Logger;
  readonly #admission: Admission;
  readonly #acceptor: Acceptor;
  readonly #questions: Questions;
  readonly #viewers: Viewers;
  readonly #hls: HlsDesk;
  readonly #gateways: GatewayPlan;
  readonly #poller: Poller = new Poller();
  readonly #news: ThreadNews;
  #rehearsal: Rehearsal | undefined;
  #serveApi: ApiService = () => Promise.resolve(null);

  private constructor(options: ServerOptions, gateways: GatewayPlan) {
    const { config, log } = options;
    this.#config = config;
    this.#log = log;
    this.#gateways = gateways;
    const shards = shardsFor(config.workers);
    this.tlsFront = this.#openTlsFront(options);
    const packagers = packagersFor(config.jobs);
    this.pool = new RingPool(memoryOfHost() * RING_SHARE, forgetMemory);
    this.supervisor = new Supervisor({
      shards,
      gateways: gateways.places,
      packagers,
      stuck: () => options.stuck?.(),
      rows: rowsFor(config.maxConnections),
      version: this.#version,
      tlsBoard: this.tlsFront.memory,
      allowFaults: options.allowFaults ?? false,
      limits: options.supervisorLimits ?? {},
      log,
      message: (shard, message) => this.#news.take(shard, message),
      died: (shard) => this.#news.shardDied(shard),
      calls: (shard) => this.#callsOf(shard),
    });
    const { links } = this.supervisor;
    this.coordinator = new Coordinator(
      this.pool,
      links,
      () => this.#config.limits.spillPlayers,
      new Packagers(shards + gateways.places.length, packagers),
    );
    this.books = this.#openBooks();
    const serverId = options.serverId ?? (config.serverId === "" ? randomUUID() : config.serverId);
    this.hooks = this.#newHooks(options, serverId);
    const upstreams = this.#upstreamsHost(options, serverId);
    this.edge = new Edge(upstreams);
    this.forwards = new Forwards({ ...upstreams, backend: this.hooks.forward });
    this.#rollout = new SettingsRollout({
      coordinator: this.coordinator,
      shards: links,
      word: new VersionWord(this.#version),
    });
    this.#admission = new Admission({
      config: () => this.#config,
      coordinator: this.coordinator,
      edge: this.edge,
      forwards: this.forwards,
      shards: links,
      tokens: this.tokens,
      log,
      isShortOfMemory: () => this.memory.isShort,
    });
    const directory: Directory = {
      admission: this.#admission,
      coordinator: this.coordinator,
      clients: this.clients,
      edge: this.edge,
      forwards: this.forwards,
      hooks: this.hooks,
      log,
      refused: (reason) => this.lobby.count(reason),
    };
    this.memory = new MemoryGuard({ ...directory, config: () => this.#config, links });
    this.#questions = new Questions(directory);
    this.#viewers = new Viewers({ ...directory, config: () => this.#config, shards: links });
    this.#hls = this.#newHls(directory);
    this.#news = new ThreadNews({
      ...directory,
      books: this.books,
      viewers: this.#viewers,
      hls: this.#hls,
      rollout: this.#rollout,
    });
    this.#acceptor = new Acceptor(this.#poller, (connection) => this.lobby.accept(connection), log);
    this.lobby = this.#newLobby(options, directory);
  }

  #newHooks({ log, version }: ServerOptions, serverId: string): Hooks {
    const config = (): Config => this.#config;
    const ids = { serverId, serviceId: this.serviceId };
    const streamId = (key: string): string => this.books.streams.of(key).id;
    return new Hooks({ config, log, version, ids, streamId });
  }

  #upstreamsHost({ log, version }: ServerOptions, serverId: string): EdgeHost {
    return {
      config: () => this.#config,
      coordinator: this.coordinator,
      shards: this.supervisor.links,
      log,
      serverId,
      version,
      pid: process.pid,
      now: monotonicMs,
      random: Math.random,
      after,
    };
  }

  #openBooks(): Books {
    const { coordinator, clients, pool, supervisor } = this;
    return new Books({
      config: () => this.#config,
      coordinator,
      clients,
      pool,
      shards: supervisor.links,
      now: monotonicMs,
    });
  }

  #openTlsFront({ config, log, allowFaults, supervisorLimits }: ServerOptions): TlsFront {
    return new TlsFront({
      rows: rowsFor(config.maxConnections),
      poller: this.#poller,
      log,
      allowFaults: allowFaults ?? false,
      hangKillMs: supervisorLimits?.hangKillMs ?? TLS_HANG_KILL_MS,
      accepted: (connection) => this.lobby.accept(connection),
    });
  }

  /** The lobby is full, or has room again. */
  #crowded(isCrowded: boolean): void {
    if (isCrowded) {
      this.#acceptor.suspend();
    } else {
      this.#acceptor.resume();
    }
    this.tlsFront.crowded(isCrowded);
  }

  /** Starts the shards, then listens. @throws TransportError of an address, ConfigError of a certificate or key. */
  static async start(options: ServerOptions): Promise<Server> {
    checkCertificate(options.config.rtmps);
    const server = new Server(options, await planGateways(options.config, options.log));
    try {
      server.tokens.prepare(options.config).commit();
      server.#startPackagers();
      const started = server.supervisor.start();
      if (options.isRehearsed === true && isNative) {
        // While the shards' threads start: this one has nothing else to do.
        server.#rehearsal = new Rehearsal();
        server.#rehearsal.play();
      }
      await started;
      const shards = server.supervisor.links.filter((link) => link?.isShard);
      options.log.info("server", `${shards.length} shards`);
      if (!isNative) {
        options.log.warn("server", "koffi does not load: bytes are relayed, which is slower");
      }
      for (const endpoint of options.config.listen) {
        server.#acceptor.listen(endpoint);
      }
      await whenListening();
      for (const endpoint of options.config.listen) {
        options.log.info("server", `listening on rtmp://${addressOf(endpoint)}`);
      }
      server.tlsFront.start(options.config);
      server.#rehearsal?.goOn(() => server.lobby.size === 0);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  #newHls(directory: Directory): HlsDesk {
    return new HlsDesk({
      ...directory,
      links: this.supervisor.links,
      config: () => this.#config,
      now: monotonicMs,
      ended: (link, row, reason) => {
        const bytesOut = link.board.bytesOut[row] ?? 0;
        this.#news.take(link, { kind: "gone", row, reason, detail: "", bytesIn: 0, bytesOut });
      },
    });
  }

  #newLobby({ version }: ServerOptions, directory: Directory): Lobby {
    return new Lobby({
      ...directory,
      config: () => this.#config,
      shards: this.supervisor.links,
      serverInfo: { ip: "", pid: process.pid, version },
      files: new FileBudget(),
      poller: this.#poller,
      crowded: (isCrowded) => this.#crowded(isCrowded),
    });
  }

  /** What has to be ready for a new configuration, and goes over to it. */
  get parts(): readonly ReloadPart[] {
    const nothing = (): void => undefined;
    return [
      { prepare: (next) => ({ commit: () => this.#goOver(next), abort: nothing }) },
      { prepare: (next) => this.#prepareAddresses(next) },
      this.tokens,
      this.tlsFront,
      this.#hls,
      this.#gateways.part((news) => postToGateways(this.supervisor.links, news)),
      {
        prepare: (next) =>
          this.#rollout.prepare(({ key }) => this.#admission.settingsUnder(next, key)),
      },
      this.forwards,
      // After the streams have their settings.
      { prepare: () => ({ commit: () => this.#startPackagers(), abort: nothing }) },
    ];
  }

  async #prepareAddresses(next: Config): Promise<Prepared> {
    const prepared = this.#acceptor.prepare(next);
    try {
      await whenListening();
    } catch (error) {
      prepared.abort();
      throw error;
    }
    return prepared;
  }

  /** Who answers requests to the API that come in at a gateway. */
  serveApi(service: ApiService): void {
    this.#serveApi = service;
  }

  #goOver(next: Config): void {
    this.#config = next;
    endUnwelcome(next, { clients: this.clients, links: this.supervisor.links, log: this.#log });
  }

  #startPackagers(): void {
    if (needsPackagers(this.#config)) {
      this.supervisor.startPackagers();
      this.coordinator.announceToPackagers();
    }
  }

  /** What is held for viewers of HLS. */
  get hlsHoldings(): HlsHoldings {
    return this.#hls.holdings;
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  /** Connections that are there, in the lobby and on the shards. */
  get connections(): number {
    return this.clients.connections + this.lobby.size;
  }

  /** Lets nobody in any more; clients that understand it are asked to connect elsewhere, all may stay. */
  drain(): void {
    this.#acceptor.close();
    this.tlsFront.close();
    for (const link of this.supervisor.links) {
      link?.post({ kind: "drain" });
    }
  }

  /** After {@link close}: a thread waits for a disk and would keep the process from its end. */
  get isStuck(): boolean {
    return this.supervisor.links.some((link) => link?.role === "packager");
  }

  /** Ends every session and thread. @param timeoutMs Given to the shards to do so by themselves. */
  async close(timeoutMs: number = STOP_TIMEOUT_MS): Promise<void> {
    this.#rehearsal?.close();
    this.memory.close();
    this.#hls.close();
    this.books.close();
    this.#acceptor.close();
    this.tlsFront.close();
    this.lobby.close();
    this.#poller.close();
    const { boards } = this.supervisor;
    await this.supervisor.stop(timeoutMs);
    // Those whose thread had to be ended before it could say so.
    closeHooks(this.clients, boards);
    await Promise.all([this.tlsFront.stop(TLS_STOP_TIMEOUT_MS), this.hooks.close(HOOKS_CLOSE_MS)]);
    this.#gateways.close();
  }

  #callsOf(shard: ShardLink): PrimaryCalls {
    return {
      leaseRing: (_streamId, wrapBytes): Promise<RingLease | null> =>
        Promise.resolve(this.coordinator.lendRing(shard.index, wrapBytes)),
      admit: (question) => this.#questions.admit(shard, question),
      admitViewer: (question) => this.#viewers.admit(shard, question),
      admitHls: (question) => this.#hls.admit(question),
      nextOrigin: (question) => Promise.resolve(this.edge.nextOrigin(shard.index, question)),
      api: (question) => this.#serveApi(question),
      playEnded: (row, play) => Promise.resolve(this.#questions.playEnded(shard, row, play)),
    };
  }
}
