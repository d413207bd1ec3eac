/**
 * HTTP as the gateway sees it: requests, whole answers, endless bodies and WebSockets, behind one interface so that the
 * same routes and the same tests run on uWebSockets.js and on node:http.
 *
 * Nothing here waits for a client: a body that is not taken says so once, and once more when there is room again.
 */

/** The length that headers announce; -1 when they announce none. */
export function announcedLength(headers: HeaderList): number {
  return Number(headers.find(([name]) => name === "Content-Length")?.[1] ?? -1);
}

/** Names and values as they are sent. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** One request. Memory: owned; it may be kept and read after the handler returned. */
export interface HttpRequest {
  /** In capitals. */
  readonly method: string;
  /** As sent, percent signs and all; begins with a slash. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** The peer's address as text. */
  readonly ip: string;
  readonly isSecure: boolean;
  /** WebSocket upgrade is asked for. */
  readonly isUpgrade: boolean;
  /** Value of a header, by lower-case name; "" when there is none. What was sent several times is joined by ", ". */
  header(name: string): string;
}

/** What a stream's receiver tells. */
export interface BodyEvents {
  /** There is room again after a {@link BodyStream.write} that returned false. */
  drained(): void;
  /** The client is gone, or was closed; nothing may be written any more. Called once. */
  gone(): void;
}

/** An endless body, or the messages of a WebSocket. */
export interface BodyStream {
  /**
   * Sends bytes; over a WebSocket they are one message. Memory: borrowed until it returns.
   * @returns false when the socket is full: nothing more should be written before `drained`.
   */
  write(bytes: Uint8Array): boolean;
  /** Ends it in order. */
  end(): void;
  /** Closes the connection now. */
  destroy(): void;
}

/** The answer to one request: one of its methods is called once, now or later. */
export interface HttpReply {
  /** The client is still there and nothing was answered. */
  readonly isOpen: boolean;
  /** Tells when the client leaves before it was answered. */
  onGone(callback: () => void): void;
  /** A whole answer, sent as the client takes it: nothing may write to `body` any more. To HEAD its headers are sent alone. */
  send(status: number, headers: HeaderList, body: Uint8Array | string): void;
  /**
   * Begins an endless body; where the client asked for an upgrade, its WebSocket. With a header `Content-Length` the
   * body has that length, nothing of it goes out to HEAD, and the connection stays for the next request.
   */
  stream(status: number, headers: HeaderList, events: BodyEvents): BodyStream;
}

/** Takes requests. */
export type HttpHandler = (request: HttpRequest, reply: HttpReply) => void;

/** Where to listen. */
export interface HttpEndpoint {
  /** "" for every address. */
  readonly host: string;
  readonly port: number;
  /** A bound socket that other threads share; node:http listens on it. null: open one. */
  readonly descriptor: number | null;
  readonly tls: TlsFiles | null;
}

/** Files of a certificate. */
export interface TlsFiles {
  readonly key: string;
  readonly certificate: string;
}

/** A running HTTP server. */
export interface HttpBackend {
  readonly name: "uws" | "node";
  /** @returns the port. @throws TransportError */
  listen(endpoint: HttpEndpoint): Promise<number>;
  /**
   * Where TLS is spoken, those who connect from now on get another certificate; who is connected stays so.
   * @throws when the files cannot be used; what was served with is kept then
   */
  renew(tls: TlsFiles): Promise<void>;
  /** Stops listening and closes every connection. */
  close(): void;
}
