/**
 * The server's side of one RTMP connection as a state machine without I/O: handshake, NetConnection, NetStreams.
 *
 * Bytes go in through {@link ServerSession.push}; bytes to send and what the client asks for come out of a
 * {@link ServerSessionSink}. connect, publish and play are decisions of the host: input stops until it answers, and at
 * that point (as at any other) the session can be taken as a snapshot and go on in another thread. No success reply
 * can precede the decision. Any cut of the input gives the same events and the same replies.
 * Spec: RTMP 1.0 §5, §7; enhanced RTMP v2 for connect.
 */
import { CONTROL_MESSAGES_BURST } from "../limits.ts";
import type { ChunkSink } from "./chunk-decoder.ts";
import { ChunkDecoder } from "./chunk-decoder.ts";
import { decodeCommand } from "./command.ts";
import type { HandshakeHost } from "./handshake.ts";
import { ServerHandshake } from "./handshake.ts";
import type { Message } from "./message.ts";
import { MessageType } from "./message.ts";
import { actOnCommand } from "./server-commands.ts";
import { acceptConnect, rejectConnect, understandsReconnect } from "./server-connect.ts";
import { acknowledge, chargeControl, checkReplies } from "./server-limits.ts";
import { takeControl, takeMedia } from "./server-media.ts";
import { acceptPlay, endPlay, rejectPlay } from "./server-play.ts";
import { acceptPublish, endPublish, rejectPublish } from "./server-publish.ts";
import type { StatusLevel } from "./server-replies.ts";
import { encodeReconnectRequest, encodeStreamStatus } from "./server-replies.ts";
import type { Dialogue, SessionState } from "./server-session-state.ts";
import { findStream, isLive, openSessionState, requestOf, write } from "./server-session-state.ts";
import type {
  ConnectRequest,
  Redirect,
  ServerSessionOptions,
  ServerSessionSink,
} from "./server-session-types.ts";
import type { ServerSessionSnapshot, SessionIdentity } from "./session-snapshot.ts";
import { decodeIdentity, encodeIdentity } from "./session-snapshot.ts";
import type { StreamRequest } from "./stream-url.ts";

export { encodeSetChunkSize, encodeUserControl } from "./acknowledgement.ts";
export { encodePlayReplies, encodeStreamStatus } from "./server-replies.ts";
export * from "./server-session-types.ts";
export type { ServerSessionSnapshot, SessionIdentity } from "./session-snapshot.ts";
export type { StreamRequest } from "./stream-url.ts";

/** The options that depend on the vhost. */
export type VhostSettings = Pick<
  ServerSessionOptions,
  "chunkSizeOut" | "windowAckSizeOut" | "inAckSize"
>;

/** How far a session has come; each step has its own deadline in the host. */
export type SessionPhase = "handshake" | "connect" | "identify" | "streaming";

/** Bytes of C0, C1 and C2: acknowledgements count them as well. */
const HANDSHAKE_BYTES = 1 + 2 * 1536;

/** Stands in the place of a sink between two calls. */
const NO_SINK: ServerSessionSink = {
  write() {},
  connect() {},
  publish() {},
  play() {},
  media() {},
  closeStream() {},
  pause() {},
  receive() {},
};

/** One RTMP connection as the server sees it. */
export class ServerSession {
  /** The session's own, or the one the caller brought. The session counts on its `bytesReceived` and sets `identified`. */
  readonly decoder: ChunkDecoder;
  readonly #host: HandshakeHost;
  readonly #state: SessionState;
  readonly #dialogue: Dialogue;
  readonly #chunks: ChunkSink;
  #handshake: ServerHandshake | undefined;
  #refilledAt: number;
  #appliedControls: number;

  constructor(host: HandshakeHost, options: ServerSessionOptions, revived?: RevivedParts) {
    this.#host = host;
    this.#state = revived?.state ?? openSessionState(options, CONTROL_MESSAGES_BURST);
    this.#handshake = revived === undefined ? new ServerHandshake(host) : revived.handshake;
    this.decoder = revived?.decoder ?? new ChunkDecoder();
    this.#dialogue = { state: this.#state, decoder: this.decoder, sink: NO_SINK };
    this.#chunks = { message: (message) => this.#take(message) };
    this.#refilledAt = host.time();
    this.#appliedControls = this.decoder.appliedControls;
  }

