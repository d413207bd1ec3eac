/**
 * The client's side of one RTMP connection as a state machine without I/O, for pulling and pushing streams.
 *
 * publish: connect, releaseStream, FCPublish, createStream, publish. play: connect, createStream, play, SetBufferLength.
 * Commands wait for connect's and createStream's results and for nothing else.
 * Spec: RTMP 1.0 §5, §7; the connect object is SRS's.
 */
import type { AmfObject, AmfValue } from "../amf/amf-value.ts";
import { decodeUint32 } from "../bytes/byte-reader.ts";
import { InvariantError } from "../errors.ts";
import { CHUNK_SIZE_DEFAULT, CHUNK_SIZE_OUT, WINDOW_ACK_SIZE } from "../limits.ts";
import {
  encodeAcknowledgement,
  encodeControl,
  encodeUserControl,
  isAcknowledgementDue,
} from "./acknowledgement.ts";
import { chunkStreamOf, decodeAggregate } from "./aggregate.ts";
import type { ChunkSink } from "./chunk-decoder.ts";
import { ChunkDecoder } from "./chunk-decoder.ts";
import type { ByteTarget } from "./chunk-encoder.ts";
import { ChunkEncoder, encodeMessage } from "./chunk-encoder.ts";
import type { ClientSessionOptions, ClientSessionSink } from "./client-session-types.ts";
import type { Command } from "./command.ts";
import { decodeCommand, encodeCommand, entriesAt, textAt } from "./command.ts";
import type { HandshakeHost } from "./handshake.ts";
import { ClientHandshake } from "./handshake.ts";
import type { Message, MessageHeader } from "./message.ts";
import { ChunkStream, MessageType, UserControlEvent } from "./message.ts";
import type { RtmpTarget } from "./stream-url.ts";
import { parseRtmpUrl } from "./stream-url.ts";

export type { ClientSessionOptions, ClientSessionSink } from "./client-session-types.ts";

/** Where the dialogue stands. */
type ClientState =
  | { readonly kind: "new" | "handshake" | "connecting" | "closed" }
  | { readonly kind: "creating"; readonly transactionId: number }
  | { readonly kind: "requesting" | "ready"; readonly streamId: number };

/** Bytes of S0, S1 and S2: acknowledgements count them as well. */
const HANDSHAKE_BYTES = 1 + 2 * 1536;
const CONNECT_TRANSACTION = 1;
/** SRS's client asks for live or recorded. */
const PLAY_START_ANY = -2;
const BUFFER_MS = 1000;
/** What SRS's client calls itself. Some servers check that it looks like a player. */
const FLASH_VERSION = "WIN 15,0,0,239";
const NO_INFO: AmfObject = new Map();
/** Codes that end what the client asked for, whatever their level. */
const ENDING_CODES: ReadonlySet<string> = new Set([
  "NetStream.Unpublish.Success",
  "NetStream.Play.Stop",
  "NetConnection.Connect.Closed",
]);

/** One RTMP connection as the client sees it. */
export class ClientSession {
  /** Where it connects to and what it asks for. */
  readonly target: RtmpTarget;
  readonly decoder: ChunkDecoder = new ChunkDecoder({ identified: true });
  readonly #options: ClientSessionOptions;
  readonly #handshake: ClientHandshake;
  readonly #encoder: ChunkEncoder = new ChunkEncoder();
  readonly #chunks: ChunkSink;
  #sink: ClientSessionSink | undefined;
  #state: ClientState = { kind: "new" };
  #chunkSizeOut: number = CHUNK_SIZE_DEFAULT;
  #windowAckSizeIn: number = WINDOW_ACK_SIZE;
  #bytesAcknowledged = 0;
  #lastTransaction: number = CONNECT_TRANSACTION;

  /** @throws RejectedError when the URL cannot be */
  constructor(host: HandshakeHost, options: ClientSessionOptions) {
    this.#options = options;
    this.target = typeof options.url === "string" ? parseRtmpUrl(options.url) : options.url;
    this.#handshake = new ClientHandshake(host, { digest: options.digest ?? "simple" });
    this.#chunks = { message: (message) => this.#take(message) };
  }

