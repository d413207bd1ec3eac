/**
 * What a client session asks of its host, and what it is told to do.
 */
import type { AmfObject, AmfValue } from "../amf/amf-value.ts";
import type { HandshakeDigest } from "./handshake.ts";
import type { Message } from "./message.ts";
import type { RtmpTarget } from "./stream-url.ts";

/** The host of a client session. All calls come from inside `start`, `push`, `sendMedia` or `close`. */
export interface ClientSessionSink {
  /** Bytes to send, in order. **Borrowed**: copy or send before returning. */
  write(bytes: Uint8Array): void;
  /** Publish.Start or Play.Start was seen, or connect's result in mode `connect`. Called once. */
  ready(): void;
  /** Audio, video or data (AMF0) of the played stream; aggregates come taken apart. The payload is **borrowed**. */
  media(message: Message): void;
  /**
   * Every onStatus and `_error` of the server. `info` is the whole object: a redirect stands in its `ex`, entry
   * `redirect2` (SRS).
   */
  status(level: string, code: string, description: string, info: AmfObject): void;
  /** The server has read everything up to the ping of this number, see `ClientSession.ping`. */
  pong?(value: number): void;
  /** An Acknowledgement: bytes that the server says it has received, modulo 2^32. Servers count from different starts. */
  acknowledged?(bytes: number): void;
  /** The dialogue failed or the server ended it: close the transport. Called at most once. */
  closed(reason: string): void;
}

/** What a client session does. */
export interface ClientSessionOptions {
  /** A whole URL, or a target made by hand. */
  readonly url: string | RtmpTarget;
  /** `connect`: nothing after NetConnection.connect; it is `ready` with its result. */
  readonly mode: "publish" | "play" | "connect";
  /** Chunk size announced after connect. Default CHUNK_SIZE_OUT. */
  readonly chunkSizeOut?: number;
  /** Acknowledgement window announced after connect. Default WINDOW_ACK_SIZE. */
  readonly windowAckSizeOut?: number;
  /** Default simple. */
  readonly digest?: HandshakeDigest;
  /** Publish with releaseStream and FCPublish, as FMLE and ffmpeg do. SRS's edges do without. Default true. */
  readonly announce?: boolean;
  readonly flashVersion?: string;
  readonly pageUrl?: string;
  readonly swfUrl?: string;
  /** Further properties of the connect object, e.g. enhanced RTMP's. */
  readonly connectExtras?: ReadonlyArray<readonly [string, AmfValue]>;
  /** Further arguments after the connect object (SRS `debug_srs_upnode`). */
  readonly connectArgs?: readonly AmfValue[];
  /** Milliseconds told with SetBufferLength when playing. Default 1000. */
  readonly bufferMs?: number;
}
