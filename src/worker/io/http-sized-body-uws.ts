/** A body of known length on uWebSockets.js: the connection stays for the next request. */
import type * as uws from "uWebSockets.js";
import type { BodyEvents, BodyStream } from "./http-backend.ts";

/** What the library does not take is kept here until there is room, so that a write is always taken. */
export class UwsSizedBody implements BodyStream {
  readonly #response: uws.HttpResponse;
  readonly #sizeBytes: number;
  readonly #events: BodyEvents;
  /** **Owned**: what is left of the last write. */
  #rest: Uint8Array | undefined;
  /** Offset in the body where {@link #rest} begins. */
  #restAt = 0;
  #written = 0;
  #isOver = false;

  /** @param response Its status and headers are written. */
  constructor(response: uws.HttpResponse, sizeBytes: number, events: BodyEvents) {
    this.#response = response;
    this.#sizeBytes = sizeBytes;
    this.#events = events;
    response.onWritable((offset) => this.#resume(offset));
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isOver) {
      return false;
    }
    const at = this.#written;
    this.#written += bytes.length;
    const response = this.#response;
    let [isTaken, isDone] = [true, false];
    response.cork(() => {
      [isTaken, isDone] = response.tryEnd(bytes, this.#sizeBytes);
    });
    this.#isOver ||= isDone;
    if (!(isTaken || isDone)) {
      // The part that was taken is skipped when there is room: only then is it known.
      this.#rest = bytes.slice();
      this.#restAt = at;
      return false;
    }
    return true;
  }

  /** In order only when all of it was written. */
  end(): void {
    if (this.#written < this.#sizeBytes) {
      this.destroy();
    }
  }

  destroy(): void {
    if (!this.#isOver) {
      // Tells `aborted`.
      this.#response.close();
    }
  }

  aborted(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#events.gone();
    }
  }

  #resume(offset: number): boolean {
    const rest = this.#rest;
    if (rest === undefined || this.#isOver) {
      return true;
    }
    const [isTaken, isDone] = this.#response.tryEnd(
      rest.subarray(offset - this.#restAt),
      this.#sizeBytes,
    );
    this.#isOver ||= isDone;
    if (!(isTaken || isDone)) {
      return false;
    }
    this.#rest = undefined;
    if (!isDone) {
      this.#events.drained();
    }
    return true;
  }
}

/** A body that nobody gets, as HEAD's. */
export const NO_BODY: BodyStream = {
  write: () => true,
  end: () => undefined,
  destroy: () => undefined,
};
