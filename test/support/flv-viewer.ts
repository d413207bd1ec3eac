/** A viewer by HTTP-FLV or WebSocket-FLV that records what it gets. */
import { type ClientRequest, get, type IncomingHttpHeaders } from "node:http";
import { WebSocket } from "ws";
import { FlvTagDecoder } from "../../src/protocol/flv/tag.ts";
import { type ReceivedFrame, receivedFrame } from "./rtmp-peer.ts";
import { waitUntil } from "./scratch.ts";

/** One viewer. */
export class FlvViewer {
  readonly received: ReceivedFrame[] = [];
  /** Of the answer; 0 before it. 101 of a WebSocket. */
  status = 0;
  headers: IncomingHttpHeaders = {};
  isOver = false;
  readonly #decoder = new FlvTagDecoder();
  readonly #request: ClientRequest | WebSocket;

  /** @param url `http:` or `ws:`. */
  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#request = url.startsWith("ws:") ? this.#connect(url) : this.#get(url, headers);
    const over = (): void => {
      this.isOver = true;
    };
    this.#request.on("error", over);
    this.#request.on("close", over);
  }

  /** Waits for so many messages. */
  async waitFrames(count: number, timeoutMs: number): Promise<this> {
    const enough = (): boolean => this.received.length >= count || this.isOver;
    await waitUntil(`${count} messages come`, enough, timeoutMs);
    if (this.received.length < count) {
      throw new Error(`${this.received.length} of ${count} messages, status ${this.status}`);
    }
    return this;
  }

  /** Waits for the end. @returns the status */
  async waitEnd(timeoutMs: number): Promise<number> {
    await waitUntil("the server ends it", () => this.isOver, timeoutMs);
    return this.status;
  }

  close(): void {
    if (this.#request instanceof WebSocket) {
      this.#request.terminate();
    } else {
      this.#request.destroy();
    }
  }

  #connect(url: string): WebSocket {
    const socket = new WebSocket(url);
    socket.on("open", () => {
      this.status = 101;
    });
    socket.on("unexpected-response", (_request, response) => {
      this.status = response.statusCode ?? 0;
      response.resume();
      socket.terminate();
    });
    socket.on("message", (bytes: Buffer) => this.#read(bytes));
    return socket;
  }

  #get(url: string, headers: Readonly<Record<string, string>>): ClientRequest {
    return get(url, { agent: false, headers }, (response) => {
      this.status = response.statusCode ?? 0;
      this.headers = response.headers;
      response.on("error", () => undefined);
      response.on("data", (bytes: Buffer) => this.status === 200 && this.#read(bytes));
    });
  }

  #read(bytes: Buffer): void {
    this.#decoder.push(new Uint8Array(bytes), {
      tag: ({ type, timestamp, payload }) => {
        const message = { chunkStreamId: 4, type, streamId: 1, timestamp, payload };
        this.received.push(receivedFrame(message));
      },
    });
  }
}
