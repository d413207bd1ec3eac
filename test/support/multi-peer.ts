/**
 * A client that plays and publishes several streams on one connection, each on its own message stream. It judges the
 * chunk layer as it reads: a message that begins inside another one ends the connection with a fault.
 */
import type { Socket } from "node:net";
import { connect as connectSocket } from "node:net";
import type { AmfValue } from "../../src/protocol/amf/amf-value.ts";
import { ChunkDecoder } from "../../src/protocol/rtmp/chunk-decoder.ts";
import { encodeMessage } from "../../src/protocol/rtmp/chunk-encoder.ts";
import { decodeCommand, encodeCommand } from "../../src/protocol/rtmp/command.ts";
import type { Message } from "../../src/protocol/rtmp/message.ts";
import { MessageType, UserControlEvent } from "../../src/protocol/rtmp/message.ts";
import { encodeSetChunkSize, encodeUserControl } from "../../src/protocol/rtmp/server-session.ts";
import type { Frame } from "./flv-file.ts";
import type { PeerEnd, PublishingPeer, ReceivedFrame } from "./rtmp-peer.ts";
import { receivedFrame } from "./rtmp-peer.ts";
import { waitUntil } from "./scratch.ts";

const HANDSHAKE_BYTES = 3073;
/** Before the client announces its own, and that one. */
const CHUNK_SIZE = 128;
const OWN_CHUNK_SIZE = 60_000;
const WAIT_MS = 5000;

/** One NetStream of a connection. */
export class PeerStream implements PublishingPeer {
  readonly id: number;
  readonly received: ReceivedFrame[] = [];
  readonly statuses: string[] = [];
  readonly #peer: MultiPeer;

  constructor(peer: MultiPeer, id: number) {
    this.#peer = peer;
    this.id = id;
  }

  get end(): PeerEnd {
    return this.#peer.end;
  }

  /** Sends a command on this stream and waits for nothing. */
  say(name: string, ...args: readonly AmfValue[]): void {
    this.#peer.say(this.id, name, ...args);
  }

  async waitStatus(code: string): Promise<this> {
    const hasIt = (): boolean => this.statuses.includes(code) || this.end !== "open";
    const had = (): string => `${this.statuses.join(" ")}, ${this.end} ${this.#peer.fault}`;
    await waitUntil(`${code} on ${this.id}`, hasIt, WAIT_MS).catch((error) => {
      throw new Error(`${String(error)}: had ${had()}`);
    });
    if (!this.statuses.includes(code)) {
      throw new Error(`no ${code} on ${this.id}: had ${had()}`);
    }
    return this;
  }

  async waitFrames(count: number, timeoutMs: number = WAIT_MS): Promise<void> {
    const enough = (): boolean => this.received.length >= count || this.end !== "open";
    await waitUntil(`${count} messages on ${this.id}`, enough, timeoutMs);
    if (this.received.length < count) {
      throw new Error(`${this.received.length} of ${count} on ${this.id}: ${this.#peer.fault}`);
    }
  }

  send({ type, payload }: Frame, timestamp: number): void {
    if (this.end === "open") {
      const header = { chunkStreamId: 4 + this.id, type, streamId: this.id, timestamp };
      this.#peer.write(encodeMessage(header, payload, this.#peer.chunkSize));
    }
  }

  /** closeStream: the NetStream can be used again. */
  close(): void {
    this.say("closeStream", null);
  }

  /** deleteStream: the NetStream is gone. */
  delete(): void {
    this.#peer.say(0, "deleteStream", null, this.id);
  }
}

/** One connection. Closed with the test process at the latest. */
export class MultiPeer {
  end: PeerEnd = "open";
  /** What was wrong with the bytes that came. */
  fault = "";
  /** Of what is sent. */
  chunkSize: number = CHUNK_SIZE;
  /** Numbers of ping responses. */
  readonly pongs: number[] = [];
  bytes = 0;
  readonly #socket: Socket;
  readonly #decoder = new ChunkDecoder({ identified: true });
  readonly #streams = new Map<number, PeerStream>();
  readonly #results = new Map<number, AmfValue | undefined>();
  #handshakeLeft = HANDSHAKE_BYTES;
  #transaction = 0;

