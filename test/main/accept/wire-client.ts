/**
 * RTMP clients of few objects: whole dialogues as bytes that a test may cut anywhere, and a reader that knows its own
 * stamped media again.
 */
import { connect as connectSocket, type Socket } from "node:net";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import { decodeCommand } from "../../../src/protocol/rtmp/command.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import {
  command,
  concat,
  connect,
  handshakeBytes,
  message,
} from "../../protocol/rtmp/session-harness.ts";
import { waitUntil } from "../../support/scratch.ts";

const HANDSHAKE_REPLY_BYTES = 3073;
const AUDIO = 8;
const VIDEO = 9;
const STAMP_OFFSET = 5;
const MEDIA_BYTES = 300;

/** What a client says up to and with publish, without waiting for any answer. */
export function publishDialogue(name: string): Uint8Array {
  return concat(
    handshakeBytes(),
    connect(),
    command(0, "releaseStream", 2, null, name),
    command(0, "FCPublish", 3, null, name),
    command(0, "createStream", 4, null),
    command(1, "publish", 5, null, name, "live"),
  );
}

/** What a client says up to and with play, without waiting for any answer. */
export function playDialogue(name: string): Uint8Array {
  return concat(
    handshakeBytes(),
    connect(),
    command(0, "createStream", 2, null),
    command(1, "play", 3, null, name),
  );
}

/** A ping that the server has to answer with the same number. */
export function pingRequest(value: number): Uint8Array {
  return message(4, [0, 6, 0, 0, (value >> 8) & 0xff, value & 0xff], { chunkStreamId: 2 });
}

/** A video message that carries its number; every tenth is a keyframe unless told otherwise. */
export function stampedVideo(
  sequence: number,
  isKeyframe: boolean = sequence % 10 === 0,
  timestamp: number = sequence * 10,
): Uint8Array {
  const payload = new Uint8Array(MEDIA_BYTES).fill(sequence & 0xff);
  payload[0] = isKeyframe ? 0x17 : 0x27;
  payload[1] = 1;
  payload[2] = 0;
  payload[3] = 0;
  payload[4] = 0;
  new DataView(payload.buffer).setUint32(STAMP_OFFSET, sequence);
  return message(VIDEO, payload, { streamId: 1, timestamp, chunkStreamId: 6 });
}

/** Media as a player got it. */
export interface Stamped {
  readonly sequence: number;
  readonly timestamp: number;
}

/** One raw connection. */
export class WireClient {
  /** Codes of onStatus and of `_error`, in order. */
  readonly statuses: string[] = [];
  /** Stamped video in order. */
  readonly media: Stamped[] = [];
  /** Media whose bytes are not what was sent. */
  spoilt = 0;
  /** Values of ping responses. */
  readonly pongs: number[] = [];
  bytes = 0;
  end: "open" | "eof" | "error" = "open";
  /** When it ended, by this process's clock. */
  endedAt = 0;
  readonly #socket: Socket;
  readonly #decoder = new ChunkDecoder({ identified: true });
  #handshakeLeft = HANDSHAKE_REPLY_BYTES;

  /** @param to Port on the loopback address, or a connection of whatever kind. */
  constructor(to: number | Socket, first?: Uint8Array) {
    this.#socket =
      typeof to === "number" ? connectSocket({ host: "127.0.0.1", port: to, noDelay: true }) : to;
    // A test that fails must not wait for what it left open.
    this.#socket.unref();
    this.#socket.on("data", (bytes) => this.#read(bytes));
    this.#socket.on("end", () => this.#ended("eof"));
    this.#socket.on("error", () => this.#ended("error"));
    this.#socket.on("close", () => this.#ended("eof"));
    if (first !== undefined) {
      this.write(first);
    }
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The connection's sequence numbers, in order. */
  get sequences(): number[] {
    return this.media.map(({ sequence }) => sequence);
  }

  async waitStatus(code: string, timeoutMs = 10_000): Promise<this> {
    await waitUntil(
      `${code} (had ${this.statuses.join(" ")}, ${this.end})`,
      () => this.statuses.includes(code) || this.end !== "open",
      timeoutMs,
    );
    if (!this.statuses.includes(code)) {
      throw new Error(`no ${code}: ${this.end} ${this.statuses.join(" ")}`);
    }
    return this;
  }

  async waitEnd(timeoutMs: number): Promise<void> {
    await waitUntil("the connection ends", () => this.end !== "open", timeoutMs);
  }

  /** Reads no more until {@link resume}. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Half-closes: says that nothing more will come. */
  finish(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  #ended(how: "eof" | "error"): void {
    if (this.end === "open") {
      this.end = how;
      this.endedAt = performance.now();
    }
  }

  #read(bytes: Buffer): void {
    this.bytes += bytes.length;
    const skipped = Math.min(this.#handshakeLeft, bytes.length);
    this.#handshakeLeft -= skipped;
    if (skipped < bytes.length) {
      this.#decoder.push(new Uint8Array(bytes.subarray(skipped)), this.#sink);
    }
  }

  readonly #sink = {
    message: (one: Message): boolean => {
      this.#take(one);
      return true;
    },
  };

  #take({ type, payload, timestamp }: Message): void {
    if (type === VIDEO && payload.length === MEDIA_BYTES) {
      const sequence = new DataView(payload.buffer, payload.byteOffset).getUint32(STAMP_OFFSET);
      this.media.push({ sequence, timestamp });
      this.spoilt += payload.subarray(STAMP_OFFSET + 4).every((byte) => byte === (sequence & 0xff))
        ? 0
        : 1;
    } else if (type === 20) {
      this.#takeCommand(payload, type);
    } else if (type === 4 && payload[1] === 7) {
      this.pongs.push(((payload[4] ?? 0) << 8) | (payload[5] ?? 0));
    } else if (type === AUDIO) {
      this.spoilt += 1;
    }
  }

  #takeCommand(payload: Uint8Array, type: number): void {
    const { name, args } = decodeCommand(payload, type);
    if (name === "onStatus" || name === "_error") {
      const code = args[1] instanceof Map ? args[1].get("code") : undefined;
      this.statuses.push(typeof code === "string" ? code : "?");
    }
  }
}

/** Publishes stamped video at a steady pace until stopped. */
export class StampedPublisher {
  readonly client: WireClient;
  sequence = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(client: WireClient, everyMs = 10) {
    this.client = client;
    this.#timer = setInterval(() => {
      client.write(stampedVideo(this.sequence));
      this.sequence += 1;
    }, everyMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.stop();
    this.client.destroy();
  }
}

/** A publisher that the server has accepted. */
export async function publish(to: number | Socket, name: string): Promise<WireClient> {
  return new WireClient(to, publishDialogue(name)).waitStatus("NetStream.Publish.Start");
}

/** A player that the server has accepted. */
export async function play(to: number | Socket, name: string): Promise<WireClient> {
  return new WireClient(to, playDialogue(name)).waitStatus("NetStream.Play.Start");
}

/** True when the numbers follow each other without a gap or a double. */
export function isRun(sequences: readonly number[]): boolean {
  return sequences.every((one, index) => index === 0 || one === (sequences[index - 1] ?? 0) + 1);
}
