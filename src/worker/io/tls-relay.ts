/**
 * One RTMPS connection: the client's TLS on one side, on the other this thread's end of a pair of sockets whose other
 * end speaks plain RTMP with the lobby or a shard. Each side is read only while the other takes.
 *
 * Closing: an end in order on one side is passed on to the other behind what was sent before it. When the plain side has
 * closed, the client gets a moment to take what is left; when it closed because its bytes are void, the client gets a
 * reset. A failure of either side ends both.
 */
import { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { CLOSE_TIMEOUT_MS } from "../../protocol/limits.ts";
import {
  KERNEL_LATER_MS,
  type KeepAlive,
  setKeepAlive,
  setNoDelay,
  setResetOnClose,
  setUnsentLimit,
  setUserTimeout,
} from "./native.ts";

/** Bytes that the client's socket keeps unsent: what waits longer must wait where its lag is seen. */
const UNSENT_BYTES_MAX = 64 * 1024;
/** A client to whom nothing is sent is asked this often whether it is still there. */
const KEEP_ALIVE: KeepAlive = { idleSeconds: 30, intervalSeconds: 5, probes: 3 };

/** What a relay is opened with. */
export interface TlsRelayOptions {
  /** The client's socket. **Owned** from now on. */
  readonly client: number;
  /** This thread's end of the pair. **Owned** from now on. */
  readonly inner: number;
  readonly context: SecureContext;
  /** Milliseconds that sent bytes may stay unacknowledged. */
  readonly stallMs: number;
  /** The pair's other end was closed with what it sent being void. */
  isReset(): boolean;
  /** The handshake is done. */
  secured(): void;
  /** Both descriptors are closed. @param failure Why the handshake failed; null when it did not. */
  gone(failure: string | null): void;
}

/** Relays one connection until both sides are closed. */
export class TlsRelay {
  readonly #options: TlsRelayOptions;
  readonly #tls: TLSSocket;
  readonly #inner: Socket;
  #isSecure = false;
  #failure: string | null = null;
  #open = 2;
  #farewell: NodeJS.Timeout | undefined;

  constructor(options: TlsRelayOptions) {
    const { client, inner, context, stallMs } = options;
    this.#options = options;
    setNoDelay(client, true);
    setUnsentLimit(client, UNSENT_BYTES_MAX);
    setUserTimeout(client, stallMs + KERNEL_LATER_MS);
    setKeepAlive(client, KEEP_ALIVE);
    const both = { readable: true, writable: true, allowHalfOpen: true };
    this.#inner = new Socket({ fd: inner, ...both });
    const raw = new Socket({ fd: client, ...both });
    this.#tls = new TLSSocket(raw, { isServer: true, secureContext: context, requestCert: false });
    this.#listen(raw);
  }

  /** Closes both sides at once. */
  destroy(): void {
    this.#tls.destroy();
    this.#inner.destroy();
  }

  #listen(raw: Socket): void {
    const [tls, inner] = [this.#tls, this.#inner];
    // Told once by the TLS socket as well.
    raw.on("error", () => undefined);
    tls.on("secure", () => {
      this.#isSecure = true;
      this.#options.secured();
    });
    tls.on("error", (error) => this.#clientFailed(error));
    tls.on("data", (bytes: Buffer) => {
      if (!inner.write(bytes)) {
        tls.pause();
      }
    });
    tls.on("drain", () => inner.resume());
    tls.on("end", () => inner.end());
    tls.on("close", () => this.#closed(inner));
    inner.on("error", () => this.#innerEnded());
    inner.on("data", (bytes: Buffer) => {
      if (!tls.write(bytes)) {
        inner.pause();
      }
    });
    inner.on("drain", () => tls.resume());
    inner.on("end", () => this.#innerEnded());
    inner.on("close", () => this.#closed(tls));
    tls.resume();
    inner.resume();
  }

  #clientFailed(error: NodeJS.ErrnoException): void {
    if (!this.#isSecure) {
      this.#failure = error.message;
    }
    this.destroy();
  }

  /** The lobby or the shard says nothing any more. */
  #innerEnded(): void {
    if (this.#options.isReset()) {
      setResetOnClose(this.#options.client);
      this.destroy();
    } else if (!this.#isSecure) {
      // It was given up: there is nobody to shake hands with.
      this.destroy();
    } else {
      this.#tls.end();
      this.#farewell ??= setTimeout(() => this.destroy(), CLOSE_TIMEOUT_MS);
    }
  }

  /** One side is closed; what it has brought goes out on the other. */
  #closed(other: Socket): void {
    this.#open -= 1;
    if (this.#open > 0) {
      other.destroySoon();
      this.#farewell ??= setTimeout(() => this.destroy(), CLOSE_TIMEOUT_MS);
    } else {
      clearTimeout(this.#farewell);
      this.#options.gone(this.#failure);
    }
  }
}
