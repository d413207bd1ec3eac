/** An RTMP server that accepts every publish and records what comes, before any player could skip. */
import { createHmac, randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { encodeCommand } from "../../src/protocol/rtmp/command.ts";
import { ChunkStream, MessageType, UserControlEvent } from "../../src/protocol/rtmp/message.ts";
import {
  type ConnectRequest,
  ServerSession,
  type ServerSessionSink,
  type StreamRequest,
} from "../../src/protocol/rtmp/server-session.ts";
import { hashPayload, kindOf, nameOf } from "./flv-file.ts";
import type { ReceivedFrame } from "./rtmp-peer.ts";

/** Of the message type in a fmt 0 header with a one-byte basic header, and of a user control's event after it. */
const TYPE_OFFSET = 7;
const EVENT_OFFSET = 13;

/** A publish that came. */
export interface RecordedPublish {
  readonly connect: ConnectRequest | undefined;
  readonly request: StreamRequest;
  readonly style: string;
}

/** One such server. */
export class RecordingOrigin {
  readonly publishes: RecordedPublish[] = [];
  readonly plays: RecordedPublish[] = [];
  /** Streams whose publisher said that it was all. */
  readonly ended: string[] = [];
  /** Status with which publishes are refused; "" accepts them. */
  refusal = "";
  /** Signs that it gives of what it has read. Real servers give both, one of them, or none. */
  signs: "all" | "acknowledgements" | "none" = "all";
  /** Answers a publish with an error to releaseStream first, as servers do that do not know it. */
  isNarrow = false;
  /** A publish is accepted after this. */
  delayMs = 0;
  readonly #received = new Map<string, ReceivedFrame[]>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server = createServer((socket) => this.#accept(socket));

  /** Begins to listen. @returns its port. */
  async open(port = 0): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** All messages of a stream, in order, whoever published it. */
  received(stream: string): ReceivedFrame[] {
    return this.#received.get(stream) ?? [];
  }

  /** Stops (`true`) or goes on reading what comes, as a process that hangs: its kernel still takes bytes. */
  setStalled(isStalled: boolean): void {
    for (const socket of this.#sockets) {
      if (isStalled) {
        socket.pause();
      } else {
        socket.resume();
      }
    }
  }

  /** Cuts every connection with a reset. */
  reset(): void {
    for (const socket of this.#sockets) {
      socket.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => this.#sockets.delete(socket));
    const host = {
      hmac: (key: Uint8Array, data: Uint8Array) => createHmac("sha256", key).update(data).digest(),
      random: (bytes: number) => randomBytes(bytes),
      time: () => performance.now(),
    };
    const session = new ServerSession(host, {});
    let waiting = Buffer.alloc(0);
    const read = (): void => {
      const consumed = session.push(new Uint8Array(waiting), sink);
      waiting = waiting.subarray(consumed);
    };
    const sink = this.#sinkOf(socket, session, read);
    socket.on("data", (bytes) => {
      waiting = Buffer.concat([waiting, bytes]);
      read();
    });
  }

  #sinkOf(socket: Socket, session: ServerSession, read: () => void): ServerSessionSink {
    let connect: ConnectRequest | undefined;
    let frames: ReceivedFrame[] = [];
    let published = "";
    const unused = (): void => undefined;
    const sink: ServerSessionSink = {
      write: (bytes) => {
        if (!isSign(bytes, this.signs)) {
          socket.write(Uint8Array.from(bytes));
        }
      },
      connect: (request) => {
        connect = request;
        session.acceptConnect(sink);
      },
      publish: (messageStream, request, style) => {
        this.publishes.push({ connect, request, style });
        published = request.stream;
        frames = this.received(request.stream);
        this.#received.set(request.stream, frames);
        if (this.refusal !== "") {
          session.rejectPublish(messageStream, this.refusal, "Not here.", sink);
          return;
        }
        if (this.isNarrow) {
          const route = { chunkStreamId: 3, streamId: 0, chunkSize: session.chunkSizeOut };
          const info = new Map([["code", "NetConnection.Call.Failed"]]);
          socket.write(Uint8Array.from(encodeCommand(route, "_error", 2, null, info)));
        }
        setTimeout(() => {
          session.acceptPublish(messageStream, sink);
          read();
        }, this.delayMs);
      },
      play: (messageStream, request) => {
        this.plays.push({ connect, request, style: "play" });
        session.rejectPlay(messageStream, "NetStream.Play.StreamNotFound", "No such stream.", sink);
      },
      media: (_messageStream, { type, payload, timestamp }) => {
        const kind = kindOf(type, payload);
        const [name, hash] = [nameOf(type, payload), hashPayload(payload)];
        const size = payload.length;
        frames.push({ type, kind, name, timestamp, hash, size, at: performance.now() });
      },
      closeStream: () => void this.ended.push(published),
      pause: unused,
      receive: unused,
    };
    return sink;
  }
}

/** Whether a message is a sign that the server does not give. Shape: a whole message of one chunk. */
function isSign(bytes: Uint8Array, given: RecordingOrigin["signs"]): boolean {
  const isControl = (bytes[0] ?? 0) === ChunkStream.Control;
  const type = isControl ? bytes[TYPE_OFFSET] : undefined;
  const isPong =
    type === MessageType.UserControl && bytes[EVENT_OFFSET] === UserControlEvent.PingResponse;
  const isAcknowledgement = type === MessageType.Acknowledgement;
  return (given !== "all" && isPong) || (given === "none" && isAcknowledgement);
}
