/** The control plane: what API, metrics and their ports are made of, and how a reload reaches them. */
import type { Config, ListenEndpoint } from "../../protocol/conf/config.ts";
import { addressOf, isLoopback } from "../../protocol/conf/endpoint.ts";
import type { ApiAnswer, ApiQuestion } from "../../protocol/control/api.ts";
import { isConsolePage, isConsolePath } from "../../protocol/control/console-page.ts";
import { type TlsMaterial, tellCertificate } from "../accept/certificates.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import type { Server } from "../server.ts";
import { Api } from "./api.ts";
import { clusterRoute } from "./cluster-route.ts";
import { ConsoleAnswers, wayToConsole } from "./console-files.ts";
import { consoleRoutes } from "./console-routes.ts";
import { Credentials } from "./credentials.ts";
import { FanOutTimes } from "./fan-out-times.ts";
import { type FigureRoutesHost, figureRoutes, summaries } from "./figure-routes.ts";
import { isOwnName } from "./foreign-pages.ts";
import { Heartbeat } from "./heartbeat.ts";
import { helpRoutes, REDIRECTS_ROUTE } from "./help-routes.ts";
import { History } from "./history.ts";
import { HostFigures } from "./host-figures.ts";
import { listRoutes } from "./list-routes.ts";
import { Listeners, type PortUse } from "./listeners.ts";
import { Listing } from "./listing.ts";
import { METRICS_PATH, metricsRoute } from "./metrics.ts";
import { openApiRoute } from "./openapi.ts";
import { isOnePort, type PortPlan, planPorts } from "./ports.ts";
import type { ProgramFigures } from "./program-metrics.ts";
import { type Reloading, rawRoute } from "./raw-routes.ts";
import type { PlainRoute, Route } from "./route.ts";
import { ThreadMetrics } from "./thread-metrics.ts";
import { unservedRoutes } from "./unserved-routes.ts";

/** What the control plane is opened with. */
export interface AdminOptions {
  readonly server: Server;
  readonly programs: ProgramFigures;
  /** undefined while the server starts. */
  readonly reloader: () => Reloading | undefined;
  readonly log: Logger;
  readonly version: string;
  readonly serverId: string;
}

/** All that http_server's port has of the API when that has a port of its own. */
const ALWAYS_THERE = "/api/v1/versions";

const FOREIGN_NAME: ApiAnswer = { status: 403, headers: {}, body: "" };

/** A running control plane. */
export class Admin implements ReloadPart {
  readonly #server: Server;
  readonly #log: Logger;
  readonly #api: Api;
  readonly #figures: HostFigures;
  readonly #threads: ThreadMetrics;
  readonly #history: History;
  readonly #credentials = new Credentials(monotonicMs);
  readonly #fanOut: FanOutTimes;
  readonly #heartbeat: Heartbeat;
  readonly #console = new ConsoleAnswers();
  readonly #listeners: Listeners;
  /** Of the certificate in force. */
  #digest: string | undefined;

