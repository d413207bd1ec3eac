/** HTTP on node:http and ws: works wherever Node does, speaks HTTP/1.0 as well, and costs more per send. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { TransportError } from "../../protocol/errors.ts";
import { HANDSHAKE_TIMEOUT_MS } from "../../protocol/limits.ts";
import { ConnectionLimit } from "./connection-limit.ts";
import {
  announcedLength,
  type BodyEvents,
  type BodyStream,
  type HeaderList,
  type HttpBackend,
  type HttpEndpoint,
  type HttpHandler,
  type HttpReply,
  type HttpRequest,
  type TlsFiles,
} from "./http-backend.ts";
import { ReplyState } from "./reply-state.ts";

/** A WebSocket client may say this much at once; nobody listens. */
const INBOUND_BYTES_MAX = 4096;
/** Unsent bytes in a WebSocket from which on it counts as full. */
const WS_FULL_BYTES = 64 * 1024;
/** For a request with its body, which nobody reads. An answer may take as long as it likes. */
const REQUEST_TIMEOUT_MS = 10_000;
const REQUEST_LIMITS = {
  headersTimeout: REQUEST_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  // Deadlines are looked at this often.
  connectionsCheckingInterval: 1000,
};
const CLOSE: HeaderList[number] = ["Connection", "close"];

/** The server. */
export class HttpBackendNode implements HttpBackend {
  readonly name = "node";
  readonly #handler: HttpHandler;
  readonly #limit: ConnectionLimit;
  readonly #servers: Server[] = [];
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: INBOUND_BYTES_MAX,
    perMessageDeflate: false,
  });

  /** @param connectionsMax One more is closed at once. */
  constructor(handler: HttpHandler, connectionsMax: number = Number.POSITIVE_INFINITY) {
    this.#handler = handler;
    this.#limit = new ConnectionLimit(connectionsMax);
  }

  listen(endpoint: HttpEndpoint): Promise<number> {
    const { tls } = endpoint;
    const server =
      tls === null
        ? createServer(REQUEST_LIMITS)
        : createTlsServer({
            ...REQUEST_LIMITS,
            ...readPair(tls),
            handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
          });
    server.on("connection", (socket: Socket) => {
      socket.once("close", () => this.#limit.leave());
      if (!this.#limit.enter()) {
        socket.destroy();
      }
    });
    server.on("request", (request, response) => {
      const reply = new NodeReply(response, new ResponseAnswers(request, response));
      this.#handler(requestOf(request, tls !== null, false), reply);
    });
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const answers = new UpgradeAnswers(this.#webSockets, request, socket, head);
      const reply = new NodeReply(socket, answers);
      this.#handler(requestOf(request, tls !== null, true), reply);
    });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", (error) =>
        reject(new TransportError("ERR_HTTP_LISTEN", error.message, error)),
      );
      server.once("listening", () => resolve((server.address() as AddressInfo).port));
      if (endpoint.descriptor === null) {
        server.listen({
          port: endpoint.port,
          ...(endpoint.host === "" ? {} : { host: endpoint.host }),
        });
      } else {
        server.listen({ fd: endpoint.descriptor });
      }
    });
  }

  renew(tls: TlsFiles): Promise<void> {
    const pair = readPair(tls);
    for (const server of this.#servers) {
      if (server instanceof TlsServer) {
        server.setSecureContext(pair);
      }
    }
    return Promise.resolve();
  }

  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
    for (const socket of this.#webSockets.clients) {
      socket.terminate();
    }
    this.#webSockets.close();
  }
}

function readPair(tls: TlsFiles): { readonly key: Buffer; readonly cert: Buffer } {
  return { key: readFileSync(tls.key), cert: readFileSync(tls.certificate) };
}

function requestOf(message: IncomingMessage, isSecure: boolean, isUpgrade: boolean): HttpRequest {
  const url = message.url ?? "/";
  const mark = url.indexOf("?");
  return {
    method: message.method ?? "GET",
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? "" : url.slice(mark + 1),
    ip: message.socket.remoteAddress ?? "",
    isSecure,
    isUpgrade,
    header: (name) => {
      const value = message.headers[name];
      return Array.isArray(value) ? value.join(", ") : (value ?? "");
    },
  };
}

