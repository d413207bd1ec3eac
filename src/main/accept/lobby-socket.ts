/**
 * A newcomer's socket: a descriptor. Replies of one turn go out by one send, so that in the usual case nothing is unsent
 * when the connection is handed over; what the kernel does not take at once waits here for room.
 */
import type { Connection, TlsOrigin } from "./acceptor.ts";
import {
  closeDescriptor,
  Epoll,
  Errno,
  endWrites,
  inbox,
  localAddress,
  receiveNow,
  sendNow,
} from "./native.ts";
import type { Poller, Watcher } from "./poller.ts";

/** Replies of one turn; more go out in several sends. */
const STAGING_BYTES = 16 * 1024;
/** Replies waiting for a client that does not read. */
const BACKLOG_BYTES_MAX = 64 * 1024;
const NOTHING = new Uint8Array(0);

/** **Owned** by the thread: what {@link stagedBy} wrote and has not flushed; never kept over the end of a turn. */
const staging: Uint8Array = new Uint8Array(STAGING_BYTES);
let stagedBytes = 0;
let stagedBy: LobbySocket | undefined;

/** Who uses the socket. */
export interface LobbySocketSink {
  /** Bytes of one read, **borrowed** until return. */
  read(bytes: Uint8Array): void;
  /** The socket is closed; once, and not after {@link LobbySocket.release}. Never called from inside another call. */
  closed(): void;
  /** The client does not read its replies. */
  overrun(): void;
}

/** What is left of a released socket. */
export interface Released {
  /** **Owned** by the caller. */
  readonly descriptor: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Row of the TLS thread's board; 0: no TLS. */
  readonly front: number;
}

/** One accepted connection. */
export class LobbySocket implements Watcher {
  readonly ip: string;
  readonly #tls: TlsOrigin | undefined;
  readonly #poller: Poller;
  readonly #sink: LobbySocketSink;
  /** -1 when it is closed or released. */
  #descriptor: number;
  /** Events that are waited for; 0 while nothing is. */
  #events = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  /** **Owned**: replies that the kernel has not taken. */
  #unsent: Uint8Array = NOTHING;
  #onFlushed: (() => void) | undefined;
  #isPaused = false;
  #isAwaiting = false;
  /** What comes in is thrown away. */
  #isLeaving = false;

  constructor(connection: Connection, poller: Poller, sink: LobbySocketSink) {
    this.ip = connection.ip;
    this.#tls = connection.tls;
    this.#descriptor = connection.descriptor;
    this.#poller = poller;
    this.#sink = sink;
    this.#watch();
  }

  /** False once it is closed, from either side. */
  get isOpen(): boolean {
    return this.#descriptor >= 0;
  }

  /** Address that the client reached. */
  get localIp(): string {
    return this.#tls?.localIp ?? localAddress(this.#descriptor);
  }

