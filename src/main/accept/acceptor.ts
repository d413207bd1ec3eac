/**
 * The listening RTMP sockets. Accepting can be suspended: newcomers then wait in the kernel's queue instead of being
 * refused, because the listening descriptor stays open while nobody accepts on it.
 */
import type { Config, ListenEndpoint } from "../../protocol/conf/config.ts";
import { addressOf } from "../../protocol/conf/endpoint.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import { monotonicMs } from "../monotonic.ts";
import { listenOn } from "./listening.ts";
import { acceptedFrom, acceptNow, closeDescriptor, Epoll, Errno } from "./native.ts";
import type { Poller } from "./poller.ts";
import { Shortage, type ShortageLog } from "./shortage.ts";

/** Connections accepted in one turn: those that talk already get theirs. */
const ACCEPTS_PER_TURN = 64;
/** No descriptor or memory is to be had: tried again after this. */
const RETRY_MS = 100;

/** An accepted connection. */
export interface Connection {
  /** **Owned** by the receiver. */
  readonly descriptor: number;
  readonly ip: string;
  /** Set when the client is not at the other end of the descriptor: the TLS thread is. */
  readonly tls?: TlsOrigin;
}

/** Where a connection comes from that was TLS. */
export interface TlsOrigin {
  /** Row of the TLS thread's board. */
  readonly row: number;
  /** Address that the client reached. */
  readonly localIp: string;
}

interface Listener {
  readonly endpoint: ListenEndpoint;
  /** **Owned** here until it is closed. */
  readonly descriptor: number;
}

/** Accepts connections on several endpoints. */
export class Acceptor implements ReloadPart {
  #listeners: Listener[] = [];
  readonly #poller: Poller;
  readonly #accepted: (connection: Connection) => void;
  readonly #shortage: Shortage;
  #isSuspended = false;
  #isClosed = false;
  /** Set while no descriptor is to be had. */
  #retry: NodeJS.Timeout | undefined;

  constructor(poller: Poller, accepted: (connection: Connection) => void, log: ShortageLog) {
    this.#poller = poller;
    this.#accepted = accepted;
    this.#shortage = new Shortage(log, monotonicMs);
  }

  /** Starts listening. @throws TransportError that names the address when it cannot be had. */
  listen(endpoint: ListenEndpoint): void {
    const listener = { endpoint, descriptor: listenOn(endpoint) };
    this.#listeners.push(listener);
    this.#watch([listener]);
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
        opened.push({ endpoint, descriptor: listenOn(endpoint) });
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
    this.#forget(gone);
    this.#listeners = [...stay, ...opened];
    this.#watch(opened);
    gone.forEach(closeListener);
  }

  /** Leaves newcomers in the kernel's queue. */
  suspend(): void {
    if (!this.#isSuspended) {
      this.#isSuspended = true;
      this.#forget(this.#listeners);
    }
  }

  /** Accepts again. */
  resume(): void {
    if (this.#isSuspended) {
      this.#isSuspended = false;
      this.#watch(this.#listeners);
    }
  }

  /** Stops listening for good. */
  close(): void {
    this.#isClosed = true;
    this.suspend();
    clearTimeout(this.#retry);
    this.#listeners.splice(0).forEach(closeListener);
  }

  #watch(listeners: readonly Listener[]): void {
    if (this.#isSuspended || this.#retry !== undefined) {
      return;
    }
    for (const { descriptor } of listeners) {
      this.#poller.watch(descriptor, Epoll.In, { ready: () => this.#accept(descriptor) });
    }
  }

  #forget(listeners: readonly Listener[]): void {
    for (const { descriptor } of listeners) {
      this.#poller.forget(descriptor);
    }
  }

  #accept(listening: number): void {
    for (let count = 0; count < ACCEPTS_PER_TURN && !this.#isSuspended; count += 1) {
      const descriptor = acceptNow(listening);
      if (descriptor >= 0) {
        this.#shortage.passed();
        this.#accepted({ descriptor, ip: acceptedFrom() });
      } else if (descriptor === -Errno.Again) {
        return;
      } else if (Shortage.isOne(-descriptor)) {
        this.#shortage.met(-descriptor);
        this.#forget(this.#listeners);
        this.#retry = setTimeout(() => {
          this.#retry = undefined;
          this.#watch(this.#listeners);
        }, RETRY_MS);
        return;
      }
      // Anything else is the end of a connection that was never ours.
    }
  }
}

function closeListener({ descriptor }: Listener): void {
  closeDescriptor(descriptor);
}
