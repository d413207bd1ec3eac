/** A stream in a form other than RTMP: what each message becomes, and what a viewer gets first. */
import type { FrameClass } from "../../protocol/flv/classify.ts";
import type { PreambleForm } from "../stream/fan-out-host.ts";
import type { CachedHeader } from "../stream/header-set.ts";

/** One message of a stream, out of the chunks it had in its ring. */
export interface MediaMessage {
  /** RTMP message type. */
  readonly type: number;
  readonly kind: FrameClass;
  /** Milliseconds modulo 2^32. */
  readonly timestamp: number;
  /** RTMP players may start here. */
  readonly isKeyframe: boolean;
  /** **Borrowed**. */
  readonly payload: Uint8Array;
}

/** One stream's muxer. */
export interface Form extends PreambleForm {
  readonly contentType: string;
  /** Bytes of the ring it wants; null: as large as the publisher's, which holds more than a GOP. */
  readonly ringBytes: number | null;
  /** It begins with the oldest message that is still there, and goes on while nobody watches: viewers get the past. */
  readonly keepsPast: boolean;
  /** Other messages than audio are not even read. */
  readonly isAudioOnly: boolean;
  /** Viewers may start at the message that was muxed last. */
  readonly isStart: boolean;
  /** Viewers were told of other tracks than the stream has by now: new ones need a form of their own. */
  readonly isSpent: boolean;
  /** A message in this form. **Borrowed** until the next call; empty: it has no place there. */
  mux(message: MediaMessage): Uint8Array;
  /** The metadata and sequence headers that are valid from the next message on. **Borrowed**. */
  takeHeaders(headers: readonly CachedHeader[]): void;
  /** Another publish begins: nothing is known of its tracks. */
  restart(): void;
}