  private constructor(port: number) {
    this.#socket = connectSocket({ host: "127.0.0.1", port, noDelay: true });
    this.#socket.unref();
    this.#socket.on("data", (bytes) => this.#read(new Uint8Array(bytes)));
    this.#socket.on("end", () => {
      this.end = this.end === "open" ? "eof" : this.end;
    });
    this.#socket.on("error", () => {
      this.end = "error";
    });
  }

  /** A connection to application `live`. */
  static async connect(port: number): Promise<MultiPeer> {
    const peer = new MultiPeer(port);
    const hello = new Uint8Array(HANDSHAKE_BYTES);
    hello[0] = 3;
    peer.write(hello);
    peer.write(encodeSetChunkSize(OWN_CHUNK_SIZE));
    peer.chunkSize = OWN_CHUNK_SIZE;
    const properties = new Map<string, AmfValue>([
      ["app", "live"],
      ["tcUrl", `rtmp://127.0.0.1:${port}/live`],
    ]);
    await peer.#call("connect", properties);
    return peer;
  }

  /** A connection on which nothing was said yet. */
  static raw(port: number): MultiPeer {
    return new MultiPeer(port);
  }

  /** createStream. */
  async create(): Promise<PeerStream> {
    const id = await this.#call("createStream", null);
    if (typeof id !== "number") {
      throw new Error("createStream gave no number");
    }
    return this.stream(id);
  }

  /** A new stream that plays. */
  async play(name: string): Promise<PeerStream> {
    const stream = await this.create();
    stream.say("play", null, name);
    return stream.waitStatus("NetStream.Play.Start");
  }

  /** A new stream that publishes. */
  async publish(name: string): Promise<PeerStream> {
    const stream = await this.create();
    stream.say("publish", null, name, "live");
    return stream.waitStatus("NetStream.Publish.Start");
  }

  say(streamId: number, name: string, ...args: readonly AmfValue[]): number {
    this.#transaction += 1;
    const route = { chunkStreamId: 3, streamId, chunkSize: this.chunkSize };
    this.write(encodeCommand(route, name, this.#transaction, ...args));
    return this.#transaction;
  }

  ping(value: number): void {
    this.write(encodeUserControl(UserControlEvent.PingRequest, value));
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Stops (`true`) or goes on reading. */
  setStalled(isStalled: boolean): void {
    if (isStalled) {
      this.#socket.pause();
    } else {
      this.#socket.resume();
    }
  }

  async waitEnd(timeoutMs: number): Promise<PeerEnd> {
    await waitUntil("the server closes the connection", () => this.end !== "open", timeoutMs);
    return this.end;
  }

  close(): void {
    this.#socket.destroy();
    this.end = this.end === "open" ? "eof" : this.end;
  }

  async #call(name: string, ...args: readonly AmfValue[]): Promise<AmfValue | undefined> {
    const id = this.say(0, name, ...args);
    await waitUntil(`${name} is answered`, () => this.#results.has(id), WAIT_MS);
    return this.#results.get(id);
  }

  /** What is known of a message stream. */
  stream(id: number): PeerStream {
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      stream = new PeerStream(this, id);
      this.#streams.set(id, stream);
    }
    return stream;
  }

  #read(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    const skipped = Math.min(this.#handshakeLeft, bytes.length);
    this.#handshakeLeft -= skipped;
    try {
      this.#decoder.push(bytes.subarray(skipped), { message: (message) => this.#take(message) });
    } catch (error) {
      this.fault = String(error);
      this.end = "error";
      this.#socket.destroy();
    }
  }

  #take(message: Message): boolean {
    const { type, payload, streamId } = message;
    if (type === MessageType.CommandAmf0) {
      const { name, transactionId, args } = decodeCommand(payload, type);
      if (name === "_result") {
        this.#results.set(transactionId, args[1]);
      } else if (name === "onStatus" && args[1] instanceof Map) {
        this.stream(streamId).statuses.push(String(args[1].get("code")));
      }
    } else if (type === MessageType.UserControl && payload[1] === UserControlEvent.PingResponse) {
      this.pongs.push(((payload[4] ?? 0) << 8) | (payload[5] ?? 0));
    } else if (streamId !== 0) {
      this.stream(streamId).received.push(receivedFrame(message));
    }
    return true;
  }
}