  /**
   * Goes on from a snapshot in this or another thread.
   * Memory: the snapshot is not kept; a given decoder is used as it is, and the snapshot's part of it is ignored.
   */
  static restore(
    snapshot: ServerSessionSnapshot,
    host: HandshakeHost,
    decoder?: ChunkDecoder,
  ): ServerSession {
    const { handshake } = snapshot;
    const own = snapshot.decoder;
    const restored = own === undefined ? new ChunkDecoder() : ChunkDecoder.restore(own);
    return new ServerSession(
      host,
      {},
      {
        state: decodeIdentity(snapshot.identity),
        handshake: handshake === undefined ? undefined : ServerHandshake.restore(handshake, host),
        decoder: decoder ?? restored,
      },
    );
  }

  /** The host has set another outgoing chunk size on this connection by itself; 0: it has not. */
  noteChunkSize(chunkSize: number): void {
    if (chunkSize > 0) {
      this.#state.chunkSizeOut = chunkSize;
    }
  }

  /**
   * Takes bytes of the client.
   * Memory: the bytes are **borrowed** for the call; media payloads may be views of them.
   * After an answer call it again with the rest, even when nothing is left: up to three bytes may wait inside.
   * @returns bytes consumed: fewer than given when a decision is pending; the caller keeps the rest
   * @throws ProtocolError or LimitError: count and close
   * @throws RejectedError after the refusal was written: flush and close
   */
  push(bytes: Uint8Array, sink: ServerSessionSink): number {
    if (this.#state.connection.kind === "closed") {
      return bytes.length;
    }
    this.#dialogue.sink = sink;
    try {
      const used = this.#shakeHands(bytes, sink);
      const isOver = this.#handshake !== undefined || this.isWaiting;
      return isOver ? used : used + this.#dechunk(bytes, used);
    } finally {
      this.#dialogue.sink = NO_SINK;
    }
  }

  /**
   * Takes one message that the caller's own decoder delivered, as a shard does for its players.
   * @returns false when the decoder has to stop: a decision is pending
   * @throws as {@link push}
   */
  deliver(message: Message, sink: ServerSessionSink): boolean {
    this.#dialogue.sink = sink;
    try {
      return this.#take(message);
    } finally {
      this.#dialogue.sink = NO_SINK;
    }
  }

  /** True while connect, publish or play waits for the host's answer. */
  get isWaiting(): boolean {
    const { connection, streams } = this.#state;
    if (connection.kind === "connecting") {
      return true;
    }
    for (const stream of streams) {
      if (stream.kind === "publish-requested" || stream.kind === "play-requested") {
        return true;
      }
    }
    return false;
  }

  /** How far the session has come; a refused one stays at its last step. */
  get phase(): SessionPhase {
    const { connection, streams } = this.#state;
    if (connection.kind === "handshake") {
      return "handshake";
    }
    if (connection.kind === "unconnected" || connection.kind === "connecting") {
      return "connect";
    }
    return streams.some(isLive) ? "streaming" : "identify";
  }

  /** What connect asked for; undefined before it. */
  get connectRequest(): ConnectRequest | undefined {
    const { connection } = this.#state;
    const isKnown = connection.kind === "connected" || connection.kind === "connecting";
    return isKnown ? connection.request : undefined;
  }

