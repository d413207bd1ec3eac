/**
 * A publisher's socket: few, busy, event-driven. Reads land in one static buffer shared by all publishers of the
 * thread, since each read is consumed before the next one starts.
 */
import { Socket } from "node:net";
import { memoryBase, receive, setReceiveLimit } from "./native.ts";
import type { RowSocket, RowSocketSink } from "./row-socket.ts";

const READ_BYTES = 64 * 1024;
/** While reading at leisure, the loop hears of so many bytes at once only: half a small window, so that no sender stalls. */
const LEISURELY_BYTES = 32 * 1024;
/** **Owned** by the thread; valid inside one {@link RowSocketSink.read}. */
const readMemory = memoryBase(new SharedArrayBuffer(READ_BYTES));
const readBuffer = Buffer.from(readMemory.buffer);
/** The same memory as a plain array: `slice` of a Buffer would not copy. */
const readBytes = new Uint8Array(readMemory.buffer);

/** The one user of an adopted descriptor. */
export class PublisherSocket implements RowSocket {
  readonly #socket: Socket;
  readonly #descriptor: number;
  readonly #sink: RowSocketSink;
  #isLeisurely = false;
  #isPaused = false;

  constructor(descriptor: number, sink: RowSocketSink) {
    this.#descriptor = descriptor;
    this.#sink = sink;
    let failure: Error | undefined;
    const options = {
      fd: descriptor,
      readable: true,
      writable: true,
      onread: {
        buffer: readBuffer,
        callback: (length: number): boolean => this.#take(length),
      },
    };
    this.#socket = new Socket(options);
    this.#socket.on("error", (error) => {
      failure = error;
    });
    this.#socket.on("drain", () => sink.drained());
    this.#socket.on("close", () => sink.closed(failure));
    this.#socket.setNoDelay(true);
    this.#socket.resume();
  }

  /** Bytes that the kernel has not taken yet. */
  get backlogBytes(): number {
    return this.#socket.writableLength;
  }

  /** Bytes are read when {@link readNow} is called, and not as they come. */
  get isLeisurely(): boolean {
    return this.#isLeisurely;
  }

  /** Lets bytes gather in the kernel, or stops that. The peer's end is noticed at once in either case. */
  setLeisurely(on: boolean): void {
    if (this.#isLeisurely !== on && !this.#socket.destroyed) {
      this.#isLeisurely = on;
      setReceiveLimit(this.#descriptor, on ? LEISURELY_BYTES : 1);
    }
  }

  /** Reads what has gathered; not while paused. */
  readNow(): void {
    if (this.#socket.destroyed || this.#isPaused) {
      return;
    }
    const received = receive(this.#descriptor, readMemory, READ_BYTES);
    // The end and failures are the event loop's to find.
    if (received > 0) {
      this.#take(received);
    }
  }

  /** Sends a copy of borrowed bytes. */
  write(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) {
      this.#socket.write(Buffer.from(bytes));
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** Reads again after `read` returned false or {@link pause}. */
  resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** Lets queued replies go out, then closes. */
  end(): void {
    this.#socket.end();
    this.#socket.destroySoon();
  }

  /** Closes at once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Hands over what was read. @returns false when reading stops. */
  #take(length: number): boolean {
    const goesOn = this.#sink.read(readBytes.subarray(0, length));
    if (!goesOn) {
      this.pause();
    }
    return goesOn;
  }
}
