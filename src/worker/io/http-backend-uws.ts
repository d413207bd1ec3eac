/**
 * HTTP on uWebSockets.js. Every write is corked, so that it is one send; `write` never refuses, so the first false ends
 * a viewer's turn and it goes on when there is room.
 *
 * A thread that runs this must be asked to stop and never terminated: what it still holds then ends the whole process.
 */
import type * as uws from "uWebSockets.js";
import { TransportError } from "../../protocol/errors.ts";
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
import { HTTP_REASONS } from "./http-reasons.ts";
import { UwsRequest } from "./http-request-uws.ts";
import { NO_BODY, UwsSizedBody } from "./http-sized-body-uws.ts";
import { ReplyState } from "./reply-state.ts";
import { UwsCorker } from "./uws-corker.ts";
import { type SocketData, UwsWebSocket } from "./web-socket-uws.ts";

type Library = typeof import("uWebSockets.js").default;

const INBOUND_BYTES_MAX = 4096;
/** A larger body is not handed to the library as a whole. */
const WHOLE_BYTES_MAX: number = 64 * 1024;
/** A WebSocket that is never written to is asked whether it is there. */
const WS_IDLE_SECONDS = 120;

/** A socket that listens. */
interface Listening {
  /** With the port that it has. */
  readonly endpoint: HttpEndpoint;
  readonly socket: uws.ListenSocket;
}

const REASON_CHARS_MAX = 200;

/** Loads the library. @returns null where it is not installed or does not load here. */
export async function loadUws(): Promise<Library | null> {
  try {
    return (await import("uWebSockets.js")).default;
  } catch {
    return null;
  }
}

/** Why the library does not load here, in one line; empty: it does. */
export async function whyNoUws(): Promise<string> {
  try {
    await import("uWebSockets.js");
    return "";
  } catch (error) {
    // The library's own text is advice, and below it what the loader said.
    const lines = String(error)
      .split("\n")
      .filter((line) => line !== "");
    return (lines.at(-1) ?? "for no reason that it tells").slice(0, REASON_CHARS_MAX);
  }
}

/** The server. */
export class HttpBackendUws implements HttpBackend {
  readonly name = "uws";
  readonly #library: Library;
  readonly #handler: HttpHandler;
  readonly #limit: ConnectionLimit;
  /** All that were made: one that no longer listens keeps its connections. */
  readonly #apps: uws.App[] = [];
  /** The listening sockets with TLS. */
  #secure: readonly Listening[] = [];
  readonly #corker = new UwsCorker();
  #isCorkerOpen = false;

  /** @param connectionsMax One more is closed at once. */
  constructor(
    library: Library,
    handler: HttpHandler,
    connectionsMax: number = Number.POSITIVE_INFINITY,
  ) {
    this.#library = library;
    this.#handler = handler;
    this.#limit = new ConnectionLimit(connectionsMax);
  }

  async listen(endpoint: HttpEndpoint): Promise<number> {
    if (!this.#isCorkerOpen) {
      this.#isCorkerOpen = true;
      await this.#corker.open(this.#library);
    }
    const listening = await this.#open(endpoint);
    if (endpoint.tls !== null) {
      this.#secure = [...this.#secure, listening];
    }
    return listening.endpoint.port;
  }

  /** A certificate is the app's: another app shares the port, then the old one stops listening. */
  async renew(tls: TlsFiles): Promise<void> {
    const old = this.#secure;
    const opened: Listening[] = [];
    try {
      for (const { endpoint } of old) {
        opened.push(await this.#open({ ...endpoint, tls }));
      }
    } catch (error) {
      this.#stopListening(opened);
      throw error;
    }
    this.#secure = opened;
    this.#stopListening(old);
  }

  #stopListening(listening: readonly Listening[]): void {
    for (const { socket } of listening) {
      this.#library.us_listen_socket_close(socket);
    }
  }

