/**
 * A publisher's socket: few, busy, event-driven. Reads land in one static buffer shared by all publishers of the
 * thread, since each read is consumed before the next one starts.
 */
import { Socket } from "node:net";
import type { RowSocket, RowSocketSink } from "./row-socket.ts";

const READ_BYTES = 64 * 1024;
/** **Owned** by the thread; valid inside one {@link RowSocketSink.read}. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
/** The same memory as a plain array: `slice` of a Buffer would not copy. */
const readBytes = new Uint8Array(readBuffer.buffer);

/** The one user of an adopted descriptor. */
export class PublisherSocket implements RowSocket {
  readonly #socket: Socket;

  constructor(descriptor: number, sink: RowSocketSink) {
    let failure: Error | undefined;
    const options = {
      fd: descriptor,
      readable: true,
      writable: true,
      onread: {
        buffer: readBuffer,
        callback: (length: number): boolean => sink.read(readBytes.subarray(0, length)),
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

  /** Sends a copy of borrowed bytes. */
  write(bytes: Uint8Array): void {
    if (!this.#socket.destroyed) {
      this.#socket.write(Buffer.from(bytes));
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  /** Reads again after `read` returned false or {@link pause}. */
  resume(): void {
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
}
