/**
 * One client connection of the generator: connect, handshake, dialogue, then media. `raw` connections (to the
 * floor, which speaks no RTMP) skip to media at once.
 */

import { FLOOR_CHUNK_SIZE } from "../media/synthetic-stream.ts";
import {
  connectLoopback,
  EpollEvent,
  Errno,
  NativeMemory,
  receiveBytes,
  resetConnection,
  sendBytes,
  socketError,
} from "../native/libc.ts";
import type { Endpoint, Reactor } from "../native/reactor.ts";
import { ChunkSkimmer, HEADROOM_BYTES, type SkimSink } from "../rtmp/chunk-skimmer.ts";
import {
  CLIENT_HELLO,
  ClientDialogue,
  type DialogueTarget,
  encodeAcknowledgement,
  encodePong,
  SERVER_HANDSHAKE_BYTES,
} from "../rtmp/dialogue.ts";
import type { Wire } from "./calls.ts";

const RECEIVE_BYTES = 256 * 1024;
const OUTBOX_BYTES = 64 * 1024;
const EVENT_PING = 6;
const TYPE_USER_CONTROL = 4;
const TYPE_WINDOW_ACK_SIZE = 5;

// One of each per process: a connection is read and written within one call.
const inbox = new NativeMemory(HEADROOM_BYTES + RECEIVE_BYTES);
const outbox = new NativeMemory(OUTBOX_BYTES);

/** Who a connection works for. */
export interface ConnectionOwner {
  /** Publish or play was accepted; a raw connection is live once connected. */
  live(): void;
  /** A media message begins; bytes borrowed, {@link SkimSink.media}. */
  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void;
  writable(): void;
  /** Told once, unless the owner closed. */
  lost(reason: string): void;
}

export interface ConnectionTarget extends DialogueTarget {
  readonly wire: Wire;
}

type Phase = "connecting" | "handshake" | "dialogue" | "live" | "closed";

export class Connection implements Endpoint, SkimSink {
  readonly fd: number;
  readonly #reactor: Reactor;
  readonly #owner: ConnectionOwner;
  readonly #isRaw: boolean;
  readonly #dialogue: ClientDialogue;
  readonly #skimmer: ChunkSkimmer;
  #phase: Phase = "connecting";
  #hello: Uint8Array = new Uint8Array(0);
  #received: number = 0;
  #acknowledged: number = 0;
  #windowBytes: number = Number.POSITIVE_INFINITY;

  constructor(reactor: Reactor, target: ConnectionTarget, owner: ConnectionOwner) {
    this.#reactor = reactor;
    this.#owner = owner;
    this.#isRaw = target.wire === "raw";
    this.#dialogue = new ClientDialogue(target);
    this.#skimmer = new ChunkSkimmer(this.#isRaw ? FLOOR_CHUNK_SIZE : 128);
    this.fd = connectLoopback(target.port);
    reactor.add(this.fd, EpollEvent.IN | EpollEvent.OUT, this);
  }

  get streamId(): number {
    return this.#dialogue.streamId;
  }

  ready(events: number): void {
    if (this.#phase === "connecting") {
      this.#connected();
      return;
    }
    if ((events & EpollEvent.OUT) !== 0) {
      this.#owner.writable();
    }
    if ((events & ~EpollEvent.OUT) !== 0 && this.#phase !== "closed") {
      this.#receive();
    }
  }

  /** Send from memory at an address. @returns bytes taken; 0 when the socket is full or lost. */
  sendAt(address: number, sizeBytes: number): number {
    const sent = sendBytes(this.fd, address, sizeBytes);
    if (sent >= 0) {
      return sent;
    }
    if (sent !== -Errno.EAGAIN) {
      this.#lose(`send errno ${-sent}`);
    }
    return 0;
  }

  /** Send a small message whole. */
  send(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#phase === "closed") {
      return;
    }
    outbox.bytes.set(bytes);
    if (this.sendAt(outbox.address, bytes.length) < bytes.length) {
      this.#lose("a short write in the dialogue");
    }
  }

  /** Ask for {@link ConnectionOwner.writable}, or no longer. */
  watchWritable(isWatched: boolean): void {
    if (this.#phase !== "closed") {
      this.#reactor.modify(this.fd, EpollEvent.IN | (isWatched ? EpollEvent.OUT : 0));
    }
  }

  close(): void {
    if (this.#phase !== "closed") {
      this.#phase = "closed";
      this.#reactor.forget(this.fd);
      resetConnection(this.fd);
    }
  }

  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void {
    this.#owner.media(type, bytes, offset, sizeBytes);
  }

  control(type: number, bytes: Uint8Array, offset: number): void {
    if (type === TYPE_WINDOW_ACK_SIZE) {
      this.#windowBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset);
    } else if (type === TYPE_USER_CONTROL && bytes[offset + 1] === EVENT_PING) {
      this.send(encodePong(bytes, offset + 2));
    }
  }

  command(payload: Uint8Array): void {
    if (this.#phase !== "dialogue") {
      return;
    }
    this.send(this.#dialogue.answerCommand(payload));
    if (this.#dialogue.refusal !== "") {
      this.#lose(this.#dialogue.refusal);
    } else if (this.#dialogue.isAccepted) {
      this.#phase = "live";
      this.#owner.live();
    }
  }

  #connected(): void {
    const error = socketError(this.fd);
    if (error !== 0) {
      this.#lose(`connect errno ${error}`);
      return;
    }
    this.watchWritable(false);
    this.#phase = this.#isRaw ? "live" : "handshake";
    if (this.#isRaw) {
      this.#owner.live();
    } else {
      this.send(CLIENT_HELLO);
    }
  }

  #receive(): void {
    const count = receiveBytes(this.fd, inbox.address + HEADROOM_BYTES, RECEIVE_BYTES);
    if (count === -Errno.EAGAIN) {
      return;
    }
    if (count <= 0) {
      this.#lose(count === 0 ? "closed by the server" : `receive errno ${-count}`);
      return;
    }
    this.#received += count;
    try {
      const from = this.#phase === "handshake" ? this.#shake(count) : 0;
      if (from < count && this.#phase !== "handshake") {
        this.#skimmer.push(inbox.bytes, HEADROOM_BYTES + from, HEADROOM_BYTES + count, this);
      }
    } catch (error) {
      this.#lose(String(error));
    }
    if (this.#received - this.#acknowledged >= this.#windowBytes) {
      this.#acknowledged = this.#received;
      this.send(encodeAcknowledgement(this.#received));
    }
  }

  /** Collect S0, S1, S2. @returns bytes taken of `count`. */
  #shake(count: number): number {
    const taken = Math.min(count, SERVER_HANDSHAKE_BYTES - this.#hello.length);
    const joined = new Uint8Array(this.#hello.length + taken);
    joined.set(this.#hello);
    joined.set(inbox.bytes.subarray(HEADROOM_BYTES, HEADROOM_BYTES + taken), this.#hello.length);
    this.#hello = joined;
    if (joined.length === SERVER_HANDSHAKE_BYTES) {
      this.#phase = "dialogue";
      this.send(this.#dialogue.answerHandshake(joined));
      this.#hello = new Uint8Array(0);
    }
    return taken;
  }

  #lose(reason: string): void {
    if (this.#phase !== "closed") {
      const phase = this.#phase;
      this.close();
      this.#owner.lost(`${phase}: ${reason}`);
    }
  }
}
