/**
 * What the primary and a shard say to each other about forwards (SRS: forward): the primary decides where a stream goes
 * to; the shard that writes its ring connects, and tells what comes of it.
 */
import type { AttemptEnd, OriginTarget } from "./upstream.ts";

/** One destination of a stream. */
export interface ForwardOrder {
  /** The same for as long as the stream goes there. */
  readonly id: number;
  readonly target: OriginTarget;
}

/** Ordered of the shard that publishes a stream: all its forwards from now on. Those that are no longer among them end. */
export interface ForwardsOrder {
  readonly kind: "forwards";
  readonly streamId: number;
  readonly forwards: readonly ForwardOrder[];
}

/** Told by a shard: what became of a forward. */
export interface ForwardNews {
  readonly kind: "forward";
  readonly streamId: number;
  readonly id: number;
  readonly event: ForwardEvent;
}

/** What became of a forward. */
export type ForwardEvent =
  /** The destination takes media. */
  | { readonly kind: "works" }
  /** An attempt is over; the next one begins after a pause. */
  | { readonly kind: "lost"; readonly end: AttemptEnd }
  /** It was too slow, and frames up to a keyframe were left out, so many times. */
  | { readonly kind: "skipped"; readonly times: number };