  /** What a NetStream publishes, plays or asks for; undefined when it is idle or unknown. */
  streamRequest(streamId: number): StreamRequest | undefined {
    const stream = findStream(this.#state, streamId);
    return stream === undefined || stream.kind === "idle"
      ? undefined
      : requestOf(this.#state, stream.target);
  }

  /** Chunk size of what is written from now on. Set by a shard whose own preamble announced another one. */
  get chunkSizeOut(): number {
    return this.#state.chunkSizeOut;
  }

  set chunkSizeOut(size: number) {
    this.#state.chunkSizeOut = size;
  }

  /** The peer's window for acknowledgements, for a caller that sends them itself; 0 for none. */
  get windowAckSizeIn(): number {
    return this.#state.windowAckSizeIn;
  }

  /**
   * Sets what the vhost of the connect asks for; before acceptConnect. Absent settings stay as they are.
   * Units: bytes.
   */
  configure(settings: VhostSettings): void {
    const { state } = this.#dialogue;
    const { chunkSizeOut, windowAckSizeOut, inAckSize = 0 } = settings;
    state.settings = {
      ...state.settings,
      chunkSizeOut: chunkSizeOut ?? state.settings.chunkSizeOut,
      windowAckSizeOut: windowAckSizeOut ?? state.settings.windowAckSizeOut,
    };
    if (inAckSize > 0) {
      state.windowAckSizeIn = inAckSize;
    }
  }

  /** Writes the replies of connect. @throws InvariantError when none waits */
  acceptConnect(sink: ServerSessionSink): void {
    this.#answer(sink, (dialogue) => acceptConnect(dialogue));
  }

  /** Writes `_error`; the caller closes after flush. @throws InvariantError when none waits */
  rejectConnect(
    code: string,
    description: string,
    sink: ServerSessionSink,
    redirect?: Redirect,
  ): void {
    this.#answer(sink, (dialogue) => rejectConnect(dialogue, code, description, redirect));
  }

  /** Writes onFCPublish where it is due and Publish.Start. @throws InvariantError when none waits */
  acceptPublish(streamId: number, sink: ServerSessionSink): void {
    this.#answer(sink, (dialogue) => acceptPublish(dialogue, streamId));
  }

  /** Writes onStatus of level error; the caller closes after flush or goes on. @throws InvariantError when none waits */
  rejectPublish(
    streamId: number,
    code: string,
    description: string,
    sink: ServerSessionSink,
    redirect?: Redirect,
  ): void {
    const refusal = { code, description, redirect };
    this.#answer(sink, (dialogue) => rejectPublish(dialogue, streamId, refusal));
  }

  /**
   * Writes StreamBegin, Play.Reset, Play.Start and |RtmpSampleAccess; nothing when `silent`, for a caller that sends
   * {@link encodePlayReplies} in a preamble of its own.
   * @throws InvariantError when none waits
   */
  acceptPlay(streamId: number, sink: ServerSessionSink, silent = false): void {
    this.#answer(sink, (dialogue) => acceptPlay(dialogue, streamId, silent));
  }

  /** Writes onStatus of level error; the caller closes after flush or goes on. @throws InvariantError when none waits */
  rejectPlay(
    streamId: number,
    code: string,
    description: string,
    sink: ServerSessionSink,
    redirect?: Redirect,
  ): void {
    const refusal = { code, description, redirect };
    this.#answer(sink, (dialogue) => rejectPlay(dialogue, streamId, refusal));
  }

  /** The server ends a publish: Unpublish.Success, no closeStream event. Nothing when it has ended already. */
  endPublish(streamId: number, sink: ServerSessionSink): void {
    this.#answer(sink, (dialogue) => endPublish(dialogue, streamId));
  }

  /** The server ends a play with onStatus, no closeStream event. Nothing when it has ended already. */
  endPlay(streamId: number, code: string, description: string, sink: ServerSessionSink): void {
    this.#answer(sink, (dialogue) => endPlay(dialogue, streamId, code, description));
  }

  /** Writes onStatus on a NetStream, e.g. NetStream.Play.UnpublishNotify. */
  notify(
    streamId: number,
    code: string,
    description: string,
    sink: ServerSessionSink,
    level: StatusLevel = "status",
  ): void {
    const bytes = encodeStreamStatus(streamId, level, code, description, this.#state.chunkSizeOut);
    this.#answer(sink, (dialogue) => write(dialogue, bytes));
  }

  /**
   * Asks an enhanced client to connect again, '' for the same tcUrl (B-61).
   * @returns false when the client did not say that it understands, or it was not offered: nothing is written
   */
  requestReconnect(tcUrl: string, description: string, sink: ServerSessionSink): boolean {
    if (!understandsReconnect(this.#dialogue)) {
      return false;
    }
    const bytes = encodeReconnectRequest(tcUrl, description, this.#state.chunkSizeOut);
    this.#answer(sink, (dialogue) => write(dialogue, bytes));
    return true;
  }

  /** The whole session as plain data. Memory: **owned** by the caller; structured-cloneable. */
  snapshot(): ServerSessionSnapshot {
    const identity = encodeIdentity(this.#state);
    const decoder = this.decoder.snapshot();
    const handshake = this.#handshake?.snapshot();
    return handshake === undefined ? { identity, decoder } : { identity, decoder, handshake };
  }

  /** The session without its decoder as JSON-able data, for a player's row. Call it once connected. */
  snapshotIdentity(): SessionIdentity {
    return encodeIdentity(this.#state);
  }

  #answer(sink: ServerSessionSink, act: (dialogue: Dialogue) => void): void {
    const before = this.#dialogue.sink;
    this.#dialogue.sink = sink;
    try {
      act(this.#dialogue);
    } finally {
      this.#dialogue.sink = before;
    }
  }

  #shakeHands(bytes: Uint8Array, sink: ServerSessionSink): number {
    const handshake = this.#handshake;
    if (handshake === undefined) {
      return 0;
    }
    const used = handshake.push(bytes, (reply) => sink.write(reply));
    if (handshake.done) {
      this.#handshake = undefined;
      this.#state.connection = { kind: "unconnected" };
      this.decoder.bytesReceived = HANDSHAKE_BYTES;
    }
    return used;
  }

  #dechunk(bytes: Uint8Array, start: number): number {
    const rest = start === 0 ? bytes : bytes.subarray(start);
    const used = this.decoder.push(rest, this.#chunks);
    this.#chargeAppliedControls();
    if (this.phase !== "streaming") {
      checkReplies(this.#state, this.decoder.bytesReceived);
    }
    acknowledge(this.#dialogue);
    return used;
  }

  #take(message: Message): boolean {
    const { type, payload } = message;
    const isMedia =
      type === MessageType.Audio || type === MessageType.Video || type === MessageType.Aggregate;
    if (!isMedia || payload.length === 0) {
      this.#charge(1);
    }
    this.#route(message, isMedia);
    // Media asks for no decision.
    return isMedia || (!this.isWaiting && this.#state.connection.kind !== "closed");
  }

  #route(message: Message, isMedia: boolean): void {
    const { type, payload } = message;
    if (type >= MessageType.Acknowledgement && type <= MessageType.SetPeerBandwidth) {
      takeControl(this.#dialogue, message);
    } else if (
      type === MessageType.CommandAmf3 ||
      (type === MessageType.CommandAmf0 && payload.length > 0)
    ) {
      actOnCommand(this.#dialogue, message.streamId, decodeCommand(payload, type));
    } else if (payload.length === 0) {
      this.#dialogue.sink.ignored?.("empty-message");
    } else if (isMedia || type === MessageType.DataAmf0 || type === MessageType.DataAmf3) {
      takeMedia(this.#dialogue, message);
    } else {
      this.#dialogue.sink.ignored?.("unknown-type");
    }
  }

  #charge(count: number): void {
    const now = this.#host.time();
    chargeControl(this.#state, now - this.#refilledAt, count);
    this.#refilledAt = now;
  }

  /** Set Chunk Size and Abort never arrive here; the decoder has counted them. */
  #chargeAppliedControls(): void {
    const applied = this.decoder.appliedControls;
    if (applied !== this.#appliedControls) {
      this.#charge(applied - this.#appliedControls);
      this.#appliedControls = applied;
    }
  }
}

/** What a restored session starts from. */
interface RevivedParts {
  readonly state: SessionState;
  readonly handshake: ServerHandshake | undefined;
  readonly decoder: ChunkDecoder;
}
