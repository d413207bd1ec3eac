/** A stream in a form other than RTMP: what each message becomes, and what a viewer gets first. */
import type { FrameClass } from "../../protocol/flv/classify.ts";
import type { PreambleForm } from "../stream/fan-out-host.ts";

/** One message of a stream, out of the chunks it had in its ring. */
export interface MediaMessage {
  /** RTMP message type. */
  readonly type: number;
  readonly kind: FrameClass;
  /** Milliseconds modulo 2^32. */
  readonly timestamp: number;
  /** **Borrowed**. */
  readonly payload: Uint8Array;
}

/** One stream's muxer. */
export interface Form extends PreambleForm {
  readonly contentType: string;
  /** A message in this form. **Borrowed** until the next call; empty: it has no place there. */
  mux(message: MediaMessage): Uint8Array;
  /** Another publish begins: nothing is known of its tracks. */
  restart(): void;
}
