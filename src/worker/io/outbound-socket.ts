/** A connection that weir opens to an RTMP server: a client session over a socket. */
import { connect, type Socket } from "node:net";
import { ProtocolError } from "../../protocol/errors.ts";
import { ClientSession, type ClientSessionOptions } from "../../protocol/rtmp/client-session.ts";
import type { Message } from "../../protocol/rtmp/message.ts";
import { parseRtmpUrl } from "../../protocol/rtmp/stream-url.ts";
import { sessionHost } from "../session/session-host.ts";

/** Who uses the connection. */
export interface OutboundSink {
  ready(): void;
  /** Once, whatever ended it. */
  closed(reason: string): void;
}

/** A publishing client. */
export class OutboundPublisher {
  readonly #socket: Socket;
  readonly #session: ClientSession;
  readonly #sink: OutboundSink;
  #isClosed = false;

  constructor(options: Omit<ClientSessionOptions, "mode">, sink: OutboundSink) {
    const target = typeof options.url === "string" ? parseRtmpUrl(options.url) : options.url;
    this.#sink = sink;
    this.#session = new ClientSession(sessionHost, { ...options, url: target, mode: "publish" });
    this.#socket = connect({ host: target.host, port: target.port, noDelay: true });
    this.#socket.on("connect", () => this.#session.start(this.#events));
    this.#socket.on("data", (bytes) => this.#read(bytes));
    this.#socket.on("error", (error) => this.#close(error.message));
    this.#socket.on("close", () => this.#close("closed by peer"));
  }

  /** Bytes that the kernel has not taken yet: the caller waits while this is large. */
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  /** Sends one message of a stream that is {@link OutboundSink.ready}. */
  send(message: Message): void {
    this.#session.sendMedia(message, this.#events);
  }

  readonly #events = {
    write: (bytes: Uint8Array): void => {
      this.#socket.write(Buffer.from(bytes));
    },
    ready: (): void => this.#sink.ready(),
    media: (): void => undefined,
    status: (): void => undefined,
    closed: (reason: string): void => this.#close(reason),
  };

  #read(bytes: Buffer): void {
    try {
      this.#session.push(new Uint8Array(bytes), this.#events);
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#close(error.message);
    }
  }

  #close(reason: string): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#socket.destroy();
      this.#sink.closed(reason);
    }
  }
}
