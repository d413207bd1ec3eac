/** A connection that weir opens to an origin or destination: TCP, with TLS where it is asked for. */
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { setUnsentLimit, setUserTimeout, unacknowledgedBytes } from "./native.ts";

const READ_BYTES = 64 * 1024;
/** Bytes that may wait unsent in the kernel: what an origin does not take shows here soon. */
const UNSENT_BYTES = 64 * 1024;
/** **Owned** by the thread; valid inside one {@link UpstreamSocketSink.read}. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
/** The same memory as a plain array: `slice` of a Buffer would not copy. */
const readBytes = new Uint8Array(readBuffer.buffer);

/** Who uses the connection. */
export interface UpstreamSocketSink {
  connected(): void;
  /** Bytes of one read, **borrowed**. */
  read(bytes: Uint8Array): void;
  /** The kernel has taken everything. */
  drained(): void;
  /** Nothing follows. */
  closed(error: Error | undefined): void;
}

/** Where to, and how. */
export interface UpstreamAddress {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** null: without TLS. */
  readonly tls: { readonly isVerified: boolean } | null;
}

/** One connection. */
export class UpstreamSocket {
  readonly #socket: Socket;
  /** Bytes written so far, whether or not the kernel has taken them. */
  sentBytes = 0;

  constructor(to: UpstreamAddress, sink: UpstreamSocketSink) {
    let failure: Error | undefined;
    this.#socket = to.tls === null ? openPlain(to, sink) : openTls(to, to.tls.isVerified, sink);
    this.#socket.on("drain", () => sink.drained());
    this.#socket.on("error", (error) => {
      failure = error;
    });
    this.#socket.on("close", () => sink.closed(failure));
  }

  /** Address that the connection leaves by. */
  get localIp(): string {
    return (this.#socket.localAddress ?? "").replace(/^::ffff:/, "");
  }

  /** Bytes that the kernel has not taken yet. */
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  /** Bytes that the peer has not acknowledged yet, those included that the kernel has not taken. */
  get outstandingBytes(): number {
    const queued = unacknowledgedBytes(this.#descriptor);
    return this.#socket.writableLength + Math.max(0, queued);
  }

  /** Bytes that the peer has acknowledged. */
  get acknowledgedBytes(): number {
    return this.#socket.bytesWritten - this.outstandingBytes;
  }

  get #descriptor(): number {
    const { _handle: handle } = this.#socket as { _handle?: { readonly fd?: number } };
    return handle?.fd ?? -1;
  }

  /** Makes an origin that takes nothing fail after this time instead of minutes. */
  limitSilence(ms: number): void {
    const descriptor = this.#descriptor;
    if (descriptor >= 0) {
      setUnsentLimit(descriptor, UNSENT_BYTES);
      setUserTimeout(descriptor, ms);
    }
  }

  /** Sends a copy of borrowed bytes. */
  write(bytes: Uint8Array): void {
    this.writeOwned(Uint8Array.from(bytes));
  }

  /** Sends bytes that nobody changes any more. */
  writeOwned(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) {
      this.sentBytes += bytes.length;
      this.#socket.write(bytes);
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Lets what was written go out, then closes. */
  end(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }
}

function openPlain({ host, port }: UpstreamAddress, sink: UpstreamSocketSink): Socket {
  const socket = connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer: readBuffer,
      callback: (length: number): boolean => {
        sink.read(readBytes.subarray(0, length));
        return true;
      },
    },
  });
  socket.on("connect", () => sink.connected());
  return socket;
}

/** What comes back over TLS is little: it may have a buffer of its own each time. */
function openTls(
  { host, port }: UpstreamAddress,
  isVerified: boolean,
  sink: UpstreamSocketSink,
): Socket {
  // An address is no name to ask for (RFC 6066 §3).
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = connectTls({ host, port, ...name, rejectUnauthorized: isVerified });
  socket.setNoDelay(true);
  socket.on("data", ({ buffer, byteOffset, length }: Buffer) => {
    sink.read(new Uint8Array(buffer, byteOffset, length));
  });
  socket.on("secureConnect", () => sink.connected());
  return socket;
}