  readonly #countConnection = (response: uws.HttpResponse, change: 1 | -1): void => {
    if (change === -1) {
      this.#limit.leave();
    } else if (!this.#limit.enter()) {
      response.close();
    }
  };

  #open(endpoint: HttpEndpoint): Promise<Listening> {
    const { host, port, tls } = endpoint;
    const app =
      tls === null
        ? this.#library.App()
        : this.#library.SSLApp({ key_file_name: tls.key, cert_file_name: tls.certificate });
    const isSecure = tls !== null;
    this.#apps.push(app);
    app.filter(this.#countConnection);
    app.ws<SocketData>("/*", {
      maxPayloadLength: INBOUND_BYTES_MAX,
      maxBackpressure: 0,
      idleTimeout: WS_IDLE_SECONDS,
      sendPingsAutomatically: true,
      upgrade: (response, request, context) => {
        const asked = new UwsRequest(response, request, { isSecure, isUpgrade: true });
        // An upgrade ends what the library's request can be asked.
        asked.keep();
        const reply = new UwsReply(response, request, { context, corker: this.#corker });
        if (isWebSocketRequest(asked)) {
          this.#handler(asked, reply);
        } else {
          reply.send(400, [], "Not a WebSocket's request\n");
        }
      },
      open: (socket) => socket.getUserData().body.opened(socket),
      drain: (socket) => socket.getUserData().body.drained(),
      close: (socket) => socket.getUserData().body.gone(),
    });
    app.any("/*", (response, request) => {
      const asked = new UwsRequest(response, request, { isSecure, isUpgrade: false });
      const reply = new UwsReply(response, request, null);
      this.#handler(asked, reply);
      if (reply.isSent) {
        asked.drop();
      } else {
        asked.keep();
      }
    });
    return new Promise((resolve, reject) => {
      const done = (socket: uws.ListenSocket | false): void => {
        if (socket === false) {
          const text = `cannot listen on ${host}:${port}`;
          reject(new TransportError("ERR_HTTP_LISTEN", text));
        } else {
          const opened = { ...endpoint, port: this.#library.us_socket_local_port(socket) };
          resolve({ endpoint: opened, socket });
        }
      };
      if (host === "") {
        app.listen(port, done);
      } else {
        app.listen(host, port, done);
      }
    });
  }

  close(): void {
    for (const app of this.#apps.splice(0)) {
      app.close();
    }
    this.#corker.close();
  }
}

/**
 * The library looks at the key alone, and closes what it upgrades when `Connection: close` was asked for.
 * **Spec** RFC 6455 §4.2.1.
 */
function isWebSocketRequest(request: HttpRequest): boolean {
  const options = request
    .header("connection")
    .toLowerCase()
    .split(/\s*,\s*/);
  return (
    request.method === "GET" &&
    options.includes("upgrade") &&
    !options.includes("close") &&
    request.header("upgrade").toLowerCase() === "websocket"
  );
}

/** What an upgrade needs besides. */
interface Upgrade {
  readonly context: uws.SocketContext;
  readonly corker: UwsCorker;
}

class UwsReply implements HttpReply {
  readonly #response: uws.HttpResponse;
  readonly #isHead: boolean;
  readonly #upgrade: Upgrade | null;
  readonly #key: string;
  readonly #protocol: string;
  readonly #state = new ReplyState();
  #isSent = false;
  #stream: UwsBody | UwsSizedBody | undefined;

  constructor(response: uws.HttpResponse, request: uws.HttpRequest, upgrade: Upgrade | null) {
    this.#response = response;
    this.#isHead = request.getMethod() === "head";
    this.#upgrade = upgrade;
    // The request is gone when the handler returns.
    this.#key = upgrade === null ? "" : request.getHeader("sec-websocket-key");
    this.#protocol = upgrade === null ? "" : request.getHeader("sec-websocket-protocol");
    response.onAborted(() => this.#aborted());
  }

  get isOpen(): boolean {
    return this.#state.isOpen;
  }

  /** A whole answer was given. */
  get isSent(): boolean {
    return this.#isSent;
  }

  onGone(callback: () => void): void {
    this.#state.onGone(callback);
  }

  send(status: number, headers: HeaderList, body: Uint8Array | string): void {
    if (!this.#state.answer()) {
      return;
    }
    this.#isSent = true;
    this.#response.cork(() => {
      this.#head(status, headers);
      if (this.#isHead) {
        const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
        this.#response.endWithoutBody(length);
      } else if (typeof body === "string" || body.length <= WHOLE_BYTES_MAX) {
        this.#response.end(body);
      } else {
        this.#sendLarge(body);
      }
    });
  }

  /** As the client takes it: what the library cannot send at once it would copy. */
  #sendLarge(body: Uint8Array): void {
    const response = this.#response;
    const [isTaken, isDone] = response.tryEnd(body, body.length);
    if (!(isTaken || isDone)) {
      response.onWritable((offset) => response.tryEnd(body.subarray(offset), body.length)[0]);
    }
  }

  stream(status: number, headers: HeaderList, events: BodyEvents): BodyStream {
    this.#state.answer();
    if (this.#upgrade !== null) {
      const socket = new UwsWebSocket(events);
      const { context, corker } = this.#upgrade;
      corker.run(() =>
        this.#response.upgrade({ body: socket }, this.#key, this.#protocol, "", context),
      );
      return socket;
    }
    const sizeBytes = announcedLength(headers);
    if (sizeBytes >= 0) {
      return this.#sized(status, headers, sizeBytes, events);
    }
    this.#response.cork(() => this.#head(status, [...headers, ["Connection", "close"]]));
    this.#stream = new UwsBody(this.#response, events);
    return this.#stream;
  }

  #sized(status: number, headers: HeaderList, sizeBytes: number, events: BodyEvents): BodyStream {
    // The library announces the length itself.
    const others = headers.filter(([name]) => name !== "Content-Length");
    this.#response.cork(() => {
      this.#head(status, others);
      if (this.#isHead) {
        this.#response.endWithoutBody(sizeBytes);
      }
    });
    if (this.#isHead) {
      return NO_BODY;
    }
    this.#stream = new UwsSizedBody(this.#response, sizeBytes, events);
    return this.#stream;
  }

  #aborted(): void {
    if (this.#stream !== undefined) {
      this.#stream.aborted();
    } else {
      this.#state.leave();
    }
  }

  #head(status: number, headers: HeaderList): void {
    this.#response.writeStatus(`${status} ${HTTP_REASONS.get(status) ?? ""}`);
    for (const [name, value] of headers) {
      this.#response.writeHeader(name, value);
    }
  }
}

/** An endless body in chunks. */
class UwsBody implements BodyStream {
  readonly #response: uws.HttpResponse;
  readonly #events: BodyEvents;
  #bytes: Uint8Array | undefined;
  #isTaken = true;
  #isOver = false;

  constructor(response: uws.HttpResponse, events: BodyEvents) {
    this.#response = response;
    this.#events = events;
    response.onWritable(() => {
      events.drained();
      return true;
    });
  }

  /** Made once, so that a write makes no closure. */
  readonly #writeBytes = (): void => {
    if (this.#bytes !== undefined) {
      this.#isTaken = this.#response.write(this.#bytes);
    }
  };

  write(bytes: Uint8Array): boolean {
    if (this.#isOver) {
      return false;
    }
    this.#bytes = bytes;
    this.#response.cork(this.#writeBytes);
    this.#bytes = undefined;
    return this.#isTaken;
  }

  end(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#response.cork(() => this.#response.end());
      this.#events.gone();
    }
  }

  destroy(): void {
    if (!this.#isOver) {
      // Tells `aborted`.
      this.#response.close();
    }
  }

  aborted(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#events.gone();
    }
  }
}
