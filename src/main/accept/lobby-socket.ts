/**
 * A newcomer's socket. Replies of one turn go out by one direct send, so that in the usual case nothing is unsent when
 * the connection is handed over; only what the kernel does not take at once goes through the socket's own queue.
 */
import type { Socket } from "node:net";
import { TransportError } from "../../protocol/errors.ts";
import { duplicate, sendNow } from "./native.ts";

/** Replies of one turn; more go out in several sends. */
const STAGING_BYTES = 16 * 1024;
/** Replies waiting for a client that does not read. */
const BACKLOG_BYTES_MAX = 64 * 1024;

/** **Owned** by the thread: what {@link stagedBy} wrote and has not flushed; never kept over the end of a turn. */
const staging = Buffer.allocUnsafeSlow(STAGING_BYTES);
let stagedBytes = 0;
let stagedBy: LobbySocket | undefined;

/** Who uses the socket. */
export interface LobbySocketSink {
  /** Bytes of one read, **owned** by the sink. */
  read(bytes: Uint8Array): void;
  /** The socket is closed; once, and not after {@link LobbySocket.release}. */
  closed(): void;
  /** The client does not read its replies. */
  overrun(): void;
}

/** What is left of a released socket. */
export interface Released {
  /** **Owned** by the caller: the only number of the connection. */
  readonly descriptor: number;
  /** Bytes that were read and not yet delivered. */
  readonly late: Uint8Array | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** IPv4-mapped IPv6 as IPv4. */
function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/, "");
}

/** Number of an open socket, -1 when it is closed. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { _handle: { fd?: number } | null };
  return handle?.fd ?? -1;
}

/** One accepted connection. */
export class LobbySocket {
  readonly ip: string;
  readonly #socket: Socket;
  readonly #sink: LobbySocketSink;
  #bytesOut = 0;
  /** Writes in the socket's queue that the kernel has not taken yet. */
  #unsentWrites = 0;
  #onFlushed: (() => void) | undefined;

  constructor(socket: Socket, sink: LobbySocketSink) {
    this.ip = plainAddress(socket.remoteAddress);
    this.#socket = socket;
    this.#sink = sink;
    socket.on("data", (bytes: Buffer) => {
      // A plain array: `slice` of a Buffer would not copy.
      sink.read(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      sink.closed();
      this.#flushed();
    });
  }

  /** False once it is closed, from either side. */
  get isOpen(): boolean {
    return descriptorOf(this.#socket) >= 0;
  }

  /** Address that the client reached. */
  get localIp(): string {
    return plainAddress(this.#socket.localAddress);
  }

  /** Takes a copy of borrowed bytes; they go out by {@link flush}. */
  write(bytes: Uint8Array): void {
    if (stagedBy !== this || stagedBytes + bytes.length > STAGING_BYTES) {
      stagedBy?.flush();
    }
    if (bytes.length > STAGING_BYTES) {
      this.#queue(Buffer.from(bytes));
      return;
    }
    stagedBy = this;
    staging.set(bytes, stagedBytes);
    stagedBytes += bytes.length;
  }

  /** Sends what was written in this turn. */
  flush(): void {
    if (stagedBy !== this) {
      return;
    }
    const length = stagedBytes;
    stagedBy = undefined;
    stagedBytes = 0;
    // What waits already goes first.
    const sent = this.#unsentWrites > 0 ? 0 : this.#send(length);
    if (sent < length && !this.#socket.destroyed) {
      this.#queue(Buffer.from(staging.subarray(sent, length)));
    }
  }

  /** Runs `next` when the kernel has taken every byte written so far, or the connection is gone. */
  whenFlushed(next: () => void): void {
    this.flush();
    if (this.#unsentWrites === 0) {
      next();
    } else {
      this.#onFlushed = next;
    }
  }

  /** Reads no more. */
  pause(): void {
    this.#socket.pause();
  }

  /** Closes in order: what was written goes out, what comes in is thrown away so that no reset overtakes it. */
  farewell(): void {
    this.flush();
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
    this.#socket.end();
  }

  /** Closes at once. */
  destroy(): void {
    if (stagedBy === this) {
      stagedBy = undefined;
      stagedBytes = 0;
    }
    this.#socket.destroy();
  }

  /**
   * Gives the descriptor away; nothing of the connection is left in this thread. The socket must be paused and have no
   * unsent bytes. Runs to its end without yielding, so no read can slip in between.
   * @returns undefined when the connection is gone, or the process has no descriptor left: nothing has changed then.
   */
  release(): Released | undefined {
    const socket = this.#socket;
    const own = descriptorOf(socket);
    if (own < 0) {
      return undefined;
    }
    let descriptor: number;
    try {
      descriptor = duplicate(own);
    } catch (error) {
      if (error instanceof TransportError) {
        return undefined;
      }
      throw error;
    }
    const late: Buffer | null = socket.read();
    const { bytesRead: bytesIn } = socket;
    socket.removeAllListeners();
    socket.on("error", () => undefined);
    socket.destroy();
    return { descriptor, late, bytesIn, bytesOut: this.#bytesOut };
  }

  /** @returns bytes that the kernel took. */
  #send(length: number): number {
    const descriptor = descriptorOf(this.#socket);
    const sent = descriptor < 0 ? 0 : sendNow(descriptor, staging, length);
    // A failed connection is found by the queued write.
    const taken = Math.max(0, sent);
    this.#bytesOut += taken;
    return taken;
  }

  #queue(bytes: Buffer): void {
    this.#unsentWrites += 1;
    this.#bytesOut += bytes.length;
    this.#socket.write(bytes, () => this.#written());
    if (this.#socket.writableLength > BACKLOG_BYTES_MAX) {
      this.#sink.overrun();
    }
  }

  #written(): void {
    this.#unsentWrites -= 1;
    if (this.#unsentWrites === 0) {
      this.#flushed();
    }
  }

  #flushed(): void {
    const next = this.#onFlushed;
    this.#onFlushed = undefined;
    next?.();
  }
}
