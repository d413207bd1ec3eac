/** A non-blocking connection to this machine, without a JavaScript stream: what all clients of the generator stand on. */
import { HEADROOM_BYTES } from "../native/headroom.ts";
import {
  connectLoopback,
  discardBytes,
  EpollEvent,
  Errno,
  NativeMemory,
  receiveBytes,
  resetConnection,
  sendBytes,
  socketError,
} from "../native/libc.ts";
import type { Endpoint, Reactor } from "../native/reactor.ts";

const RECEIVE_BYTES = 256 * 1024;
const OUTBOX_BYTES = 64 * 1024;

// One of each per process: a connection is read and written within one call.
const inbox = new NativeMemory(HEADROOM_BYTES + RECEIVE_BYTES);
const outbox = new NativeMemory(OUTBOX_BYTES);

/** Who a connection works for. */
export interface SocketOwner {
  connected(): void;
  /** `bytes[start, end)`, borrowed, with HEADROOM_BYTES free before them. May throw: the connection is lost. */
  received(bytes: Uint8Array, start: number, end: number): void;
  writable(): void;
  /** Told once, unless the owner closed. */
  lost(reason: string): void;
}

/** Who has bytes dropped. */
export interface DropSink {
  /** So many of them are gone. May throw: the connection is lost. */
  dropped(sizeBytes: number): void;
}

export class ClientSocket implements Endpoint {
  readonly fd: number;
  readonly #reactor: Reactor;
  readonly #owner: SocketOwner;
  #state: "connecting" | "open" | "closed" = "connecting";
  #isReading: boolean = true;
  #receiveBytesMax: number = RECEIVE_BYTES;
  #toDrop: number = 0;
  #dropSink: DropSink | undefined;
  #isWatchingWritable: boolean = false;

  constructor(reactor: Reactor, port: number, owner: SocketOwner) {
    this.#reactor = reactor;
    this.#owner = owner;
    this.fd = connectLoopback(port);
    reactor.add(this.fd, EpollEvent.IN | EpollEvent.OUT, this);
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  ready(events: number): void {
    if (this.#state === "connecting") {
      this.#connected();
      return;
    }
    if ((events & EpollEvent.OUT) !== 0) {
      this.#owner.writable();
    }
    if ((events & ~EpollEvent.OUT) === 0 || this.#state === "closed") {
      return;
    }
    if (this.#isReading && this.#toDrop > 0) {
      this.#drop();
    } else if (this.#isReading) {
      this.receive(this.#receiveBytesMax);
    } else if ((events & (EpollEvent.HUP | EpollEvent.ERR)) !== 0) {
      this.lose("closed by the server");
    }
  }

  /** Read once, at most so many bytes. @returns bytes read. */
  receive(bytesMax: number): number {
    const size = Math.min(bytesMax, RECEIVE_BYTES);
    const count = this.#heed(receiveBytes(this.fd, inbox.address + HEADROOM_BYTES, size));
    if (count === 0) {
      return 0;
    }
    try {
      this.#owner.received(inbox.bytes, HEADROOM_BYTES, HEADROOM_BYTES + count);
    } catch (error) {
      this.lose(String(error));
    }
    return count;
  }

  /** Read no more than this at once: what is to be dropped would be copied. */
  readLittle(bytesMax: number): void {
    this.#receiveBytesMax = bytesMax;
  }

  /** Drop the next so many bytes in the kernel, as they come. */
  drop(sizeBytes: number, sink: DropSink): void {
    this.#toDrop = sizeBytes;
    this.#dropSink = sink;
  }

  /** Send from memory at an address. @returns bytes taken; 0 when the socket is full or lost. */
  sendAt(address: number, sizeBytes: number): number {
    const sent = sendBytes(this.fd, address, sizeBytes);
    if (sent >= 0) {
      return sent;
    }
    if (sent !== -Errno.EAGAIN) {
      this.lose(`send errno ${-sent}`);
    }
    return 0;
  }

  /** Send a small message whole. */
  send(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#state === "closed") {
      return;
    }
    outbox.bytes.set(bytes);
    if (this.sendAt(outbox.address, bytes.length) < bytes.length) {
      this.lose("a short write in the dialogue");
    }
  }

  /** Ask for {@link SocketOwner.writable}, or no longer. */
  watchWritable(isWatched: boolean): void {
    this.#isWatchingWritable = isWatched;
    this.#watch();
  }

  /** Leave what comes in the kernel, or no longer; {@link receive} still reads. */
  holdReading(isHeld: boolean): void {
    this.#isReading = !isHeld;
    this.#watch();
  }

  close(): void {
    if (this.#state !== "closed") {
      this.#state = "closed";
      this.#reactor.forget(this.fd);
      resetConnection(this.fd);
    }
  }

  lose(reason: string): void {
    if (this.#state !== "closed") {
      this.close();
      this.#owner.lost(reason);
    }
  }

  #drop(): void {
    const count = this.#heed(discardBytes(this.fd, this.#toDrop));
    if (count === 0) {
      return;
    }
    this.#toDrop -= count;
    try {
      this.#dropSink?.dropped(count);
    } catch (error) {
      this.lose(String(error));
    }
  }

  /** @returns what was read; 0 when there was nothing, or the connection is lost. */
  #heed(count: number): number {
    if (count > 0 || count === -Errno.EAGAIN) {
      return Math.max(count, 0);
    }
    this.lose(count === 0 ? "closed by the server" : `receive errno ${-count}`);
    return 0;
  }

  #watch(): void {
    if (this.#state !== "closed") {
      const reading = this.#isReading ? EpollEvent.IN : 0;
      this.#reactor.modify(this.fd, reading | (this.#isWatchingWritable ? EpollEvent.OUT : 0));
    }
  }

  #connected(): void {
    const error = socketError(this.fd);
    if (error !== 0) {
      this.lose(`connect errno ${error}`);
      return;
    }
    this.#state = "open";
    this.watchWritable(false);
    this.#owner.connected();
  }
}
