/** The messages between main and a generator process. */
import type { StreamShape } from "../media/stream-shape.ts";
import type { LagFigures } from "../native/lag-recorder.ts";

/** `rtmp` is the whole dialogue; `raw` is media from the first byte, as the floor serves. */
export type Wire = "rtmp" | "raw" | "http-flv" | "ws-flv" | "hls";

/** Where a stream is published or played. */
export interface StreamAddress {
  readonly port: number;
  readonly wire: Wire;
  /** Of RTMP. */
  readonly app: string;
  /** Of HTTP: path with `{stream}` in it. */
  readonly path: string;
}

export interface PlayCall extends StreamAddress {
  readonly call: "play";
  /** With more than one stream a number is appended, and players are dealt out in turn. */
  readonly stream: string;
  readonly streams: number;
  readonly players: number;
  /** Arrivals are spread evenly over this time, whether or not earlier ones have been served. */
  readonly overMs: number;
  /** Of RTMP: ask for the server's pong so often; 0 never. */
  readonly pingEveryMs: number;
  /** Read no more than this from a socket, once it plays; 0: nothing any more; -1: as it comes. */
  readonly readBytesPerSecond: number;
}

export interface PublishCall extends StreamAddress {
  readonly call: "publish";
  /** Name of the stream; with more than one publisher a number is appended. */
  readonly stream: string;
  readonly publishers: number;
  readonly overMs: number;
  readonly shape: StreamShape;
  /** Break off and publish anew so often; 0 never. */
  readonly restartEveryMs: number;
}

/** Ask how far it is; cheap. */
export interface ProgressCall {
  readonly call: "progress";
}

/** Ask for the figures; distributions and lag start anew after it, counts go on. */
export interface FiguresCall {
  readonly call: "figures";
}

export type GeneratorCall = PlayCall | PublishCall | ProgressCall | FiguresCall;

/** Values in µs as compressed base64, '' for none. */
export interface Distributions {
  /** From when a video frame was due at the publisher to when a player read it. */
  readonly latency: string;
  /** From when an arrival was due to its first keyframe. */
  readonly join: string;
  /** From when a ping was due to its pong. */
  readonly ping: string;
  /** Between the last frame of a publish and the first of the next, at a player. */
  readonly outage: string;
  /** Of HLS: from asking for a segment to its last byte. */
  readonly fetch: string;
  /** Of HLS: from when a playlist was due to be asked for to its last byte. */
  readonly poll: string;
}

/** Cumulative, but where said. */
export interface GeneratorCounts {
  readonly connections: number;
  /** Accepted publishes, or players that saw a keyframe; now. */
  readonly live: number;
  /** Connections closed by the server or refused. */
  readonly lost: number;
  /** Audio and video payload bytes; of HLS the bytes of segments. */
  readonly payloadBytes: number;
  readonly frames: number;
  readonly videoFrames: number;
  /** Times that media came after a pause: about the server's sends. */
  readonly bursts: number;
  /** Missing sequence numbers of both tracks over all players. */
  readonly gaps: number;
  /** Repeated or earlier sequence numbers. */
  readonly disorder: number;
  /** Frames that arrived before they were sent: clocks that differ. Latency means nothing then. */
  readonly early: number;
  /** Inter frames delivered before a first keyframe. */
  readonly beforeKeyframe: number;
  /** Publishes after the first, of publishers; of players, those they saw begin. */
  readonly restarts: number;
  /** Attempts to publish that were refused while restarting. */
  readonly retries: number;
  /** Responses of HLS. */
  readonly playlists: number;
  readonly segments: number;
  /** Segments, and playlists after the first, that were answered with another status than 200. */
  readonly refusals: number;
  /** Segments that were gone before they were asked for, or refused. */
  readonly segmentsMissed: number;
  /** Kept connections of HLS viewers that were closed between two answers, and opened again. */
  readonly reconnects: number;
  /** Viewers of HLS. */
  readonly viewers: number;
  /** Those of them of whom every frame is looked at; of the others the first segment, then the number of bytes. */
  readonly viewersChecked: number;
}

export interface Progress {
  readonly counts: GeneratorCounts;
  /** First reasons of losses. */
  readonly reasons: readonly string[];
}

export interface GeneratorFigures extends Progress {
  readonly distributions: Distributions;
  readonly lag: LagFigures;
}

export type GeneratorReply =
  | { readonly figures: GeneratorFigures }
  | { readonly progress: Progress }
  | { readonly done: true }
  | { readonly error: string };
