/**
 * An RTMP client: handshake, dialogue, then media. `raw` connections (to the floor, which speaks no RTMP) skip to
 * media at once.
 */
import { FLOOR_CHUNK_SIZE } from "../media/synthetic-stream.ts";
import type { Reactor } from "../native/reactor.ts";
import { ChunkSkimmer, type SkimSink } from "../rtmp/chunk-skimmer.ts";
import {
  CLIENT_HELLO,
  ClientDialogue,
  encodeAcknowledgement,
  encodePing,
  encodePong,
  SERVER_HANDSHAKE_BYTES,
} from "../rtmp/dialogue.ts";
import { ClientSocket, type SocketOwner } from "./client-socket.ts";
import type { MediaClient, MediaSink, MediaTarget } from "./media-client.ts";

const EVENT_PING = 6;
const EVENT_PONG = 7;
const TYPE_USER_CONTROL = 4;
const TYPE_WINDOW_ACK_SIZE = 5;

type Phase = "connecting" | "handshake" | "dialogue" | "live";

export class RtmpClient implements MediaClient, SocketOwner, SkimSink {
  readonly socket: ClientSocket;
  readonly #sink: MediaSink;
  readonly #isRaw: boolean;
  readonly #dialogue: ClientDialogue;
  readonly #skimmer: ChunkSkimmer;
  #phase: Phase = "connecting";
  #hello: Uint8Array = new Uint8Array(0);
  #received: number = 0;
  #acknowledged: number = 0;
  #windowBytes: number = Number.POSITIVE_INFINITY;

  constructor(reactor: Reactor, target: MediaTarget, sink: MediaSink) {
    this.#sink = sink;
    this.#isRaw = target.wire === "raw";
    this.#dialogue = new ClientDialogue(target);
    this.#skimmer = new ChunkSkimmer(this.#isRaw ? FLOOR_CHUNK_SIZE : 128);
    this.socket = new ClientSocket(reactor, target.port, this);
  }

  /** Message stream of the publish or play. */
  get streamId(): number {
    return this.#dialogue.streamId;
  }

  /** Ask for a pong with this number of 31 bits. */
  ping(time: number): void {
    if (this.#phase === "live" && !this.#isRaw) {
      this.socket.send(encodePing(time));
    }
  }

  connected(): void {
    this.#phase = this.#isRaw ? "live" : "handshake";
    if (this.#isRaw) {
      this.#sink.live();
    } else {
      this.socket.send(CLIENT_HELLO);
    }
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    this.#sink.arrived();
    this.#received += end - start;
    const from = start + (this.#phase === "handshake" ? this.#shake(bytes, start, end) : 0);
    if (from < end && this.#phase !== "handshake") {
      this.#skimmer.push(bytes, from, end, this);
    }
    if (this.#received - this.#acknowledged >= this.#windowBytes) {
      this.#acknowledged = this.#received;
      this.socket.send(encodeAcknowledgement(this.#received));
    }
  }

  writable(): void {
    this.#sink.writable();
  }

  lost(reason: string): void {
    this.#sink.lost(`${this.#phase}: ${reason}`);
  }

  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    this.#sink.media(type, bytes, offset, sizeBytes);
  }

  control(type: number, bytes: Uint8Array, offset: number): void {
    if (type === TYPE_WINDOW_ACK_SIZE) {
      this.#windowBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
    } else if (type === TYPE_USER_CONTROL && bytes[offset + 1] === EVENT_PING) {
      this.socket.send(encodePong(bytes, offset + 2));
    } else if (type === TYPE_USER_CONTROL && bytes[offset + 1] === EVENT_PONG) {
      this.#sink.pong(new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset + 2));
    }
  }

  command(payload: Uint8Array): void {
    if (this.#phase !== "dialogue") {
      return;
    }
    this.socket.send(this.#dialogue.answerCommand(payload));
    if (this.#dialogue.refusal !== "") {
      this.socket.lose(this.#dialogue.refusal);
    } else if (this.#dialogue.isAccepted) {
      this.#phase = "live";
      this.#sink.live();
    }
  }

  /** Collect S0, S1, S2. @returns bytes taken. */
  #shake(bytes: Uint8Array, start: number, end: number): number {
    const taken = Math.min(end - start, SERVER_HANDSHAKE_BYTES - this.#hello.length);
    const joined = new Uint8Array(this.#hello.length + taken);
    joined.set(this.#hello);
    joined.set(bytes.subarray(start, start + taken), this.#hello.length);
    this.#hello = joined;
    if (joined.length === SERVER_HANDSHAKE_BYTES) {
      this.#phase = "dialogue";
      this.socket.send(this.#dialogue.answerHandshake(joined));
      this.#hello = new Uint8Array(0);
    }
    return taken;
  }
}
