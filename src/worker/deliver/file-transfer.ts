/** Sends a part of a file as its client takes it: one buffer each, and never more than that of the file in memory. */
import type { BodyEvents, BodyStream } from "../io/http-backend.ts";
import type { ByteRange } from "./byte-range.ts";
import type { OpenedFile } from "./open-file.ts";

const BUFFER_BYTES = 64 * 1024;

/** One file on its way. */
export class FileTransfer implements BodyEvents {
  readonly #file: OpenedFile;
  readonly #end: number;
  readonly #over: (transfer: FileTransfer) => void;
  readonly #buffer: Uint8Array;
  #at: number;
  #body: BodyStream | undefined;
  #isReading = false;
  #isOver = false;
  #progress: number;

  /** @param over Told once, when the file is closed. */
  constructor(
    file: OpenedFile,
    { start, end }: ByteRange,
    now: number,
    over: (transfer: FileTransfer) => void,
  ) {
    this.#file = file;
    this.#at = start;
    this.#end = end;
    this.#progress = now;
    this.#over = over;
    this.#buffer = new Uint8Array(Math.min(BUFFER_BYTES, end - start));
  }

  /** Milliseconds of the last time that the client had room. */
  get progress(): number {
    return this.#progress;
  }

  /** Sends to `body` from now on. */
  begin(body: BodyStream): void {
    this.#body = body;
    this.#goOn();
  }

  /** Closes the connection: the client takes nothing. */
  abort(): void {
    this.#finish();
    this.#body?.destroy();
  }

  // --- BodyEvents ---

  drained(): void {
    this.#progress = performance.now();
    this.#goOn();
  }

  gone(): void {
    this.#finish();
  }

  // --- inside ---

  #goOn(): void {
    if (!(this.#isReading || this.#isOver)) {
      this.#isReading = true;
      void this.#read();
    }
  }

  /** Reads and writes until the client is full, the part is sent or the connection is over. */
  async #read(): Promise<void> {
    try {
      let hasRoom = true;
      while (hasRoom && !this.#isOver) {
        hasRoom = await this.#readOnce();
      }
    } catch {
      // The file cannot be read any further: what its client has is not whole.
      this.abort();
    } finally {
      this.#isReading = false;
    }
  }

  /** @returns false when it is to be waited for room, or over. */
  async #readOnce(): Promise<boolean> {
    const length = Math.min(this.#buffer.length, this.#end - this.#at);
    const { bytesRead } = await this.#file.handle.read(this.#buffer, 0, length, this.#at);
    const body = this.#body;
    if (this.#isOver || body === undefined) {
      return false;
    }
    if (bytesRead === 0) {
      // It has become shorter: the client must not take this for the end.
      this.abort();
      return false;
    }
    this.#at += bytesRead;
    const isLast = this.#at === this.#end;
    const hasRoom = body.write(this.#buffer.subarray(0, bytesRead));
    if (isLast) {
      this.#finish();
      body.end();
    }
    return hasRoom && !isLast;
  }

  #finish(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#file.handle.close().then(
        () => this.#over(this),
        () => this.#over(this),
      );
    }
  }
}
