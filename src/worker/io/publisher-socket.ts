/**
 * A publisher's socket: few, busy, read as soon as bytes arrive. Reads land in one static buffer shared by all
 * publishers of the thread, since each read is consumed before the next one starts.
 */
import { getSystemErrorName } from "node:util";
import { TransportError } from "../../protocol/errors.ts";
import {
  Epoll,
  Errno,
  memoryBase,
  receive,
  send,
  setNoDelay,
  shutdownSending,
} from "./native.ts";
import type { ReadySet, ReadyUser } from "./ready-set.ts";

const READ_BYTES = 64 * 1024;
/** Reads taken of one socket before others have their turn. */
const READS_PER_TURN = 4;
const READING = Epoll.In;
const WRITING = Epoll.Out;
/** **Owned** by the thread; what was read is valid inside one {@link PublisherSocketSink.read}. */
const readMemory = memoryBase(new SharedArrayBuffer(READ_BYTES));
const readBytes = new Uint8Array(readMemory.buffer);
/** **Owned** by the thread; filled and sent within one call. */
const writeMemory = memoryBase(new SharedArrayBuffer(READ_BYTES));
const writeBytes = new Uint8Array(writeMemory.buffer);

/** Who uses the socket. */
export interface PublisherSocketSink {
  /** Bytes of one read, **borrowed**. @returns false to stop reading until {@link PublisherSocket.resume}. */
  read(bytes: Uint8Array): boolean;
  /** The descriptor is closed; nothing follows. Never within a call of the socket's methods. */
  closed(error: Error | undefined): void;
}

/** The one user of an adopted descriptor. */
export class PublisherSocket implements ReadyUser {
  readonly #descriptor: number;
  readonly #ready: ReadySet;
  readonly #sink: PublisherSocketSink;
  /** **Owned** copies of what the kernel did not take, oldest first. */
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;
  #isPaused = false;
  #isOpen = true;

  constructor(descriptor: number, ready: ReadySet, sink: PublisherSocketSink) {
    this.#descriptor = descriptor;
    this.#ready = ready;
    this.#sink = sink;
    setNoDelay(descriptor, true);
    if (!ready.add(descriptor, READING, this)) {
      this.#close(new TransportError("ERR_SOCKET", "cannot be watched"));
    }
  }

  /** Bytes that the kernel has not taken yet. */
  get backlogBytes(): number {
    return this.#unsentBytes;
  }

  /** Sends borrowed bytes; what the kernel does not take is copied. */
  write(bytes: Uint8Array): void {
    if (!this.#isOpen) {
      return;
    }
    const sent = this.#unsentBytes > 0 ? 0 : this.#send(bytes);
    if (this.#isOpen && sent < bytes.length) {
      this.#unsent.push(bytes.slice(sent));
      this.#unsentBytes += bytes.length - sent;
      this.#watch();
    }
  }

  pause(): void {
    if (this.#isOpen && !this.#isPaused) {
      this.#isPaused = true;
      this.#watch();
    }
  }

  /** Reads again after `read` returned false or {@link pause}. */
  resume(): void {
    if (this.#isOpen && this.#isPaused) {
      this.#isPaused = false;
      this.#watch();
    }
  }

  /** Closes after replies: what the kernel has taken still goes out. */
  end(): void {
    if (this.#isOpen) {
      this.#flush();
      shutdownSending(this.#descriptor);
      // Unread bytes would make the close a reset, which overtakes the replies.
      for (let reads = 0; reads < READS_PER_TURN && this.#receive() > 0; reads += 1);
      this.#close(undefined);
    }
  }

  /** Closes at once. */
  destroy(): void {
    this.#close(undefined);
  }

  /** Called by the set. */
  ready(events: number): void {
    if ((events & Epoll.Out) !== 0) {
      this.#flush();
    }
    if (!this.#isPaused) {
      this.#read();
    } else if ((events & (Epoll.Err | Epoll.Hup)) !== 0) {
      // Would be told again and again; whoever waits for room or a decision waits in vain.
      this.#close(undefined);
    }
  }

  #read(): void {
    for (let reads = 0; reads < READS_PER_TURN && this.#isOpen; reads += 1) {
      const received = this.#receive();
      if (received > 0) {
        if (!this.#sink.read(readBytes.subarray(0, received))) {
          this.pause();
          return;
        }
        if (received < READ_BYTES) {
          return;
        }
      } else {
        if (received !== -Errno.Again && received !== -Errno.Intr) {
          this.#close(failureOf("read", received));
        }
        return;
      }
    }
  }

  #receive(): number {
    return receive(this.#descriptor, readMemory, READ_BYTES);
  }

  /** @returns bytes that the kernel took; closes on failure. */
  #send(bytes: Uint8Array): number {
    let total = 0;
    while (total < bytes.length) {
      const part = Math.min(READ_BYTES, bytes.length - total);
      writeBytes.set(bytes.subarray(total, total + part));
      const sent = send(this.#descriptor, writeMemory, 0, part, false);
      if (sent < 0 && sent !== -Errno.Again && sent !== -Errno.Intr) {
        this.#close(failureOf("write", sent));
        return total;
      }
      total += Math.max(sent, 0);
      if (sent < part) {
        return total;
      }
    }
    return total;
  }

  #flush(): void {
    while (this.#isOpen) {
      const [first] = this.#unsent;
      if (first === undefined) {
        this.#watch();
        return;
      }
      const sent = this.#send(first);
      this.#unsentBytes -= sent;
      if (sent < first.length) {
        this.#unsent[0] = first.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
  }

  #watch(): void {
    const events = (this.#isPaused ? 0 : READING) | (this.#unsentBytes > 0 ? WRITING : 0);
    this.#ready.change(this.#descriptor, events);
  }

  #close(error: Error | undefined): void {
    if (this.#isOpen) {
      this.#isOpen = false;
      this.#unsent = [];
      this.#unsentBytes = 0;
      this.#ready.close(this.#descriptor);
      queueMicrotask(() => this.#sink.closed(error));
    }
  }
}

/** @param result 0 at the peer's end, else `-errno`. */
function failureOf(call: string, result: number): Error | undefined {
  const name = result === 0 ? "" : getSystemErrorName(result);
  return result === 0 ? undefined : new TransportError("ERR_SOCKET", `${call} ${name}`);
}
