/** A connection that carries one stream of FLV bodies, whatever the protocol around them. */
import type { StreamAddress } from "./calls.ts";
import type { ClientSocket } from "./client-socket.ts";

/** Who a client works for. */
export interface MediaSink {
  /** Publish or play was accepted. */
  live(): void;
  /** Something came; media may be in it. */
  arrived(): void;
  /** A media message begins; its first bytes may be read at `bytes[offset]`. Borrowed. */
  media(type: number, bytes: Uint8Array, offset: number, sizeBytes: number): void;
  /** The answer to a ping whose time was this. */
  pong(time: number): void;
  writable(): void;
  /** Told once, unless the client was closed. */
  lost(reason: string): void;
}

export interface MediaTarget extends StreamAddress {
  readonly role: "play" | "publish";
  readonly stream: string;
}

export interface MediaClient {
  readonly socket: ClientSocket;
}
