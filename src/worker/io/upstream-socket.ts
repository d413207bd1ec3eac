/** A TCP connection that weir opens to an origin. */
import { connect, type Socket } from "node:net";
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

/** One connection. */
export class UpstreamSocket {
  readonly #socket: Socket;
  /** Bytes written so far, whether or not the kernel has taken them. */
  sentBytes = 0;

  constructor(to: { readonly host: string; readonly port: number }, sink: UpstreamSocketSink) {
    let failure: Error | undefined;
    this.#socket = connect({
      ...to,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length: number): boolean => {
          sink.read(readBytes.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket.on("connect", () => sink.connected());
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
