/**
 * The listening RTMP sockets. Accepting can be suspended: newcomers then wait in the kernel's queue instead of being
 * refused, because the listening descriptor stays open while nobody accepts on it.
 */
import type { ListenEndpoint } from "../../protocol/conf/config.ts";
import { TransportError } from "../../protocol/errors.ts";
import { acceptedFrom, acceptNow, closeDescriptor, Epoll, Errno, listenShared } from "./native.ts";
import type { Poller } from "./poller.ts";

/** Connections accepted in one turn: those that talk already get theirs. */
const ACCEPTS_PER_TURN = 64;
/** No descriptor or memory is to be had: tried again after this. */
const RETRY_MS = 100;

/** An accepted connection. */
export interface Connection {
  /** **Owned** by the receiver. */
  readonly descriptor: number;
  readonly ip: string;
}

/** Accepts connections on several endpoints. */
export class Acceptor {
  /** **Owned** here until {@link Acceptor.close}. */
  readonly #listening: number[] = [];
  readonly #poller: Poller;
  readonly #accepted: (connection: Connection) => void;
  readonly #failed: (error: Error) => void;
  #isSuspended = false;
  /** Set while no descriptor is to be had. */
  #retry: NodeJS.Timeout | undefined;

  constructor(
    poller: Poller,
    accepted: (connection: Connection) => void,
    failed: (error: Error) => void,
  ) {
    this.#poller = poller;
    this.#accepted = accepted;
    this.#failed = failed;
  }

  /** Starts listening. @throws TransportError when the address cannot be had. */
  listen(endpoint: ListenEndpoint): void {
    const listening = listenShared(endpoint.host, endpoint.port);
    this.#listening.push(listening);
    this.#forgetAll();
    this.#watchAll();
  }

  /** Leaves newcomers in the kernel's queue. */
  suspend(): void {
    if (!this.#isSuspended) {
      this.#isSuspended = true;
      this.#forgetAll();
    }
  }

  /** Accepts again. */
  resume(): void {
    if (this.#isSuspended) {
      this.#isSuspended = false;
      this.#watchAll();
    }
  }

  /** Stops listening for good. */
  close(): void {
    this.suspend();
    clearTimeout(this.#retry);
    for (const listening of this.#listening.splice(0)) {
      closeDescriptor(listening);
    }
  }

  #watchAll(): void {
    if (this.#isSuspended || this.#retry !== undefined) {
      return;
    }
    for (const listening of this.#listening) {
      this.#poller.watch(listening, Epoll.In, { ready: () => this.#accept(listening) });
    }
  }

  #forgetAll(): void {
    for (const listening of this.#listening) {
      this.#poller.forget(listening);
    }
  }

  #accept(listening: number): void {
    for (let count = 0; count < ACCEPTS_PER_TURN && !this.#isSuspended; count += 1) {
      const descriptor = acceptNow(listening);
      if (descriptor >= 0) {
        this.#accepted({ descriptor, ip: acceptedFrom() });
      } else if (descriptor === -Errno.Again) {
        return;
      } else if (isShortage(-descriptor)) {
        this.#failed(new TransportError("ERR_ACCEPT", `accept: errno ${-descriptor}`));
        this.#forgetAll();
        this.#retry = setTimeout(() => {
          this.#retry = undefined;
          this.#watchAll();
        }, RETRY_MS);
        return;
      }
      // Anything else is the end of a connection that was never ours.
    }
  }
}

/** ENFILE, EMFILE, ENOMEM or ENOBUFS: it would be told again at once. */
function isShortage(errno: number): boolean {
  return errno === 23 || errno === 24 || errno === 12 || errno === 105;
}
