/** A recording sink for client sessions and a wire between a client and a server session. */
import type { AmfObject } from "../../../src/protocol/amf/amf-value.ts";
import type {
  ClientSession,
  ClientSessionSink,
} from "../../../src/protocol/rtmp/client-session.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import type { ServerSession } from "../../../src/protocol/rtmp/server-session.ts";
import { acceptPending, concat, plain, Recorder } from "./session-harness.ts";

/** Writes down what a client session does. */
export class ClientRecorder implements ClientSessionSink {
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  infos: unknown[] = [];
  /** Of what the server has read. */
  readonly signs: string[] = [];

  write(bytes: Uint8Array): void {
    this.chunks.push(bytes.slice());
  }
  ready(): void {
    this.events.push("ready");
  }
  media(message: Message): void {
    const bytes = Buffer.from(message.payload).toString("hex");
    this.events.push(`media ${message.type} ${message.timestamp} ${bytes}`);
  }
  status(level: string, code: string, description: string, info: AmfObject): void {
    this.infos.push(plain(info));
    this.events.push(`status ${level} ${code} ${description}`);
  }
  pong(value: number): void {
    this.signs.push(`pong ${value}`);
  }
  acknowledged(bytes: number): void {
    this.signs.push(`acknowledged ${bytes}`);
  }
  closed(reason: string): void {
    this.events.push(`closed ${reason}`);
  }
}

/** Takes pieces off a queue of bytes in lengths that a test chooses. */
class Pipe {
  #bytes: Uint8Array = new Uint8Array(0);
  readonly #lengths: () => number;

  constructor(lengths: () => number) {
    this.#lengths = lengths;
  }

  fill(chunks: Uint8Array[]): void {
    this.#bytes = concat(this.#bytes, ...chunks);
  }

  take(): Uint8Array {
    const length = Math.min(this.#lengths(), this.#bytes.length);
    const piece = this.#bytes.slice(0, length);
    this.#bytes = this.#bytes.slice(length);
    return piece;
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }
}

/** A client and a server session on one wire. */
export class Wire {
  readonly client: ClientSession;
  readonly server: ServerSession;
  readonly clientSink: ClientRecorder = new ClientRecorder();
  readonly serverSink: Recorder = new Recorder();
  readonly clientBytes: Uint8Array[] = [];
  readonly serverBytes: Uint8Array[] = [];
  readonly #up: Pipe;
  readonly #down: Pipe;

  constructor(client: ClientSession, server: ServerSession, lengths: () => number) {
    this.client = client;
    this.server = server;
    this.#up = new Pipe(lengths);
    this.#down = new Pipe(lengths);
  }

  /** Moves bytes until nothing moves any more, accepting every decision. */
  settle(): void {
    this.#collect();
    while (!this.#up.isEmpty || !this.#down.isEmpty) {
      this.#serve(this.#up.take());
      this.client.push(this.#down.take(), this.clientSink);
      this.#collect();
    }
  }

  #serve(piece: Uint8Array): void {
    let at = this.server.push(piece, this.serverSink);
    while (this.server.isWaiting) {
      acceptPending(this.server, this.serverSink);
      at += this.server.push(piece.subarray(at), this.serverSink);
    }
  }

  #collect(): void {
    const up = this.clientSink.chunks.splice(0);
    const down = this.serverSink.chunks.splice(0);
    this.clientBytes.push(...up);
    this.serverBytes.push(...down);
    this.#up.fill(up);
    this.#down.fill(down);
  }
}