  /** True from Publish.Start or Play.Start to the end. */
  get isReady(): boolean {
    return this.#state.kind === "ready";
  }

  /** Chunk size of what is written from now on. */
  get chunkSizeOut(): number {
    return this.#chunkSizeOut;
  }

  /** The message stream the server gave; 0 before that. */
  get streamId(): number {
    return this.#state.kind === "requesting" || this.#state.kind === "ready"
      ? this.#state.streamId
      : 0;
  }

  /** Writes C0 and C1. Call it once, when the transport is open. */
  start(sink: ClientSessionSink): void {
    if (this.#state.kind !== "new") {
      throw new InvariantError("client session started twice");
    }
    this.#state = { kind: "handshake" };
    this.#handshake.start((bytes) => sink.write(bytes));
  }

  /**
   * Takes bytes of the server.
   * Memory: the bytes are **borrowed** for the call; media payloads may be views of them.
   * @returns bytes consumed: all of them; after the end they are only swallowed
   * @throws ProtocolError or LimitError: close
   */
  push(bytes: Uint8Array, sink: ClientSessionSink): number {
    let at = 0;
    if (this.#state.kind === "handshake") {
      at = this.#handshake.push(bytes, (reply) => sink.write(reply));
      if (!this.#handshake.done) {
        return at;
      }
      this.decoder.bytesReceived = HANDSHAKE_BYTES;
      this.#connect(sink);
    }
    this.#sink = sink;
    try {
      while (at < bytes.length && this.#state.kind !== "closed") {
        at += this.decoder.push(bytes.subarray(at), this.#chunks);
      }
    } finally {
      this.#sink = undefined;
    }
    if (this.#state.kind !== "closed") {
      this.#acknowledge(sink);
    }
    return bytes.length;
  }

  /**
   * Writes one message of the published stream, in an array of its own.
   * Shape: type 8, 9 or 18; its chunk stream and message stream ids are replaced by the session's.
   * @throws InvariantError before ready
   */
  sendMedia(message: Message, sink: ClientSessionSink): void {
    sink.write(encodeMessage(this.#mediaHeader(message), message.payload, this.#chunkSizeOut));
  }

  /**
   * As {@link sendMedia} into a buffer of the caller's.
   * Memory: the payload is **borrowed** by the target.
   * @throws InvariantError before ready
   */
  encode(message: Message, target: ByteTarget): void {
    const header = this.#mediaHeader(message);
    this.#encoder.encode(target, header, message.payload, this.#chunkSizeOut);
  }

  /**
   * Asks the server for a sign (RTMP 1.0 §7.1.7): messages are read in order, so with its answer everything that was
   * written before has been read. Peers: Node-Media-Server never answers.
   * Units: `value` is unsigned 32 bits.
   */
  ping(value: number, sink: ClientSessionSink): void {
    sink.write(encodeUserControl(UserControlEvent.PingRequest, value));
  }

  /** Says goodbye: FCUnpublish, deleteStream. The caller closes after flush; `closed` is not called. */
  close(sink: ClientSessionSink): void {
    const streamId = this.streamId;
    if (streamId !== 0) {
      if (this.#options.mode === "publish" && this.#isAnnounced) {
        this.#command(sink, 0, "FCUnpublish", null, this.target.streamName);
      }
      this.#command(sink, 0, "deleteStream", null, streamId);
    }
    this.#state = { kind: "closed" };
  }

  get #isAnnounced(): boolean {
    return this.#options.announce ?? true;
  }

  #mediaHeader(message: Message): MessageHeader {
    if (this.#state.kind !== "ready") {
      throw new InvariantError(`media while ${this.#state.kind}`);
    }
    return {
      chunkStreamId: chunkStreamOf(message.type),
      type: message.type,
      streamId: this.#state.streamId,
      timestamp: message.timestamp,
    };
  }

  #connect(sink: ClientSessionSink): void {
    this.#state = { kind: "connecting" };
    const { flashVersion, pageUrl, swfUrl, connectExtras, connectArgs } = this.#options;
    const properties = new Map<string, AmfValue>([
      ["app", this.target.app],
      ["flashVer", flashVersion ?? FLASH_VERSION],
      ["swfUrl", swfUrl ?? ""],
      ["tcUrl", this.target.tcUrl],
      ["fpad", false],
      ["capabilities", 239],
      ["audioCodecs", 3575],
      ["videoCodecs", 252],
      ["videoFunction", 1],
      ["pageUrl", pageUrl ?? ""],
      ["objectEncoding", 0],
      ...(connectExtras ?? []),
    ]);
    const route = { chunkStreamId: ChunkStream.Connection, streamId: 0, chunkSize: 128 };
    sink.write(
      encodeCommand(route, "connect", CONNECT_TRANSACTION, properties, ...(connectArgs ?? [])),
    );
  }

