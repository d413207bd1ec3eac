/**
 * The listening RTMP sockets. Accepting can be suspended: newcomers then wait in the kernel's queue instead of being
 * refused, because the listening descriptor stays open while nobody accepts on it.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Config, ListenEndpoint } from "../../protocol/conf/config.ts";
import { TransportError } from "../../protocol/errors.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import { BACKLOG, closeDescriptor, duplicate, listenShared } from "./native.ts";

interface Listener {
  readonly endpoint: ListenEndpoint;
  /** **Owned** here until {@link Acceptor.close}. */
  readonly descriptor: number;
  server: Server | undefined;
}

/** Accepts connections on several endpoints. */
export class Acceptor implements ReloadPart {
  #listeners: Listener[] = [];
  readonly #accepted: (socket: Socket, endpoint: ListenEndpoint) => void;
  readonly #failed: (error: Error) => void;
  #isSuspended = false;
  #isClosed = false;

  constructor(
    accepted: (socket: Socket, endpoint: ListenEndpoint) => void,
    failed: (error: Error) => void,
  ) {
    this.#accepted = accepted;
    this.#failed = failed;
  }

  /** Starts listening. @throws TransportError that names the address when it cannot be had. */
  listen(endpoint: ListenEndpoint): void {
    const listener = openListener(endpoint);
    this.#listeners.push(listener);
    this.#accept(listener);
  }

  /**
   * Opens the addresses that are new; newcomers wait in the kernel's queue until it is committed, and only then those
   * that are no longer wanted are closed. A server that stops listens no more. @throws TransportError
   */
  prepare({ listen }: Pick<Config, "listen">): Prepared {
    if (this.#isClosed) {
      return { commit: () => undefined, abort: () => undefined };
    }
    const wanted = new Map(listen.map((endpoint) => [addressOf(endpoint), endpoint]));
    const stay = this.#listeners.filter(({ endpoint }) => wanted.delete(addressOf(endpoint)));
    const opened: Listener[] = [];
    const abort = (): void => opened.splice(0).forEach(closeListener);
    try {
      for (const endpoint of wanted.values()) {
        opened.push(openListener(endpoint));
      }
    } catch (error) {
      abort();
      throw error;
    }
    return { commit: () => this.#replace(stay, opened), abort };
  }

  #replace(stay: readonly Listener[], opened: readonly Listener[]): void {
    if (this.#isClosed) {
      opened.forEach(closeListener);
      return;
    }
    const gone = this.#listeners.filter((listener) => !stay.includes(listener));
    this.#listeners = [...stay, ...opened];
    if (!this.#isSuspended) {
      for (const listener of opened) {
        this.#accept(listener);
      }
    }
    gone.forEach(closeListener);
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
    this.#isClosed = true;
    this.suspend();
    this.#listeners.splice(0).forEach(closeListener);
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

/** `1.2.3.4:1935`, `[::]:1935`, `*:1935`. */
export function addressOf({ host, port }: ListenEndpoint): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `${name === "" ? "*" : name}:${port}`;
}

function openListener(endpoint: ListenEndpoint): Listener {
  try {
    const descriptor = listenShared(endpoint.host, endpoint.port);
    return { endpoint, descriptor, server: undefined };
  } catch (error) {
    if (!(error instanceof TransportError)) {
      throw error;
    }
    const text = `cannot listen on ${addressOf(endpoint)}: ${error.message}`;
    throw new TransportError(error.code, text, error);
  }
}

function closeListener(listener: Listener): void {
  listener.server?.close();
  listener.server = undefined;
  closeDescriptor(listener.descriptor);
}
