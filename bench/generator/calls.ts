/** The messages between main and a generator process. */
import type { LagFigures } from "../native/lag-recorder.ts";

/** `rtmp` is the whole dialogue; `raw` is media from the first byte, as the floor serves. */
export type Wire = "rtmp" | "raw";

export interface PlayCall {
  readonly call: "play";
  readonly port: number;
  readonly wire: Wire;
  readonly stream: string;
  readonly players: number;
  /** Arrivals are spread evenly over this time, whether or not earlier ones have been served. */
  readonly overMs: number;
}

export interface PublishCall {
  readonly call: "publish";
  readonly port: number;
  readonly wire: Wire;
  /** Name of the stream; with more than one publisher a number is appended. */
  readonly stream: string;
  readonly publishers: number;
  readonly overMs: number;
}

/** Ask for the figures; with `isFresh` latency, join and lag start anew after it. */
export interface FiguresCall {
  readonly call: "figures";
  readonly isFresh: boolean;
}

export interface ExitCall {
  readonly call: "exit";
}

export type GeneratorCall = PlayCall | PublishCall | FiguresCall | ExitCall;

/** Percentiles in ms; all 0 when `count` is. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface GeneratorFigures {
  readonly connections: number;
  /** Accepted publishes, or players that saw a keyframe. */
  readonly live: number;
  /** Connections closed by the server or refused. */
  readonly lost: number;
  /** First reasons of losses. */
  readonly reasons: readonly string[];
  /** Audio and video payload bytes, cumulative. */
  readonly payloadBytes: number;
  readonly frames: number;
  /** Missing sequence numbers of both tracks over all players, cumulative. */
  readonly gaps: number;
  /** Repeated or earlier sequence numbers, cumulative. */
  readonly disorder: number;
  /** Frames that arrived before they were sent: clocks that differ. Latency means nothing then. */
  readonly early: number;
  /** Players with a gap or disorder. */
  readonly damaged: number;
  /** Inter frames delivered before a first keyframe, cumulative. */
  readonly beforeKeyframe: number;
  readonly latencyMs: Percentiles;
  readonly joinMs: Percentiles;
  readonly lag: LagFigures;
}

export type GeneratorReply =
  | { readonly figures: GeneratorFigures }
  | { readonly done: true }
  | { readonly error: string };
