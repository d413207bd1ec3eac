/** A publisher or player of the tests' own, on weir's client session: records each message it gets. */
import { createHmac, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { connect } from "node:net";
import type {
  ClientSessionOptions,
  ClientSessionSink,
} from "../../src/protocol/rtmp/client-session.ts";
import { ClientSession } from "../../src/protocol/rtmp/client-session.ts";
import type { HandshakeHost } from "../../src/protocol/rtmp/handshake.ts";
import type { Message } from "../../src/protocol/rtmp/message.ts";
import type { Frame, FrameKind } from "./flv-file.ts";
import { hashPayload, kindOf, nameOf } from "./flv-file.ts";
import { waitUntil } from "./scratch.ts";

/** A message as it came, its payload not kept. */
export interface ReceivedFrame {
  readonly type: number;
  readonly kind: FrameKind;
  /** Name of a data message, else empty. */
  readonly name: string;
  /** Milliseconds. */
  readonly timestamp: number;
  readonly hash: string;
  readonly size: number;
  /** When it came, by this process's clock, in milliseconds. */
  readonly at: number;
}

const host: HandshakeHost = {
  hmac: (key, data) => createHmac("sha256", key).update(data).digest(),
  random: (bytes) => randomBytes(bytes),
  time: () => Math.floor(performance.now()),
};

/** A message that comes now. */
export function receivedFrame({ type, payload, timestamp }: Message): ReceivedFrame {
  return {
    type,
    kind: kindOf(type, payload),
    name: nameOf(type, payload),
    timestamp,
    hash: hashPayload(payload),
    size: payload.length,
    at: performance.now(),
  };
}

/** What a peer may do in its own way. */
export type PeerOptions = Partial<Omit<ClientSessionOptions, "url" | "mode">> & {
  /** Send in TCP segments of so many bytes. */
  readonly pieceBytes?: number;
  /** A connection that is being made; the peer makes its own without. */
  readonly socket?: Socket;
};

/** How a connection ended: closed in order, reset or refused, or not yet. */
export type PeerEnd = "open" | "eof" | "error";

/** One RTMP connection. Closed with the test process at the latest. */
export class RtmpPeer {
  readonly received: ReceivedFrame[] = [];
  /** Codes of all onStatus messages, in order. */
  readonly statuses: string[] = [];
  /** What they say to people, in the same order. */
  readonly descriptions: string[] = [];
  isReady = false;
  end: PeerEnd = "open";
  /** When the connection was asked for, in milliseconds of this process's clock. */
  readonly openedAt: number = performance.now();
  readonly #socket: Socket;
  #isClosed = false;
  /** Fulfilled when all that was asked for is written. */
  #written: Promise<void> = Promise.resolve();
  readonly #session: ClientSession;
  readonly #sink: ClientSessionSink;

  constructor(url: string, mode: "publish" | "play", options: PeerOptions = {}) {
    const { hostname, port } = new URL(url);
    const { pieceBytes, socket, ...session } = options;
    this.#session = new ClientSession(host, { ...session, url, mode });
    this.#socket = socket ?? connect({ host: hostname, port: Number(port), noDelay: true });
    this.#sink = {
      write: (bytes) => this.#write(Uint8Array.from(bytes), pieceBytes ?? bytes.length),
      ready: () => {
        this.isReady = true;
      },
      media: (message) => this.#record(message),
      status: (_level, code, description) => {
        this.statuses.push(code);
        this.descriptions.push(description);
      },
      closed: () => {
        this.#isClosed = true;
        this.#socket.end();
      },
    };
    this.#socket.on("connect", () => this.#session.start(this.#sink));
    this.#socket.on("data", (bytes) => this.#session.push(bytes, this.#sink));
    this.#socket.on("end", () => {
      this.end = "eof";
    });
    this.#socket.on("error", () => {
      this.end = "error";
    });
  }

  #write(bytes: Uint8Array, pieceBytes: number): void {
    this.#written = this.#written.then(async () => {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        const piece = bytes.subarray(at, at + pieceBytes);
        await new Promise<void>((resolve) => {
          this.#socket.write(piece, () => resolve());
        });
      }
    });
  }

  #record(message: Message): void {
    this.received.push(receivedFrame(message));
  }

  /** Waits for Publish.Start or Play.Start. */
  async waitReady(timeoutMs = 5000): Promise<this> {
    await waitUntil("the server accepts", () => this.isReady || this.end !== "open", timeoutMs);
    if (!this.isReady) {
      throw new Error(`refused: ${this.end}, ${this.statuses.join(" ")}`);
    }
    return this;
  }

  /** Waits for the connection's end from the other side. */
  async waitEnd(timeoutMs: number): Promise<PeerEnd> {
    await waitUntil("the server closes the connection", () => this.end !== "open", timeoutMs);
    return this.end;
  }

  /** Waits until `count` messages of audio or video came. */
  async waitFrames(count: number, timeoutMs: number): Promise<void> {
    const enough = (): boolean => this.received.length >= count;
    await waitUntil(`${count} messages come`, enough, timeoutMs);
  }

  /** Publishes one message; nothing any more when the server has ended the stream or the connection. */
  send(frame: Frame, timestamp: number): void {
    if (this.#isClosed || this.end !== "open") {
      return;
    }
    const chunkStreamId = frame.type === 8 ? 4 : 6;
    const { type, payload } = frame;
    const message = { chunkStreamId, type, streamId: this.#session.streamId, timestamp, payload };
    this.#session.sendMedia(message, this.#sink);
  }

  /** Stops (`true`) or goes on reading from the socket: a player that does not take its bytes. */
  setStalled(isStalled: boolean): void {
    if (isStalled) {
      this.#socket.pause();
    } else {
      this.#socket.resume();
    }
  }

  /** While it is stalled: takes so many bytes at the most, and leaves the rest where it is. */
  readSome(bytes: number): void {
    // Read by hand a socket tells its bytes as it does by itself.
    this.#socket.read(Math.min(bytes, this.#socket.readableLength));
  }

  /** Ends the stream in order, then the connection. */
  close(): void {
    this.#session.close(this.#sink);
    void this.#written.then(() => {
      this.#socket.end();
      setTimeout(() => this.#socket.destroy(), 500).unref();
    });
    // What a server does not take is not waited for.
    setTimeout(() => this.#socket.destroy(), 10_000).unref();
  }

  /** Cuts the connection with a reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

/** Milliseconds from one round of a clip that is played over and over to the next. */
export function roundMsOf(clip: readonly Frame[]): number {
  return Math.max(...clip.map((frame) => frame.timestamp)) + 40;
}

/** Who publishes for a {@link ClipPublisher}. */
export interface PublishingPeer {
  readonly end: PeerEnd;
  send(frame: Frame, timestamp: number): void;
  close(): void;
}

/** Publishes a clip over and over in real time, from now until stopped. */
export class ClipPublisher<Peer extends PublishingPeer = RtmpPeer> {
  readonly peer: Peer;
  readonly #frames: readonly Frame[];
  readonly #roundMs: number;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #next = 0;

  /** @param clip all of the clip's messages; headers and data are sent once. */
  constructor(peer: Peer, clip: readonly Frame[]) {
    this.peer = peer;
    this.#frames = clip.filter(isMedia);
    this.#roundMs = roundMsOf(clip);
    for (const header of clip.filter((frame) => !isMedia(frame))) {
      peer.send(header, 0);
    }
    this.#timer = setInterval(() => this.#sendDue(), 5).unref();
    this.#sendDue();
  }

  #sendDue(): void {
    const elapsed = performance.now() - this.#startedAt;
    while (this.peer.end === "open") {
      const frame = this.#frames[this.#next % this.#frames.length];
      const round = Math.floor(this.#next / this.#frames.length);
      const due = (frame?.timestamp ?? 0) + round * this.#roundMs;
      if (frame === undefined || due > elapsed) {
        return;
      }
      this.peer.send(frame, due);
      this.#next++;
    }
  }

  /** Stops sending; the connection stays. */
  pause(): void {
    clearInterval(this.#timer);
  }

  /** Stops sending and leaves. */
  close(): void {
    this.pause();
    this.peer.close();
  }
}

/** True for what a player must get without a gap; headers and data may be repeated or rewritten. */
export function isMedia(frame: { readonly kind: FrameKind }): boolean {
  return frame.kind === "key" || frame.kind === "inter" || frame.kind === "audio";
}
