/** The control plane: what API, metrics and their ports are made of, and how a reload reaches them. */
import type { Config, ListenEndpoint } from "../../protocol/conf/config.ts";
import { isLoopback } from "../../protocol/conf/endpoint.ts";
import type { ApiAnswer, ApiQuestion } from "../../protocol/control/api.ts";
import { isConsolePage, isConsolePath } from "../../protocol/control/console-page.ts";
import { addressOf } from "../accept/listening.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import type { Logger } from "../log/logger.ts";
import { monotonicMs } from "../monotonic.ts";
import type { Server } from "../server.ts";
import { Api } from "./api.ts";
import { clusterRoute } from "./cluster-route.ts";
import { ConsoleAnswers, wayToConsole } from "./console-files.ts";
import { consoleRoutes } from "./console-routes.ts";
import { figureRoutes } from "./figure-routes.ts";
import { helpRoutes, REDIRECTS_ROUTE } from "./help-routes.ts";
import { History } from "./history.ts";
import { HostFigures } from "./host-figures.ts";
import { newId } from "./ids.ts";
import { listRoutes } from "./list-routes.ts";
import { Listeners, type PortUse } from "./listeners.ts";
import { Listing } from "./listing.ts";
import { METRICS_PATH, metricsRoute } from "./metrics.ts";
import { openApiRoute } from "./openapi.ts";
import { type Reloading, rawRoute } from "./raw-routes.ts";
import type { PlainRoute, Route } from "./route.ts";
import { ThreadMetrics } from "./thread-metrics.ts";

/** What the control plane is opened with. */
export interface AdminOptions {
  readonly server: Server;
  /** undefined while the server starts. */
  readonly reloader: () => Reloading | undefined;
  readonly log: Logger;
  readonly version: string;
  readonly serverId: string;
}

/** All that http_server's port has of the API when that has a port of its own. */
const ALWAYS_THERE = "/api/v1/versions";

/** A running control plane. */
export class Admin implements ReloadPart {
  readonly #server: Server;
  readonly #log: Logger;
  readonly #api: Api;
  readonly #figures: HostFigures;
  readonly #threads: ThreadMetrics;
  readonly #history: History;
  readonly #console = new ConsoleAnswers();
  readonly #listeners: Listeners;

  private constructor(options: AdminOptions) {
    const { server, log, serverId } = options;
    this.#server = server;
    this.#log = log;
    const config = (): Config => server.config;
    this.#figures = new HostFigures(
      () => config().statsDisks,
      () => isServed(config()),
    );
    this.#threads = new ThreadMetrics(server.supervisor.links);
    this.#history = new History({
      server,
      figures: this.#figures,
      isAsked: () => config().httpApi.enabled,
    });
    const ids = { serverId, serviceId: newId() };
    const host = { config, ...ids, log, now: monotonicMs };
    this.#api = new Api(host, this.#routes(options, ids));
    this.#listeners = new Listeners((question, use) => this.#answer(question, use));
  }

  /** Opens the ports of the configuration in force. @throws TransportError */
  static async open(options: AdminOptions): Promise<Admin> {
    const admin = new Admin(options);
    try {
      const { config } = options.server;
      (await admin.prepare(config)).commit();
      admin.#tell(config);
    } catch (error) {
      admin.close();
      throw error;
    }
    options.server.serveApi((question) => admin.#answerGateway(question));
    return admin;
  }

  async prepare(next: Config): Promise<Prepared> {
    return this.#listeners.prepare(portsOf(next));
  }

  /** Closes the ports; what is being answered is cut. */
  close(): void {
    this.#listeners.close();
    this.#figures.close();
    this.#threads.close();
    this.#history.close();
  }

  #routes(
    { server, reloader, log, version }: AdminOptions,
    ids: { readonly serverId: string; readonly serviceId: string },
  ): (Route | PlainRoute)[] {
    const { books, clients, coordinator, supervisor } = server;
    const config = (): Config => server.config;
    const shards = supervisor.links;
    const listing = new Listing({ config, books, clients, shards, now: monotonicMs });
    const connections = (): number => server.connections;
    const flags = { ssl: false, hls: false, callback: false };
    const routes = [
      ...helpRoutes(version, flags),
      ...figureRoutes({ figures: this.#figures, books, connections, version }),
      ...listRoutes({ listing, books, clients, shards, log }),
      rawRoute({ config, reloader }),
      clusterRoute({ config, coordinator }),
      ...consoleRoutes({ server, history: this.#history, version, reloader }),
      REDIRECTS_ROUTE,
      metricsRoute({ server, figures: this.#figures, threads: this.#threads, ...ids }),
    ];
    return [...routes, openApiRoute(version, routes)];
  }

  #answer(question: ApiQuestion, { isApi }: PortUse): Promise<ApiAnswer> {
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
    const { httpApi, exporter } = config;
    const isShared = httpApi.enabled && isOnePort(httpApi, config);
    if (isConsolePage(question.path)) {
      // The gateway has the files.
      return isShared ? { status: 200, headers: {}, body: "" } : wayToConsole(config, question);
    }
    const isMetrics = path === METRICS_PATH && exporter.enabled && isOnePort(exporter, config);
    const isHere = path === ALWAYS_THERE || isMetrics || (isShared && this.#api.has(path));
    return isHere ? await this.#api.answer(question) : null;
  }

  #tell(config: Config): void {
    for (const { endpoint, isApi } of portsOf(config)) {
      this.#log.info("api", `${isApi ? "API" : "metrics"} on http://${addressOf(endpoint)}`);
    }
    const { enabled, listen, auth } = config.httpApi;
    if (enabled && !auth.enabled && !listen.every(isLoopback)) {
      this.#log.warn(
        "api",
        "everybody who reaches the HTTP API may end connections: set http_api.auth, or listen on 127.0.0.1",
      );
    }
  }
}

/** Somebody may ask for figures. */
function isServed({ httpApi, exporter }: Config): boolean {
  return httpApi.enabled || exporter.enabled;
}

/** http_server's gateways have the port then, and hand requests on. */
function isOnePort(
  { listen }: { readonly listen: readonly ListenEndpoint[] },
  { httpServer }: Config,
): boolean {
  return (
    httpServer.enabled &&
    listen.some(({ port }) => httpServer.listen.some((other) => other.port === port))
  );
}

/** An address that both listen on is opened once. */
function portsOf(config: Config): PortUse[] {
  const { httpApi, httpServer, exporter } = config;
  const taken = new Set(httpServer.enabled ? httpServer.listen.map(({ port }) => port) : []);
  const uses = new Map<string, PortUse>();
  for (const endpoint of httpApi.enabled ? httpApi.listen : []) {
    if (!taken.has(endpoint.port)) {
      uses.set(addressOf(endpoint), { endpoint, isApi: true });
    }
  }
  for (const endpoint of exporter.enabled ? exporter.listen : []) {
    const address = addressOf(endpoint);
    if (!taken.has(endpoint.port) && !uses.has(address)) {
      uses.set(address, { endpoint, isApi: false });
    }
  }
  return [...uses.values()];
}
