/**
 * The listening RTMP sockets. Accepting can be suspended: newcomers then wait in the kernel's queue instead of being
 * refused, because the listening descriptor stays open while nobody accepts on it.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { ListenEndpoint } from "../../protocol/conf/config.ts";
import { BACKLOG, closeDescriptor, duplicate, listenShared } from "./native.ts";

interface Listener {
  readonly endpoint: ListenEndpoint;
  /** **Owned** here until {@link Acceptor.close}. */
  readonly descriptor: number;
  server: Server | undefined;
}

/** Accepts connections on several endpoints. */
export class Acceptor {
  readonly #listeners: Listener[] = [];
  readonly #accepted: (socket: Socket, endpoint: ListenEndpoint) => void;
  readonly #failed: (error: Error) => void;
  #isSuspended = false;

  constructor(
    accepted: (socket: Socket, endpoint: ListenEndpoint) => void,
    failed: (error: Error) => void,
  ) {
    this.#accepted = accepted;
    this.#failed = failed;
  }

  /** Starts listening. @throws TransportError when the address cannot be had. */
  listen(endpoint: ListenEndpoint): void {
    const listener: Listener = {
      endpoint,
      descriptor: listenShared(endpoint.host, endpoint.port),
      server: undefined,
    };
    this.#listeners.push(listener);
    this.#accept(listener);
  }

  /** Leaves newcomers in the kernel's queue. */
  suspend(): void {
    if (!this.#isSuspended) {
      this.#isSuspended = true;
      for (const listener of this.#listeners) {
        listener.server?.close();
        listener.server = undefined;
      }
    }
  }

  /** Accepts again. */
  resume(): void {
    if (this.#isSuspended) {
      this.#isSuspended = false;
      for (const listener of this.#listeners) {
        this.#accept(listener);
      }
    }
  }

  /** Stops listening for good. */
  close(): void {
    this.suspend();
    for (const { descriptor } of this.#listeners.splice(0)) {
      closeDescriptor(descriptor);
    }
  }

  #accept(listener: Listener): void {
    const server = createServer({ pauseOnConnect: false, noDelay: true }, (socket) =>
      this.#accepted(socket, listener.endpoint),
    );
    server.on("error", this.#failed);
    // Without the backlog Node would shorten the kernel's queue to its own default.
    server.listen({ fd: duplicate(listener.descriptor), backlog: BACKLOG });
    listener.server = server;
  }
}
