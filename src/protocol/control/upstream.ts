/**
 * What the primary and a shard say to each other about upstream connections: the primary knows the origins and gives
 * the duty to pull; the shard connects and tells how each attempt ended.
 */
import type { RingLease, TimelineEnd } from "./ring-lease.ts";

/** The part of an edge's settings that a shard needs. Milliseconds and bytes. */
export interface UpstreamSettings {
  readonly connectTimeoutMs: number;
  readonly replyTimeoutMs: number;
  readonly firstMediaTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly holdMs: number;
  readonly holdBytes: number;
}

/**
 * How an attempt ended. `connect`: no connection; `reply`: no answer in time, or closed in the middle of the dialogue;
 * `garbage`: what came was not the protocol; `refused`: a status said no; `not found`: the stream is not there;
 * `no media`, `stall`: nothing came, or no longer, or nothing was taken; `closed`: ended after it had begun.
 */
export type AttemptFault =
  | "connect"
  | "reply"
  | "garbage"
  | "refused"
  | "not found"
  | "no media"
  | "stall"
  | "closed"
  | "redirect";

/** An attempt that is over. */
export interface AttemptEnd {
  readonly fault: AttemptFault;
  /** For the log; holds no query. */
  readonly detail: string;
  /** How long media flowed; 0: never. */
  readonly mediaMs: number;
  /** Of a redirect: where to; over HTTP what it named, never to be logged. */
  readonly redirect?: { readonly host: string; readonly port: number; readonly url?: string };
}

/** Ordered of a shard: fill the ring of a stream until told to stop. */
export interface PullOrder {
  readonly kind: "pull";
  readonly pullId: number;
  readonly streamId: number;
  /** The end of the time line to go on from. */
  readonly previous: TimelineEnd | null;
}

/** Ordered of a shard: end a pull. */
export interface PullStop {
  readonly kind: "pull-stop";
  readonly pullId: number;
}

/** Told by a shard: the pull is over and its ring is no longer written. */
export interface PullEnded {
  readonly kind: "pull-ended";
  readonly pullId: number;
  readonly streamId: number;
}

/** Told by a shard: the running attempt brought media, or its publish was accepted. */
export interface UpstreamWorks {
  readonly kind: "upstream-works";
  readonly streamId: number;
}

/** Asked of the primary: where to go next. */
export interface OriginQuestion {
  readonly streamId: number;
  /** 0 for a push. */
  readonly pullId: number;
  /** What came of the last attempt; null for the first, and after a wait. */
  readonly last: AttemptEnd | null;
  /** A ring is wanted with the answer. */
  readonly needsRing: boolean;
}

/** An attempt to make. */
export interface OriginTarget {
  readonly protocol: "rtmp" | "flv" | "flvs";
  /** `rtmp://…`, `http://…` or `https://…` with user parameters: never log it. */
  readonly url: string;
  readonly identity: UpstreamIdentity | null;
  /** Of `flvs`, and `rtmps` in the URL: certificates are checked. */
  readonly tlsVerify: boolean;
  /** Servers that the stream has passed, this one last. */
  readonly path: string;
  readonly chunkSize: number;
}

/** Who asks, as SRS's edges tell it. */
export interface UpstreamIdentity {
  readonly server: string;
  readonly version: string;
  readonly pid: number;
  /** Connection id of the client that the attempt is made for. */
  readonly id: string;
}

/** The primary's answer. */
export type OriginAnswer =
  | { readonly kind: "go"; readonly target: OriginTarget; readonly lease: RingLease | null }
  /** Ask again after this. */
  | { readonly kind: "wait"; readonly ms: number; readonly lease: RingLease | null }
  /** The duty is over. */
  | { readonly kind: "stop" };