  #connected(sink: ClientSessionSink): void {
    if (this.#options.mode === "connect") {
      sink.ready();
    } else {
      this.#create(sink);
    }
  }

  /** connect's result is here: windows and sizes, then what leads to the stream. */
  #create(sink: ClientSessionSink): void {
    const { mode, chunkSizeOut, windowAckSizeOut } = this.#options;
    const chunkSize = chunkSizeOut ?? CHUNK_SIZE_OUT;
    sink.write(encodeControl(MessageType.WindowAckSize, windowAckSizeOut ?? WINDOW_ACK_SIZE));
    sink.write(encodeControl(MessageType.SetChunkSize, chunkSize));
    this.#chunkSizeOut = chunkSize;
    if (mode === "publish" && this.#isAnnounced) {
      this.#command(sink, 0, "releaseStream", null, this.target.streamName);
      this.#command(sink, 0, "FCPublish", null, this.target.streamName);
    }
    const transactionId = this.#command(sink, 0, "createStream", null);
    this.#state = { kind: "creating", transactionId };
  }

  /** createStream's result is here. */
  #request(sink: ClientSessionSink, streamId: number): void {
    const { streamName } = this.target;
    this.#state = { kind: "requesting", streamId };
    if (this.#options.mode === "publish") {
      this.#command(sink, streamId, "publish", null, streamName, "live");
      return;
    }
    this.#command(sink, streamId, "play", null, streamName, PLAY_START_ANY);
    const bufferMs = this.#options.bufferMs ?? BUFFER_MS;
    sink.write(encodeUserControl(UserControlEvent.SetBufferLength, streamId, bufferMs));
  }

  #command(
    sink: ClientSessionSink,
    streamId: number,
    name: string,
    ...args: readonly AmfValue[]
  ): number {
    const transactionId = ++this.#lastTransaction;
    const chunkStreamId = streamId === 0 ? ChunkStream.Connection : ChunkStream.Stream;
    const route = { chunkStreamId, streamId, chunkSize: this.#chunkSizeOut };
    sink.write(encodeCommand(route, name, transactionId, ...args));
    return transactionId;
  }

  #take(message: Message): boolean {
    const sink = this.#sink;
    if (sink === undefined) {
      throw new InvariantError("message outside push");
    }
    switch (message.type) {
      case MessageType.Audio:
      case MessageType.Video:
      case MessageType.Aggregate:
      case MessageType.DataAmf0:
      case MessageType.DataAmf3:
        this.#takeMedia(message, sink);
        break;
      case MessageType.CommandAmf0:
      case MessageType.CommandAmf3:
        if (message.payload.length > 0) {
          this.#takeCommand(decodeCommand(message.payload, message.type), sink);
        }
        break;
      default:
        this.#takeControl(message, sink);
    }
    return this.#state.kind !== "closed";
  }

  #takeMedia(message: Message, sink: ClientSessionSink): void {
    if (this.#state.kind !== "ready" || message.payload.length === 0) {
      return;
    }
    if (message.type === MessageType.Aggregate) {
      decodeAggregate(message, (part) => sink.media(part));
    } else if (message.type === MessageType.DataAmf3) {
      const start = message.payload[0] === 0 ? 1 : 0;
      const payload = message.payload.subarray(start);
      sink.media({ ...message, type: MessageType.DataAmf0, payload });
    } else {
      sink.media(message);
    }
  }

  /** Short control messages of a server are passed over: nothing depends on them. */
  #takeControl(message: Message, sink: ClientSessionSink): void {
    const { type, payload } = message;
    if (type === MessageType.WindowAckSize && payload.length >= 4) {
      this.#windowAckSizeIn = decodeUint32(payload, 0);
    } else if (type === MessageType.SetPeerBandwidth && payload.length >= 4) {
      this.#takePeerBandwidth(decodeUint32(payload, 0), sink);
    } else if (type === MessageType.Acknowledgement && payload.length >= 4) {
      sink.acknowledged?.(decodeUint32(payload, 0));
    } else if (type === MessageType.UserControl && payload.length >= 6) {
      takeUserControl(payload, sink);
    }
  }

  /** After connect the window was told anyway; a server that limits it to another one hears it again. */
  #takePeerBandwidth(size: number, sink: ClientSessionSink): void {
    const told = this.#options.windowAckSizeOut ?? WINDOW_ACK_SIZE;
    if (size !== 0 && size !== told && this.#state.kind !== "connecting") {
      sink.write(encodeControl(MessageType.WindowAckSize, size));
    }
  }

  #takeCommand(command: Command, sink: ClientSessionSink): void {
    switch (command.name) {
      case "_result":
        this.#takeResult(command, sink);
        break;
      case "_error":
        this.#takeError(command, sink);
        break;
      case "onStatus":
        this.#takeStatus(entriesAt(command, 1) ?? NO_INFO, sink);
        break;
      case "close":
        this.#end("the server closed the connection", sink);
        break;
      default:
    }
  }

  #takeResult(command: Command, sink: ClientSessionSink): void {
    const state = this.#state;
    if (state.kind === "connecting" && command.transactionId === CONNECT_TRANSACTION) {
      this.#connected(sink);
    } else if (state.kind === "creating" && command.transactionId === state.transactionId) {
      const streamId = command.args[1];
      if (typeof streamId === "number" && streamId >= 1 && streamId <= 0xff_ff_ff_ff) {
        this.#request(sink, Math.floor(streamId));
      } else {
        this.#end("createStream gave no stream id", sink);
      }
    }
  }

  #takeError(command: Command, sink: ClientSessionSink): void {
    const state = this.#state;
    const info = entriesAt(command, 1) ?? NO_INFO;
    sink.status("error", textAt(info, "code"), textAt(info, "description"), info);
    const isConnect = state.kind === "connecting" && command.transactionId === CONNECT_TRANSACTION;
    const isCreate = state.kind === "creating" && command.transactionId === state.transactionId;
    // Many servers do not know releaseStream and FCPublish and say so; that is no reason to stop.
    if (isConnect || isCreate) {
      this.#end(textAt(info, "code") || "the server refused", sink);
    }
  }

  #takeStatus(info: AmfObject, sink: ClientSessionSink): void {
    const level = textAt(info, "level");
    const code = textAt(info, "code");
    sink.status(level, code, textAt(info, "description"), info);
    const state = this.#state;
    if (level === "error" || ENDING_CODES.has(code)) {
      this.#end(code, sink);
    } else if (state.kind === "requesting" && this.#isStart(code)) {
      this.#state = { kind: "ready", streamId: state.streamId };
      sink.ready();
    }
  }

  #isStart(code: string): boolean {
    const mode = this.#options.mode;
    return code === (mode === "publish" ? "NetStream.Publish.Start" : "NetStream.Play.Start");
  }

  #end(reason: string, sink: ClientSessionSink): void {
    if (this.#state.kind !== "closed") {
      this.#state = { kind: "closed" };
      sink.closed(reason);
    }
  }

  #acknowledge(sink: ClientSessionSink): void {
    const received = this.decoder.bytesReceived;
    if (isAcknowledgementDue(received, this.#bytesAcknowledged, this.#windowAckSizeIn)) {
      this.#bytesAcknowledged = received;
      sink.write(encodeAcknowledgement(received));
    }
  }
}

function takeUserControl(payload: Uint8Array, sink: ClientSessionSink): void {
  const event = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
  const value = decodeUint32(payload, 2);
  if (event === UserControlEvent.PingRequest) {
    sink.write(encodeUserControl(UserControlEvent.PingResponse, value));
  } else if (event === UserControlEvent.PingResponse) {
    sink.pong?.(value);
  }
}
