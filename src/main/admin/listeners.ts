/**
 * The ports of API and exporter, on node:http. Everything a client may take is bounded: connections, headers, body, and
 * the time for each of them; one answer per connection, as SRS gives it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { ListenEndpoint } from "../../protocol/conf/config.ts";
import { addressOf } from "../../protocol/conf/endpoint.ts";
import type { ApiAnswer, ApiQuestion } from "../../protocol/control/api.ts";
import { TransportError } from "../../protocol/errors.ts";
import {
  API_BODY_BYTES_MAX,
  API_CONNECTIONS_MAX,
  API_HEADER_BYTES_MAX,
} from "../../protocol/limits.ts";
import type { TlsMaterial } from "../accept/certificates.ts";
import { listenOn } from "../accept/listening.ts";
import { isNative } from "../accept/native.ts";
import type { Prepared } from "../config/parts.ts";

const HEADERS_TIMEOUT_MS = 5000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Nothing moves on a connection: neither a request comes nor is an answer taken. */
const SILENCE_MS = 15_000;
/** Deadlines are looked at this often. */
const CHECK_MS = 1000;

/** What a port is for. */
export interface PortUse {
  readonly endpoint: ListenEndpoint;
  /** False: for metrics alone. */
  readonly isApi: boolean;
  /** null: in the clear. */
  readonly tls: TlsMaterial | null;
}

/** Answers a request. Never rejects. */
export type Answerer = (question: ApiQuestion, use: PortUse) => Promise<ApiAnswer>;

interface Listener {
  /** Replaced by a reload. */
  use: PortUse;
  readonly server: Server;
}

/** All ports. */
export class Listeners {
  readonly #answer: Answerer;
  #listeners = new Map<string, Listener>();

  constructor(answer: Answerer) {
    this.#answer = answer;
  }

  /** Opens what is not open yet; commit closes what is not wanted any more. @throws TransportError */
  async prepare(uses: readonly PortUse[]): Promise<Prepared> {
    const wanted = new Map(uses.map((use) => [keyOf(use), use]));
    const opened = new Map<string, Listener>();
    const abort = (): void => opened.forEach(closeListener);
    try {
      for (const [address, use] of wanted) {
        if (!this.#listeners.has(address)) {
          opened.set(address, await this.#open(use));
        }
      }
    } catch (error) {
      abort();
      throw error;
    }
    return { commit: () => this.#replace(wanted, opened), abort };
  }

  /** Listens no more and closes all connections. */
  close(): void {
    this.#listeners.forEach(closeListener);
    this.#listeners.clear();
  }

  #replace(wanted: ReadonlyMap<string, PortUse>, opened: ReadonlyMap<string, Listener>): void {
    const next = new Map(opened);
    for (const [address, listener] of this.#listeners) {
      const use = wanted.get(address);
      if (use === undefined) {
        // Who asked for this reload may have done so here, and is still to be answered.
        retire(listener.server);
      } else {
        renew(listener, use);
        next.set(address, listener);
      }
    }
    this.#listeners = next;
  }

  #open(use: PortUse): Promise<Listener> {
    const { endpoint } = use;
    const server = newServer(use.tls);
    server.maxConnections = API_CONNECTIONS_MAX;
    server.setTimeout(SILENCE_MS);
    const listener: Listener = { use, server };
    server.on("request", (request, response) => {
      void this.#serve(listener.use, request, response);
    });
    return new Promise((resolve, reject) => {
      server.once("error", (error) => reject(cannotListen(endpoint, error)));
      server.once("listening", () => {
        server.on("error", () => undefined);
        resolve(listener);
      });
      if (isNative) {
        // Several processes may share the port, as SRS's users do.
        server.listen({ fd: listenOn(endpoint) });
      } else {
        const { host, port } = endpoint;
        server.listen({ port, ...(host === "" ? {} : { host }) });
      }
    });
  }

  async #serve(use: PortUse, request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => undefined);
    if (request.headers["content-encoding"] !== undefined) {
      send(response, { status: 415, headers: {}, body: "" });
      return;
    }
    const body = await readBody(request);
    if (body === null) {
      send(response, { status: 413, headers: {}, body: "" });
    } else if (!request.destroyed || request.complete) {
      send(response, await this.#answer(questionOf(request, body, use.tls !== null), use));
    }
  }
}

function cannotListen(endpoint: ListenEndpoint, { message }: Error): TransportError {
  return new TransportError(
    "ERR_HTTP_LISTEN",
    `cannot listen on ${addressOf(endpoint)}: ${message}`,
  );
}

function newServer(tls: TlsMaterial | null): Server {
  const options = {
    maxHeaderSize: API_HEADER_BYTES_MAX,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_MS,
    keepAlive: false,
  };
  if (tls === null) {
    return createServer(options);
  }
  const { key, certificate: cert } = tls;
  return createTlsServer({ ...options, key, cert, handshakeTimeout: HEADERS_TIMEOUT_MS });
}

/** An address that goes over to TLS, or back, is another listener. */
function keyOf({ endpoint, tls }: PortUse): string {
  return `${tls === null ? "" : "tls "}${addressOf(endpoint)}`;
}

/** New connections get a certificate that has changed; those that are there keep theirs. */
function renew(listener: Listener, use: PortUse): void {
  const { tls } = use;
  if (
    tls !== null &&
    tls.digest !== listener.use.tls?.digest &&
    listener.server instanceof TlsServer
  ) {
    listener.server.setSecureContext({ key: tls.key, cert: tls.certificate });
  }
  listener.use = use;
}

/** Listens no more; what is being answered has its time, which nobody looks at any more but here. */
function retire(server: Server): void {
  server.close();
  setTimeout(() => server.closeAllConnections(), REQUEST_TIMEOUT_MS).unref();
}

function closeListener({ server }: Listener): void {
  server.close();
  server.closeAllConnections();
}

/** @returns null when it is too long. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of request as AsyncIterable<Uint8Array>) {
      bytes += part.length;
      if (bytes > API_BODY_BYTES_MAX) {
        return null;
      }
      parts.push(part);
    }
  } catch {
    // It was cut: there is nobody to be answered.
  }
  return Buffer.concat(parts).toString("utf8");
}

function questionOf(request: IncomingMessage, body: string, isSecure: boolean): ApiQuestion {
  const url = request.url ?? "";
  const mark = url.indexOf("?");
  const { host = "", origin = "", authorization = "" } = request.headers;
  const fetchSite = String(request.headers["sec-fetch-site"] ?? "");
  return {
    method: request.method ?? "",
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? "" : url.slice(mark + 1),
    headers: { host, origin, authorization, fetchSite },
    body,
    ip: (request.socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, ""),
    isSecure,
  };
}

/** One answer, and the connection is over. */
function send(response: ServerResponse, { status, headers, body }: ApiAnswer): void {
  response.shouldKeepAlive = false;
  // node:http takes longer over a long text than over its bytes, and the length is to be told anyway.
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, "content-length": bytes.length });
  response.end(bytes);
}
