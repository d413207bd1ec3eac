/**
 * The state of a server session: plain data that can be copied to another thread, and what every command does with it.
 *
 * Entries are replaced, never changed in place, so that a snapshot may share them.
 */
import { InvariantError } from "../errors.ts";
import { CHUNK_SIZE_DEFAULT, CHUNK_SIZE_OUT, WINDOW_ACK_SIZE } from "../limits.ts";
import type { ChunkDecoder } from "./chunk-decoder.ts";
import type {
  ConnectRequest,
  PublishStyle,
  ServerInfo,
  ServerSessionOptions,
  ServerSessionSink,
} from "./server-session-types.ts";
import type { StreamRequest } from "./stream-url.ts";

/** {@link ServerSessionOptions} with the defaults filled in. */
export interface SessionSettings {
  readonly chunkSizeOut: number;
  readonly windowAckSizeOut: number;
  readonly serverInfo: ServerInfo | undefined;
  readonly sendServerIdentity: boolean;
  readonly offerReconnect: boolean;
  readonly streamFromApp: boolean;
}

/** Where the NetConnection stands. */
export type ConnectionState =
  | { readonly kind: "handshake" }
  | { readonly kind: "unconnected" }
  | {
      readonly kind: "connecting";
      readonly transactionId: number;
      /** `app` of the connect object as sent. */
      readonly app: string;
      readonly request: ConnectRequest;
    }
  | { readonly kind: "connected"; readonly app: string; readonly request: ConnectRequest }
  | { readonly kind: "closed" };

/** What tells one stream of a connection from another; the rest of its request is the connection's. */
export type StreamTarget = Pick<StreamRequest, "vhost" | "app" | "stream" | "param">;

/** Where one NetStream stands. `requested` states wait for the host: no success reply can precede its decision. */
export type NetStream =
  | { readonly kind: "idle"; readonly id: number }
  | {
      readonly kind: "publish-requested" | "publishing";
      readonly id: number;
      /** Name as sent, without its query: later commands repeat it. */
      readonly name: string;
      readonly target: StreamTarget;
      readonly style: PublishStyle;
    }
  | {
      readonly kind: "play-requested" | "playing";
      readonly id: number;
      readonly target: StreamTarget;
    };

/** A NetStream that publishes or is about to. */
export type PublishStream = Extract<NetStream, { style: PublishStyle }>;

/** Everything a session remembers but its chunk decoder and its handshake. */
export interface SessionState {
  settings: SessionSettings;
  connection: ConnectionState;
  /** In the order of their ids; at most STREAMS_PER_CONNECTION_MAX. */
  streams: readonly NetStream[];
  /** How the next publish has been announced so far. */
  announced: PublishStyle;
  /** A createStream came since the last publish ended: tells Haivision's FCPublish from FMLE's. */
  hasCreated: boolean;
  chunkSizeOut: number;
  /** Last WindowAckSize told to the peer; 0 before the first. */
  windowAckSizeOut: number;
  /** The peer's window for our acknowledgements; 0 for none. */
  windowAckSizeIn: number;
  /** `bytesReceived` at the last acknowledgement. */
  bytesAcknowledged: number;
  /** Written so far, while nothing is published or played. */
  bytesWritten: number;
  /** Media bytes dropped since the last accepted publish. */
  unauthorisedBytes: number;
  /** Control messages that may still come at once. */
  controlTokens: number;
}

/** One call into a session: its state and whom it talks to. */
export interface Dialogue {
  readonly state: SessionState;
  readonly decoder: ChunkDecoder;
  /** **Borrowed** for the call. */
  sink: ServerSessionSink;
}

/** A fresh state. */
export function openSessionState(
  options: ServerSessionOptions,
  controlTokens: number,
): SessionState {
  const inAckSize = options.inAckSize ?? 0;
  return {
    settings: {
      chunkSizeOut: options.chunkSizeOut ?? CHUNK_SIZE_OUT,
      windowAckSizeOut: options.windowAckSizeOut ?? WINDOW_ACK_SIZE,
      serverInfo: options.serverInfo,
      sendServerIdentity: options.sendServerIdentity ?? true,
      offerReconnect: options.offerReconnect ?? false,
      streamFromApp: options.streamFromApp ?? false,
    },
    connection: { kind: "handshake" },
    streams: [],
    announced: "flash-publish",
    hasCreated: false,
    chunkSizeOut: CHUNK_SIZE_DEFAULT,
    windowAckSizeOut: 0,
    windowAckSizeIn: inAckSize > 0 ? inAckSize : WINDOW_ACK_SIZE,
    bytesAcknowledged: 0,
    bytesWritten: 0,
    unauthorisedBytes: 0,
    controlTokens,
  };
}

/** Hands bytes to the host and counts them. */
export function write(dialogue: Dialogue, bytes: Uint8Array): void {
  dialogue.state.bytesWritten += bytes.length;
  dialogue.sink.write(bytes);
}

/** The NetStream with this id. */
export function findStream(state: SessionState, id: number): NetStream | undefined {
  for (const stream of state.streams) {
    if (stream.id === id) {
      return stream;
    }
  }
  return undefined;
}

/** True when the stream publishes or plays, accepted. */
export function isLive(stream: NetStream): boolean {
  return stream.kind === "publishing" || stream.kind === "playing";
}

/**
 * The NetStream a message means: the one with its id, else the only one there is.
 * Peers: some send commands and media on message stream 0, or write the id in the wrong byte order.
 */
export function resolveStream(state: SessionState, id: number): NetStream | undefined {
  const exact = findStream(state, id);
  return exact ?? (state.streams.length === 1 ? state.streams[0] : undefined);
}

/** Puts a NetStream in the place of the one with its id, or adds it. */
export function putStream(state: SessionState, stream: NetStream): void {
  const others = state.streams.filter((other) => other.id !== stream.id);
  state.streams = [...others, stream].sort((a, b) => a.id - b.id);
}

/** Removes a NetStream. */
export function dropStream(state: SessionState, id: number): void {
  state.streams = state.streams.filter((stream) => stream.id !== id);
}

/** The whole request of a stream: its target and the connection's circumstances. */
export function requestOf(state: SessionState, target: StreamTarget): StreamRequest {
  const connection = state.connection;
  if (connection.kind !== "connected") {
    throw new InvariantError("a stream without a connection");
  }
  const { tcUrl, pageUrl, swfUrl, host, port } = connection.request;
  const { vhost, app, stream, param } = target;
  return { vhost, app, stream, param, tcUrl, pageUrl, swfUrl, host, port };
}
