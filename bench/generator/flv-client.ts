/** A viewer by HTTP-FLV or WebSocket-FLV. */
import { FlvSkimmer } from "../flv/flv-skimmer.ts";
import { ResponseReader, type ResponseSink } from "../http/response-reader.ts";
import { encodeClientFrame, WebSocketOpcode, WebSocketReader } from "../http/web-socket-reader.ts";
import type { Reactor } from "../native/reactor.ts";
import { ClientSocket, type SocketOwner } from "./client-socket.ts";
import type { MediaClient, MediaSink, MediaTarget } from "./media-client.ts";

/** Any 16 bytes: the answer to it is not looked at. */
const WEB_SOCKET_KEY = "d2Vpci1iZW5jaC1rZXktMQ==";

const encoder = new TextEncoder();

/** Head of a GET request with these lines beside the host. */
export function encodeRequest(port: number, path: string, lines: readonly string[]): Uint8Array {
  const all = [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, "User-Agent: bench", ...lines];
  return encoder.encode(`${all.join("\r\n")}\r\n\r\n`);
}

export class FlvClient implements MediaClient, SocketOwner, ResponseSink {
  readonly socket: ClientSocket;
  readonly #target: MediaTarget;
  readonly #sink: MediaSink;
  readonly #response: ResponseReader = new ResponseReader();
  readonly #messages: WebSocketReader | undefined;
  readonly #flv: FlvSkimmer = new FlvSkimmer();

  constructor(reactor: Reactor, target: MediaTarget, sink: MediaSink) {
    this.#target = target;
    this.#sink = sink;
    this.#messages = target.wire === "ws-flv" ? new WebSocketReader() : undefined;
    this.socket = new ClientSocket(reactor, target.port, this);
  }

  connected(): void {
    const { port, path, stream } = this.#target;
    const upgrade = [
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      `Sec-WebSocket-Key: ${WEB_SOCKET_KEY}`,
    ];
    const lines = this.#messages === undefined ? [] : upgrade;
    this.socket.send(encodeRequest(port, path.replace("{stream}", stream), lines));
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    this.#sink.arrived();
    this.#response.push(bytes, start, end, this);
  }

  head(status: number): void {
    if (status !== (this.#messages === undefined ? 200 : 101)) {
      throw new Error(`HTTP status ${status}`);
    }
    this.#sink.live();
  }

  body(bytes: Uint8Array, start: number, end: number): void {
    if (this.#messages === undefined) {
      this.#flv.push(bytes, start, end, this.#sink);
    } else {
      this.#messages.push(bytes, start, end, this);
    }
  }

  end(): void {
    throw new Error("the stream's response ended");
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#flv.push(bytes, start, end, this.#sink);
  }

  control(opcode: number, payload: Uint8Array): void {
    if (opcode === WebSocketOpcode.Close) {
      throw new Error("closed by the server with a WebSocket close");
    }
    if (opcode === WebSocketOpcode.Ping) {
      this.socket.send(encodeClientFrame(WebSocketOpcode.Pong, payload));
    }
  }

  writable(): void {}

  lost(reason: string): void {
    this.#sink.lost(reason);
  }
}
