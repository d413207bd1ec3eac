/** A scenario as data: what is measured on whom, and which figures have a target. */
import type { FigureName } from "../measure/figures.ts";
import type { StreamShape } from "../media/stream-shape.ts";
import type { Protocol } from "../servers/server.ts";
import type { Terms, Work } from "../works/work.ts";

/** What the command line asks for; smaller in a smoke run. */
export interface Plan {
  readonly players: number;
  /** Where latency is judged. */
  readonly latencyPlayers: number;
  readonly publishers: number;
  readonly shape: StreamShape;
  /** Of scenarios that are not bound to one. */
  readonly protocol: Protocol;
  /** Threads of scenarios that are not bound to a number. */
  readonly shards: number;
  /** Cores of the machine. */
  readonly cores: number;
  /** Of a smoke run: one size where others take several. */
  readonly isQuick: boolean;
}

export interface Job {
  /** Unique within its scenario; one word. */
  readonly id: string;
  readonly work: Work;
  /** Names of the servers measured at it, in order, and all peers of the command line. */
  readonly servers: readonly string[];
  /** Peers of the command line are not measured at it. */
  readonly isWeirsOwn?: boolean;
  /** The floor sends so many frames at once as weir was seen to at this earlier job. */
  readonly mergeAsIn?: string;
  /** One run is enough, whatever the command line says: it is a long one. */
  readonly isOnce?: boolean;
  /** Size by which the job stands in a plot. */
  readonly size?: number;
}

/** A figure of one server at one job. */
export interface FigureOf {
  readonly server: string;
  readonly job: string;
  readonly figure: FigureName;
}

export interface Criterion {
  readonly what: string;
  readonly job: string;
  readonly figure: FigureName;
  /** weir, unless said otherwise. */
  readonly server?: string;
  /** Largest value that passes; none for information only. */
  readonly max?: number;
  /** Largest multiples that pass of other servers' figures at the same job. */
  readonly maxOver?: Readonly<Record<string, number>>;
  /** Where the floor's figure stands, when not at the same job. */
  readonly floorJob?: string;
  /** Subtracted, when the figure is a difference. */
  readonly less?: FigureOf;
  /** Divisor, when the figure is a ratio. */
  readonly per?: FigureOf;
  /** Judged only where another figure of the server is at most this. */
  readonly onlyUpTo?: { readonly figure: FigureName; readonly max: number };
}

/** A plot of a figure over the sizes of a scenario's jobs. */
export interface Curve {
  readonly title: string;
  readonly x: string;
  readonly figure: FigureName;
  readonly servers: readonly string[];
}

export interface Scenario {
  /** P1 to P10 for those with a target of docs/performance.md, else as `name`. */
  readonly id: string;
  readonly name: string;
  readonly title: string;
  /** Part of a run that names none. */
  readonly isDefault: boolean;
  jobs(plan: Plan): readonly Job[];
  readonly criteria: readonly Criterion[];
  readonly curve?: Curve;
}

/**
 * What a second costs in a server that runs for days is measured when V8 has compiled its loops: that takes up to 20 s
 * at a stream's rate, for each thread anew. All servers wait as long.
 */
export const COMPILED_SETTLE_TIMES = 3;

/** Servers that are measured at RTMP fan-out beside weir. */
export const RTMP_SERVERS: readonly string[] = ["floor", "weir", "nginx-rtmp", "nms"];
/** Servers that have HTTP-FLV. */
const FLV_SERVERS: readonly string[] = ["floor", "weir", "nms"];

/** Terms that most works share: merged RTMP, one thread. */
export function termsOf(plan: Plan, about: Partial<Terms> = {}): Terms {
  return {
    protocol: "rtmp",
    mode: "merged",
    workers: 1,
    shape: plan.shape,
    hasHls: false,
    mergeFrames: 0,
    ...about,
  };
}

/** @returns the servers that have a protocol. */
export function serversOf(protocol: Protocol): readonly string[] {
  const all = {
    rtmp: RTMP_SERVERS,
    "http-flv": FLV_SERVERS,
    "ws-flv": FLV_SERVERS,
    hls: ["weir", "nginx-rtmp"],
  };
  return all[protocol];
}