  private constructor(options: AdminOptions) {
    const { server, log, serverId } = options;
    this.#server = server;
    this.#log = log;
    const config = (): Config => server.config;
    this.#figures = new HostFigures(
      () => config().statsDisks,
      () => isServed(config()),
    );
    const { supervisor, books } = server;
    this.#fanOut = new FanOutTimes({
      boards: supervisor.boards,
      isAsked: () => isServed(config()),
    });
    const { links: threads, names: threadNames } = supervisor;
    this.#threads = new ThreadMetrics({ threads, threadNames, books, fanOut: this.#fanOut });
    this.#history = new History({
      server,
      figures: this.#figures,
      isAsked: () => config().httpApi.enabled,
    });
    const ids = { serverId, serviceId: server.serviceId };
    const host = { config, ...ids, log, now: monotonicMs, credentials: this.#credentials };
    const told = this.#told(options.version);
    this.#heartbeat = new Heartbeat({
      ...host,
      version: options.version,
      summaries: () => summaries(told),
    });
    this.#api = new Api(host, this.#routes(options, ids));
    this.#listeners = new Listeners((question, use) => this.#answer(question, use));
  }

  /** Opens the ports of the configuration in force. @throws TransportError of an address, ConfigError of a certificate */
  static async open(options: AdminOptions): Promise<Admin> {
    const admin = new Admin(options);
    try {
      const { config } = options.server;
      const plan = planPorts(config);
      (await admin.#prepare(plan)).commit();
      admin.#tell(config, plan.uses);
    } catch (error) {
      admin.close();
      throw error;
    }
    options.server.serveApi((question) => admin.#answerGateway(question));
    return admin;
  }

  async prepare(next: Config): Promise<Prepared> {
    return await this.#prepare(planPorts(next));
  }

  async #prepare({ uses, tls }: PortPlan): Promise<Prepared> {
    const prepared = await this.#listeners.prepare(uses);
    return {
      commit: () => {
        prepared.commit();
        this.#serves(tls);
      },
      abort: prepared.abort,
    };
  }

  /** Closes the ports; what is being answered is cut. */
  close(): void {
    this.#listeners.close();
    this.#figures.close();
    this.#threads.close();
    this.#history.close();
    this.#fanOut.close();
    this.#heartbeat.close();
  }

  #told(version: string): FigureRoutesHost {
    const { books } = this.#server;
    const connections = (): number => this.#server.connections;
    return { figures: this.#figures, books, connections, version };
  }

  #routes(
    { server, programs, reloader, log, version }: AdminOptions,
    ids: { readonly serverId: string; readonly serviceId: string },
  ): (Route | PlainRoute)[] {
    const { books, clients, coordinator, supervisor } = server;
    const config = (): Config => server.config;
    const shards = supervisor.links;
    const listing = new Listing({ config, books, clients, shards, now: monotonicMs });
    const routes = [
      ...helpRoutes(version),
      ...figureRoutes(this.#told(version)),
      ...listRoutes({ listing, books, clients, shards, log }),
      rawRoute({ config, reloader }),
      clusterRoute({ config, coordinator }),
      ...consoleRoutes({ server, history: this.#history, fanOut: this.#fanOut, version, reloader }),
      REDIRECTS_ROUTE,
      metricsRoute({
        ...{ server, programs, figures: this.#figures, threads: this.#threads, ...ids },
        credentials: this.#credentials,
      }),
    ];
    return [...routes, openApiRoute(version, routes), ...unservedRoutes()];
  }

  /** A name that somebody else has given the server is harmless where credentials are asked for. */
  #isReachedRight({ path, headers }: ApiQuestion, endpoints: readonly ListenEndpoint[]): boolean {
    const isGuarded =
      this.#server.config.httpApi.auth.enabled && (path.includes("/api/") || isConsolePath(path));
    return isGuarded || endpoints.some((endpoint) => isOwnName(headers.host, endpoint));
  }

  #answer(question: ApiQuestion, { isApi, endpoint }: PortUse): Promise<ApiAnswer> {
    if (!this.#isReachedRight(question, [endpoint])) {
      return Promise.resolve(FOREIGN_NAME);
    }
    if (!isApi && question.path !== METRICS_PATH) {
      return Promise.resolve({ status: 404, headers: {}, body: "" });
    }
    return isConsolePath(question.path)
      ? this.#console.answer(question)
      : this.#api.answer(question);
  }

  /** On http_server's port; null: the API has no such path there. */
  async #answerGateway(question: ApiQuestion): Promise<ApiAnswer | null> {
    const config = this.#server.config;
    const path = question.path.replace(/(?<=.)\/$/, "");
    const { httpApi, httpServer, exporter } = config;
    const isShared = httpApi.enabled && isOnePort(httpApi, config);
    const endpoints = question.isSecure ? httpServer.https.listen : httpServer.listen;
    if (!this.#isReachedRight(question, endpoints)) {
      return FOREIGN_NAME;
    }
    if (isConsolePage(question.path)) {
      // The gateway has the files.
      return isShared ? { status: 200, headers: {}, body: "" } : wayToConsole(config, question);
    }
    const isMetrics = path === METRICS_PATH && exporter.enabled && isOnePort(exporter, config);
    const isHere = path === ALWAYS_THERE || isMetrics || (isShared && this.#api.has(path));
    return isHere ? await this.#api.answer(question) : null;
  }

  /** Tells which certificate is in force, when it is another one. */
  #serves(tls: TlsMaterial | null): void {
    if (tls !== null && tls.digest !== this.#digest) {
      tellCertificate("http_api", tls, this.#log);
    }
    this.#digest = tls?.digest;
  }

  #tell(config: Config, uses: readonly PortUse[]): void {
    for (const { endpoint, isApi, tls } of uses) {
      const address = `${tls === null ? "http" : "https"}://${addressOf(endpoint)}`;
      this.#log.info("api", `${isApi ? "API" : "metrics"} on ${address}`);
    }
    const { enabled, listen, https, auth } = config.httpApi;
    const all = https.enabled ? [...listen, ...https.listen] : listen;
    if (enabled && !auth.enabled && !all.every(isLoopback)) {
      this.#log.warn(
        "api",
        "everybody who reaches the HTTP API may end connections: set http_api.auth, or listen on 127.0.0.1",
      );
    }
  }
}

/** Somebody may ask for figures. */
function isServed({ httpApi, exporter, heartbeat }: Config): boolean {
  return httpApi.enabled || exporter.enabled || (heartbeat.enabled && heartbeat.summaries);
}
