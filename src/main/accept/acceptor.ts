/**
 * The listening RTMP sockets. Accepting can be suspended: newcomers then wait in the kernel's queue instead of being
 * refused, because the listening descriptor stays open while nobody accepts on it.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { ListenEndpoint } from "../../protocol/conf/config.ts";
import { TransportError } from "../../protocol/errors.ts";
import { BACKLOG, closeDescriptor, duplicate, isNative, listenShared } from "./native.ts";

interface Listener {
  readonly endpoint: ListenEndpoint;
  /** **Owned** here until {@link Acceptor.close}; -1 where the server has it. */
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
  async listen(endpoint: ListenEndpoint): Promise<void> {
    if (!isNative) {
      await this.#listenPlainly(endpoint);
      return;
    }
    const listener: Listener = {
      endpoint,
      descriptor: listenShared(endpoint.host, endpoint.port),
      server: undefined,
    };
    this.#listeners.push(listener);
    this.#accept(listener);
  }

  /** Leaves newcomers in the kernel's queue; where the socket is not its own it turns them away. */
  suspend(): void {
    if (!isNative) {
      this.#isSuspended = true;
    } else if (!this.#isSuspended) {
      this.#isSuspended = true;
      for (const listener of this.#listeners) {
        listener.server?.close();
        listener.server = undefined;
      }
    }
  }

  /** Accepts again. */
  resume(): void {
    if (!isNative) {
      this.#isSuspended = false;
    } else if (this.#isSuspended) {
      this.#isSuspended = false;
      for (const listener of this.#listeners) {
        this.#accept(listener);
      }
    }
  }

  /** Stops listening for good. */
  close(): void {
    this.suspend();
    for (const { descriptor, server } of this.#listeners.splice(0)) {
      if (descriptor >= 0) {
        closeDescriptor(descriptor);
      } else {
        server?.close();
      }
    }
  }

  /** Without the C library: nobody else can share the port. */
  async #listenPlainly(endpoint: ListenEndpoint): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => {
      if (this.#isSuspended) {
        socket.destroy();
      } else {
        this.#accepted(socket, endpoint);
      }
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) =>
        reject(new TransportError("ERR_BIND", `bind: ${error.code}`, error)),
      );
      const host = endpoint.host === "" ? {} : { host: endpoint.host };
      server.listen({ ...host, port: endpoint.port, backlog: BACKLOG }, resolve);
    });
    server.on("error", this.#failed);
    this.#listeners.push({ endpoint, descriptor: -1, server });
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
