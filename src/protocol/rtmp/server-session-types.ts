/**
 * What a server session asks of its host and what the host may set: the vocabulary between the RTMP dialogue and
 * whoever decides about it (lobby, publisher, player).
 */
import type { AmfValue } from "../amf/amf-value.ts";
import type { Message } from "./message.ts";
import type { StreamRequest } from "./stream-url.ts";

/**
 * How an encoder announced its publish; SRS shows it as the client's type.
 * Peers: FMLE, OBS, ffmpeg and librtmp send releaseStream or FCPublish before createStream; Flash sends neither;
 * Haivision sends FCPublish after createStream.
 */
export type PublishStyle = "fmle-publish" | "flash-publish" | "haivision-publish";

/** Bits of `capsEx` (enhanced RTMP v2, "Enhancing NetConnection connect Command"). */
export const CapsEx = {
  Reconnect: 1,
  Multitrack: 2,
  ModEx: 4,
  TimestampNanoOffset: 8,
} as const;

/** What the client said about enhanced RTMP in `connect` (enhanced RTMP v1 and v2). */
export interface EnhancedCapabilities {
  /** FourCC codes the client handles, `*` for any. At most 64. */
  readonly fourCcList: readonly string[];
  /** FourCC to FourCcInfoMask (1 decode, 2 encode, 4 forward). At most 64 entries, as pairs. */
  readonly videoFourCcInfo: ReadonlyArray<readonly [string, number]>;
  readonly audioFourCcInfo: ReadonlyArray<readonly [string, number]>;
  /** {@link CapsEx} bits. */
  readonly capsEx: number;
}

/** Who the SRS-compatible edge in front is (`debug_srs_upnode`), for tracing; '' where it does not say. */
export interface EdgeIdentity {
  readonly ip: string;
  readonly pid: string;
  readonly id: string;
  /** weir's edges: the servers that the request has passed, comma-separated. */
  readonly path: string;
}

/** `NetConnection.connect` as it was asked for; `stream` is what the URL suggests, often ''. */
export interface ConnectRequest extends StreamRequest {
  readonly flashVersion: string;
  /** 0 or 3, echoed in the reply. */
  readonly objectEncoding: number;
  /** `user:password` that stood in tcUrl, or ''. Never log it. */
  readonly credentials: string;
  readonly enhanced: EnhancedCapabilities | undefined;
  readonly edge: EdgeIdentity | undefined;
  /** Further arguments after the command object. **Not** part of a snapshot: empty after a restore. */
  readonly args: readonly AmfValue[];
}

/** Arguments of `play` (RTMP 1.0 §7.2.2.1); weir serves live wherever they would begin. */
export interface PlayOptions {
  /** −2 live or recorded, −1 live only, else where to begin. Never NaN. */
  readonly start: number;
  /**
   * Milliseconds of the stream after which the play ends; 0: it does not. Spec: RTMP 1.0 §7.2.2.1 has seconds there;
   * Peers: librtmp sends milliseconds, and SRS takes them for that.
   */
  readonly durationMs: number;
  readonly reset: boolean;
}

/** Where a client is sent instead (SRS's RTMP 302). */
export interface Redirect {
  /** tcUrl of the target. */
  readonly tcUrl: string;
  /** Whole URL with the stream name. */
  readonly url: string;
}

/** The host of a session. All calls come from inside `push`, `deliver` or an answer. */
export interface ServerSessionSink {
  /** Bytes to send, in order. **Borrowed**: copy or send before returning. */
  write(bytes: Uint8Array): void;
  /** NetConnection.connect asked for; answer with acceptConnect or rejectConnect. Input stops until then. */
  connect(request: ConnectRequest): void;
  /** publish asked for on a NetStream; answer with acceptPublish or rejectPublish. Input stops until then. */
  publish(streamId: number, request: StreamRequest, style: PublishStyle): void;
  /** play asked for; answer with acceptPlay or rejectPlay. Input stops until then. */
  play(streamId: number, request: StreamRequest, options: PlayOptions): void;
  /**
   * Audio, video or data of an accepted publish. Data comes as AMF0 (type 18) without `@setDataFrame`; aggregates
   * come taken apart. The payload is **borrowed**.
   */
  media(streamId: number, message: Message): void;
  /** A publish or play was ended by the client (closeStream, deleteStream, FCUnpublish, releaseStream of its own). */
  closeStream(streamId: number): void;
  /** A player pauses or resumes; the replies are written already. */
  pause(streamId: number, paused: boolean): void;
  /** A player switches one kind of media off or on. */
  receive(streamId: number, kind: "audio" | "video", enabled: boolean): void;
  /** Something was swallowed: a stable short reason to count by. Never log it per call. */
  ignored?(reason: string): void;
}

/** What the `_result` of connect tells about the server. Edges and srs-bench read `ip`, `pid` and `id`. */
export interface ServerInfo {
  /** Address the client reached, '' to leave it out. */
  readonly ip: string;
  /** Process id. */
  readonly pid: number;
  /** Id of this connection in the logs. */
  readonly id: string;
  /** Product name, default PRODUCT_NAME. */
  readonly name?: string;
  /** Version `a.b.c`, default PRODUCT_VERSION. */
  readonly version?: string;
}

/** Settings of one session; plain data, carried by a snapshot. */
export interface ServerSessionOptions {
  /** Chunk size announced at connect. Default CHUNK_SIZE_OUT. */
  readonly chunkSizeOut?: number;
  /** Acknowledgement window and peer bandwidth announced at connect. Default WINDOW_ACK_SIZE. */
  readonly windowAckSizeOut?: number;
  /** Inbound window until the client names one. 0 or absent: WINDOW_ACK_SIZE. */
  readonly inAckSize?: number;
  readonly serverInfo?: ServerInfo;
  /** Send `srs_server_ip`, `srs_pid` and `srs_id`. Default true. */
  readonly sendServerIdentity?: boolean;
  /** Offer {@link CapsEx}.Reconnect to enhanced clients. Default false. */
  readonly offerReconnect?: boolean;
  /** Publish or play without a name under a one-segment app takes that segment as the stream (B-45). Default false. */
  readonly streamFromApp?: boolean;
}
