/** WebSockets of uWebSockets.js: each write is one message. */
import type * as uws from "uWebSockets.js";
import type { BodyEvents, BodyStream } from "./http-backend.ts";

/** Unsent bytes in a WebSocket from which on it counts as full. */
const WS_FULL_BYTES = 64 * 1024;

/** What a socket carries: the library copies its properties. */
export interface SocketData {
  readonly body: UwsWebSocket;
}

/** Messages of a WebSocket. */
export class UwsWebSocket implements BodyStream {
  readonly #events: BodyEvents;
  #socket: uws.WebSocket<SocketData> | undefined;
  #isFull = false;

  constructor(events: BodyEvents) {
    this.#events = events;
  }

  opened(socket: uws.WebSocket<SocketData>): void {
    this.#socket = socket;
  }

  drained(): void {
    if (this.#isFull && (this.#socket?.getBufferedAmount() ?? 0) <= WS_FULL_BYTES / 2) {
      this.#isFull = false;
      this.#events.drained();
    }
  }

  gone(): void {
    this.#socket = undefined;
    this.#events.gone();
  }

  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === undefined) {
      return false;
    }
    socket.send(bytes, true);
    this.#isFull = socket.getBufferedAmount() > WS_FULL_BYTES;
    return !this.#isFull;
  }

  end(): void {
    this.#socket?.end(1000);
  }

  destroy(): void {
    this.#socket?.close();
  }
}