/** How one request is answered. */
interface Answers {
  send(status: number, headers: HeaderList, body: Uint8Array | string): void;
  stream(status: number, headers: HeaderList, events: BodyEvents): BodyStream;
}

class NodeReply implements HttpReply {
  readonly #answers: Answers;
  readonly #state = new ReplyState();

  /** @param connection Tells when it is over. */
  constructor(connection: ServerResponse | Duplex, answers: Answers) {
    this.#answers = answers;
    connection.on("close", () => this.#state.leave());
  }

  get isOpen(): boolean {
    return this.#state.isOpen;
  }

  onGone(callback: () => void): void {
    this.#state.onGone(callback);
  }

  send(status: number, headers: HeaderList, body: Uint8Array | string): void {
    if (this.#state.answer()) {
      this.#answers.send(status, headers, body);
    }
  }

  stream(status: number, headers: HeaderList, events: BodyEvents): BodyStream {
    this.#state.answer();
    return this.#answers.stream(status, headers, events);
  }
}

/** Answers of node:http. */
class ResponseAnswers implements Answers {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#request = request;
    this.#response = response;
    // A broken connection is told by close.
    response.on("error", () => undefined);
    request.resume();
  }

  send(status: number, headers: HeaderList, body: Uint8Array | string): void {
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    this.#head(status, [...headers, ["Content-Length", String(length)]]);
    this.#response.end(this.#request.method === "HEAD" ? undefined : body);
  }

  stream(status: number, headers: HeaderList, events: BodyEvents): BodyStream {
    const response = this.#response;
    // HTTP/1.0 has no chunks: a body without length ends with the connection, as it does for SRS.
    this.#head(status, announcedLength(headers) < 0 ? [...headers, CLOSE] : headers);
    response.flushHeaders();
    response.socket?.setNoDelay(true);
    response.on("drain", () => events.drained());
    response.on("close", () => events.gone());
    return {
      // What the socket does not take at once is kept by reference, and the ring goes on: it must be a copy.
      write: (bytes) => response.write(Buffer.from(bytes)),
      end: () => response.end(),
      destroy: () => response.destroy(),
    };
  }

  #head(status: number, headers: HeaderList): void {
    const flat: Record<string, string> = Object.fromEntries(headers);
    this.#response.writeHead(status, flat);
  }
}

/** Answers to a request for an upgrade: node:http leaves them to others. */
class UpgradeAnswers implements Answers {
  readonly #server: WebSocketServer;
  readonly #request: IncomingMessage;
  readonly #socket: Duplex;
  readonly #head: Buffer;

  constructor(server: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer) {
    this.#server = server;
    this.#request = request;
    this.#socket = socket;
    this.#head = head;
    socket.on("error", () => socket.destroy());
  }

  send(status: number, headers: HeaderList, body: Uint8Array | string): void {
    const bytes = Buffer.from(body);
    const lines = [...headers, ["Content-Length", bytes.length], ["Connection", "close"]];
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.#socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${status} \r\n${head}\r\n`), bytes]));
  }

  stream(_status: number, _headers: HeaderList, events: BodyEvents): BodyStream {
    const stream = new NodeWebSocket(events);
    this.#server.handleUpgrade(this.#request, this.#socket, this.#head, (socket) =>
      stream.open(socket),
    );
    return stream;
  }
}

/** Messages of a WebSocket. */
class NodeWebSocket implements BodyStream {
  readonly #events: BodyEvents;
  #socket: WebSocket | undefined;
  #isFull = false;

  constructor(events: BodyEvents) {
    this.#events = events;
  }

  open(socket: WebSocket): void {
    this.#socket = socket;
    socket.on("error", () => socket.terminate());
    socket.on("close", () => this.#events.gone());
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === undefined) {
      return true;
    }
    socket.send(Buffer.from(bytes), () => this.#sent(socket));
    this.#isFull = socket.bufferedAmount > WS_FULL_BYTES;
    return !this.#isFull;
  }

  end(): void {
    this.#socket?.close();
  }

  destroy(): void {
    this.#socket?.terminate();
  }

  #sent(socket: WebSocket): void {
    if (this.#isFull && socket.bufferedAmount <= WS_FULL_BYTES / 2) {
      this.#isFull = false;
      this.#events.drained();
    }
  }
}
