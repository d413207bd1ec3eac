/** The kinds of work a server is measured at, and the means to do so. */
import type { StreamShape } from "../media/stream-shape.ts";
import type { DeliveryMode, Protocol } from "../servers/server.ts";

/** What all works say. */
export interface Terms {
  readonly protocol: Protocol;
  readonly mode: DeliveryMode;
  /** Threads that serve media, for a server that has a choice. */
  readonly workers: number;
  readonly shape: StreamShape;
  /** The server also makes HLS segments. */
  readonly hasHls: boolean;
  /** Video frames in one send of the floor; 0: what the mode says. */
  readonly mergeFrames: number;
}

/** Steady fan-out of one stream or many. */
export interface FanOutWork extends Terms {
  readonly kind: "fan-out";
  readonly players: number;
  readonly streams: number;
  /** Players among them that ping, to see how soon the server's threads answer. */
  readonly probes: number;
  /** The window begins after so many times the usual pause. */
  readonly settleTimes?: number;
}

/** Steady ingest. */
export interface IngestWork extends Terms {
  readonly kind: "ingest";
  readonly publishers: number;
}

/** Memory of a process with `players`, then with twice as many. */
export interface GrowthWork extends Terms {
  readonly kind: "growth";
  readonly players: number;
}

/** A storm of joins on a running stream. */
export interface JoinWork extends Terms {
  readonly kind: "join";
  readonly players: number;
  readonly overMs: number;
}

/** Players, and others on the same stream that read too slowly or not at all. */
export interface SlowWork extends Terms {
  readonly kind: "slow";
  readonly players: number;
  /** Read nothing once they play. */
  readonly stuck: number;
  /** Read half of the stream's rate. */
  readonly slow: number;
}

/** Publishers that break off and publish anew while players stay. */
export interface RepublishWork extends Terms {
  readonly kind: "republish";
  readonly players: number;
  readonly publishers: number;
  readonly everyMs: number;
}

/** Players while the configuration is changed again and again. */
export interface ReloadWork extends Terms {
  readonly kind: "reload";
  readonly players: number;
  readonly everyMs: number;
}

/** A long time of the same load. */
export interface SoakWork extends Terms {
  readonly kind: "soak";
  readonly players: number;
  readonly streams: number;
}

export type Work =
  | FanOutWork
  | IngestWork
  | GrowthWork
  | JoinWork
  | SlowWork
  | RepublishWork
  | ReloadWork
  | SoakWork;

export interface Pace {
  /** The measured window. */
  readonly durationMs: number;
  /** Of a soak. */
  readonly soakMs: number;
  /** Between all joined and the window. */
  readonly settleMs: number;
  /** Between publish and a storm of joins; more than one GOP, so that newcomers' bursts are of usual size. */
  readonly warmMs: number;
  /** Between publish and the first viewers of HLS: those who come before a playlist is there all go on at once. */
  readonly listedMs: number;
}

/** How it is measured, whatever the work. */
export interface Means {
  readonly pace: Pace;
  /** Processes that share the players. */
  readonly generators: number;
  /** Count system calls with strace, in a time of its own after the window. */
  readonly hasSyscalls: boolean;
}
