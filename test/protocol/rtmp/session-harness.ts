/** A host, a recording sink and a driver for sessions in tests; the bytes of a client in a few words. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { AmfValue } from "../../../src/protocol/amf/amf-value.ts";
import { ChunkDecoder } from "../../../src/protocol/rtmp/chunk-decoder.ts";
import { encodeMessage } from "../../../src/protocol/rtmp/chunk-encoder.ts";
import { decodeCommand, encodeCommand } from "../../../src/protocol/rtmp/command.ts";
import type { HandshakeHost } from "../../../src/protocol/rtmp/handshake.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import { MessageType } from "../../../src/protocol/rtmp/message.ts";
import type {
  ConnectRequest,
  ServerSession,
  ServerSessionSink,
  StreamRequest,
} from "../../../src/protocol/rtmp/server-session.ts";

/** A host whose clock is set by the test and whose randomness is a pattern. */
export function openHost(): HandshakeHost & { now: number } {
  return {
    now: 1000,
    hmac: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
    random: (bytes) => Uint8Array.from({ length: bytes }, (_, index) => (index * 7) & 0xff),
    time() {
      return this.now;
    },
  };
}

/** C0, C1 and C2 of a simple handshake. */
export function handshakeBytes(): Uint8Array {
  const bytes = new Uint8Array(3073);
  bytes[0] = 3;
  return bytes;
}

/** A command in chunks of 128 bytes. */
export function command(
  streamId: number,
  name: string,
  transactionId: number,
  ...args: readonly AmfValue[]
): Uint8Array {
  const route = { chunkStreamId: 3, streamId, chunkSize: 128 };
  return encodeCommand(route, name, transactionId, ...args);
}

/** A `connect` to `rtmp://h/live` unless told otherwise. */
export function connect(extra: Record<string, AmfValue> = {}, ...args: AmfValue[]): Uint8Array {
  const properties = { app: "live", tcUrl: "rtmp://h/live", ...extra };
  return command(0, "connect", 1, new Map(Object.entries(properties)), ...args);
}

/** Any message in chunks of 128 bytes. */
export function message(
  type: number,
  payload: Uint8Array | readonly number[],
  options: { streamId?: number; timestamp?: number; chunkStreamId?: number } = {},
): Uint8Array {
  const { streamId = 0, timestamp = 0, chunkStreamId = 4 } = options;
  const header = { chunkStreamId, type, streamId, timestamp };
  return encodeMessage(header, Uint8Array.from(payload), 128);
}

/** One array of several. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Writes down what a session does, in comparable form. */
export class Recorder implements ServerSessionSink {
  readonly events: string[] = [];
  readonly ignoredReasons: string[] = [];
  readonly chunks: Uint8Array[] = [];
  connects: ConnectRequest[] = [];
  requests: StreamRequest[] = [];

  /** What a client reads; Set Chunk Size is applied and left out. */
  readonly replies: Reply[] = [];
  readonly #decoder = new ChunkDecoder({ identified: true });
  /** Bytes of the server's handshake that are still to come. */
  #handshakeLeft = 3073;

  write(bytes: Uint8Array): void {
    this.chunks.push(bytes.slice());
    const skipped = Math.min(this.#handshakeLeft, bytes.length);
    this.#handshakeLeft -= skipped;
    this.#decoder.push(bytes.subarray(skipped), {
      message: (reply) => {
        this.replies.push(readReply(reply));
        return true;
      },
    });
  }
  connect(request: ConnectRequest): void {
    this.connects.push(request);
    this.events.push(`connect ${request.vhost} ${request.app}`);
  }
  publish(streamId: number, request: StreamRequest, style: string): void {
    this.requests.push(request);
    this.events.push(`publish ${streamId} ${keyOf(request)} ${style}`);
  }
  play(streamId: number, request: StreamRequest, options: object): void {
    this.requests.push(request);
    this.events.push(`play ${streamId} ${keyOf(request)} ${JSON.stringify(options)}`);
  }
  media(streamId: number, media: Message): void {
    const bytes = Buffer.from(media.payload).toString("hex");
    this.events.push(`media ${streamId} ${media.type} ${media.timestamp} ${bytes}`);
  }
  closeStream(streamId: number): void {
    this.events.push(`close ${streamId}`);
  }
  pause(streamId: number, paused: boolean): void {
    this.events.push(`pause ${streamId} ${paused}`);
  }
  receive(streamId: number, kind: string, enabled: boolean): void {
    this.events.push(`receive ${streamId} ${kind} ${enabled}`);
  }
  ignored(reason: string): void {
    this.ignoredReasons.push(reason);
  }

  /** All bytes written so far. */
  get written(): Uint8Array {
    return concat(...this.chunks);
  }

  /** Forgets what was written. */
  clear(): void {
    this.chunks.length = 0;
    this.replies.length = 0;
    this.events.length = 0;
  }
}

function keyOf(request: StreamRequest): string {
  return `${request.vhost}/${request.app}/${request.stream}${request.param}`;
}

/** Accepts whatever a session waits for. */
export function acceptPending(session: ServerSession, sink: Recorder): void {
  const last = sink.events.at(-1) ?? "";
  const [kind, id] = last.split(" ");
  switch (kind) {
    case "connect":
      session.acceptConnect(sink);
      break;
    case "publish":
      session.acceptPublish(Number(id), sink);
      break;
    case "play":
      session.acceptPlay(Number(id), sink);
      break;
    default:
      assert.fail(`nothing to accept after: ${last}`);
  }
}

/** Pushes all bytes, accepting every decision. */
export function drive(session: ServerSession, bytes: Uint8Array, sink: Recorder): void {
  let at = session.push(bytes, sink);
  while (session.isWaiting) {
    acceptPending(session, sink);
    at += session.push(bytes.subarray(at), sink);
  }
  assert.equal(at, bytes.length);
}

/** A reply as a client reads it. */
export interface Reply {
  readonly csid: number;
  readonly type: number;
  readonly msid: number;
  readonly name?: string;
  readonly transactionId?: number;
  readonly args?: readonly unknown[];
  readonly hex?: string;
}

function readReply(reply: Message): Reply {
  const place = { csid: reply.chunkStreamId, type: reply.type, msid: reply.streamId };
  if (reply.type !== MessageType.CommandAmf0) {
    return { ...place, hex: Buffer.from(reply.payload).toString("hex") };
  }
  const { name, transactionId, args } = decodeCommand(reply.payload, reply.type);
  return { ...place, name, transactionId, args: args.map(plain) };
}

/** AMF values as plain objects, for deepEqual. */
export function plain(value: AmfValue): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, entry]) => [key, plain(entry)]));
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (typeof value === "object" && value !== null && value.kind === "ecma-array") {
    return plain(value.entries);
  }
  return value;
}

/** Names and status codes of replies, e.g. `_result`, `onStatus NetStream.Play.Start`, `type 4 …`. */
export function outline(sink: Recorder): string[] {
  return sink.replies.map((reply) => {
    if (reply.name === undefined) {
      return `type ${reply.type} ${reply.hex}`;
    }
    const info = reply.args?.at(-1);
    const isObject = typeof info === "object" && info !== null && "code" in info;
    return isObject ? `${reply.name} ${String(info.code)}` : `${reply.name}`;
  });
}