  /** Of the connection so far. */
  get bytes(): { readonly sent: number; readonly received: number } {
    return { sent: this.#bytesOut, received: this.#bytesIn };
  }

  /** Takes a copy of borrowed bytes; they go out by {@link flush}. */
  write(bytes: Uint8Array): void {
    if (stagedBy !== this || stagedBytes + bytes.length > STAGING_BYTES) {
      stagedBy?.flush();
    }
    if (bytes.length > STAGING_BYTES) {
      this.#queue(bytes);
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
    const sent = this.#unsent.length > 0 ? 0 : this.#send(staging, length);
    if (sent < length) {
      this.#queue(staging.subarray(sent, length));
    }
  }

  /** Runs `next` when the kernel has taken every byte written so far, or the connection is gone. */
  whenFlushed(next: () => void): void {
    this.flush();
    if (this.#unsent.length === 0) {
      next();
    } else {
      this.#onFlushed = next;
    }
  }

  /** Reads no more. @param isAwaiting It is still to be heard when the peer hangs up. */
  pause(isAwaiting: boolean = false): void {
    this.#isPaused = true;
    this.#isAwaiting = isAwaiting;
    this.#watch();
  }

  /** Reads again. */
  resume(): void {
    this.#isPaused = false;
    this.#isAwaiting = false;
    this.#watch();
  }

  /** Closes in order: what was written goes out, what comes in is thrown away so that no reset overtakes it. */
  farewell(): void {
    this.flush();
    this.#isLeaving = true;
    this.#isPaused = false;
    this.#isAwaiting = false;
    if (this.isOpen && this.#unsent.length === 0) {
      endWrites(this.#descriptor);
    }
    this.#watch();
  }

  /** Closes at once. */
  destroy(): void {
    if (stagedBy === this) {
      stagedBy = undefined;
      stagedBytes = 0;
    }
    if (this.isOpen) {
      closeDescriptor(this.#letGo());
      process.nextTick(() => {
        this.#sink.closed();
        this.#flushed();
      });
    }
  }

  /**
   * Gives the descriptor away; nothing of the connection is left in this thread. The socket must be paused and have no
   * unsent bytes.
   * @returns undefined when the connection is gone.
   */
  release(): Released | undefined {
    if (!this.isOpen) {
      return undefined;
    }
    const front = this.#tls?.row ?? 0;
    return { descriptor: this.#letGo(), bytesIn: this.#bytesIn, bytesOut: this.#bytesOut, front };
  }

  // --- Watcher ---

  ready(): void {
    const hasUnsent = this.#unsent.length > 0;
    if (hasUnsent) {
      this.#sendUnsent();
    }
    if (this.isOpen && !this.#isPaused) {
      this.#receive();
    } else if (this.isOpen && this.#isAwaiting && !hasUnsent) {
      // Nothing else was watched for than the peer's end.
      this.destroy();
    }
  }

  // --- inside ---

  #receive(): void {
    const count = receiveNow(this.#descriptor);
    if (count === -Errno.Again || count === -Errno.Intr) {
      return;
    }
    if (count === 0 && this.#isLeaving && this.#unsent.length > 0) {
      // It has said all that it will; it may still be reading.
      this.pause();
      return;
    }
    if (count <= 0) {
      this.destroy();
      return;
    }
    this.#bytesIn += count;
    if (!this.#isLeaving) {
      this.#sink.read(inbox.subarray(0, count));
    }
  }

  #sendUnsent(): void {
    const bytes = this.#unsent;
    const sent = this.#send(bytes, bytes.length);
    if (!this.isOpen) {
      return;
    }
    this.#unsent = sent === bytes.length ? NOTHING : bytes.slice(sent);
    if (this.#unsent.length === 0) {
      if (this.#isLeaving && this.#isPaused) {
        this.destroy();
      } else if (this.#isLeaving) {
        endWrites(this.#descriptor);
      }
      this.#watch();
      this.#flushed();
    }
  }

  /** @returns bytes that the kernel took; all of them when the connection has failed, which closes it. */
  #send(bytes: Uint8Array, length: number): number {
    if (!this.isOpen) {
      return length;
    }
    const sent = sendNow(this.#descriptor, bytes, length);
    if (sent >= 0) {
      this.#bytesOut += sent;
      return sent;
    }
    if (sent === -Errno.Again || sent === -Errno.Intr) {
      return 0;
    }
    this.destroy();
    return length;
  }

  /** Keeps a copy of bytes until there is room. */
  #queue(bytes: Uint8Array): void {
    if (!this.isOpen) {
      return;
    }
    const longer = new Uint8Array(this.#unsent.length + bytes.length);
    longer.set(this.#unsent);
    longer.set(bytes, this.#unsent.length);
    this.#unsent = longer;
    this.#watch();
    if (longer.length > BACKLOG_BYTES_MAX) {
      this.#sink.overrun();
    }
  }

  /** Waits for what is to be done next. */
  #watch(): void {
    const waiting = this.#isAwaiting ? Epoll.HangUp : 0;
    const reading = this.#isPaused ? waiting : Epoll.In;
    const events = reading | (this.#unsent.length > 0 ? Epoll.Out : 0);
    if (!this.isOpen || events === this.#events) {
      return;
    }
    if (events === 0) {
      // A hang-up would be told again and again to somebody who does not read.
      this.#poller.forget(this.#descriptor);
    } else if (this.#events === 0) {
      this.#poller.watch(this.#descriptor, events, this);
    } else {
      this.#poller.change(this.#descriptor, events);
    }
    this.#events = events;
  }

  /** @returns the descriptor, which is the caller's now. */
  #letGo(): number {
    const descriptor = this.#descriptor;
    if (this.#events !== 0) {
      this.#poller.forget(descriptor);
    }
    this.#descriptor = -1;
    this.#unsent = NOTHING;
    return descriptor;
  }

  #flushed(): void {
    const next = this.#onFlushed;
    this.#onFlushed = undefined;
    next?.();
  }
}
