/** A server under load: server, publishers' process and players' processes, and their end. */
import type { GeneratorFigures, PlayCall, PublishCall, Wire } from "../generator/calls.ts";
import { Generators } from "../generator/generators.ts";
import {
  framesMergedIn,
  MERGE_MS,
  type StreamShape,
  segmentSeconds,
} from "../media/stream-shape.ts";
import type {
  DeliveryMode,
  RunningServer,
  ServeRequest,
  ServerAdapter,
} from "../servers/server.ts";
import type { Means, Terms } from "../works/work.ts";

const STREAM = "bench";
/** Arrivals a second outside of join storms. */
const ARRIVALS_PER_SECOND = 1000;
const JOIN_TIMEOUT_MS = 20_000;
const LAG_P99_MAX_MS = 20;
const BACKLOG_MAX_MS = 100;

export interface Load {
  readonly server: RunningServer;
  readonly terms: Terms;
  readonly means: Means;
  /** Publishes the streams; undefined when the server makes its own or publishers are the load. */
  readonly feed: Generators | undefined;
  /** The load: players, or the publishers of an ingest. */
  readonly crowd: Generators;
  /** One more process, for those who would disturb the figures of the others. Ended with the load. */
  open(): Generators;
}

/** What a load needs beside its terms. */
export interface LoadRequest {
  readonly kind: ServeRequest["kind"];
  readonly streams?: number;
  readonly restartEveryMs?: number;
}

const steadyArrivalMs = (connections: number): number => (connections * 1000) / ARRIVALS_PER_SECOND;

/** Viewers of HLS poll once a segment, from when they came: they come spread over whole segments. */
function arrivalMs({ players, wire }: { players: number; wire: Wire }, shape: StreamShape): number {
  const steadyMs = steadyArrivalMs(players);
  const segmentMs = segmentSeconds(shape) * 1000;
  return wire === "hls" ? Math.ceil(steadyMs / segmentMs) * segmentMs : steadyMs;
}

/** @returns the mode that the server has for the one asked for. */
export function modeOf(adapter: ServerAdapter, asked: DeliveryMode): DeliveryMode {
  return adapter.modes.includes(asked) ? asked : (adapter.modes[0] ?? asked);
}

function serveRequest(
  adapter: ServerAdapter,
  terms: Terms,
  kind: ServeRequest["kind"],
): ServeRequest {
  const mode = modeOf(adapter, terms.mode);
  const merged = mode === "merged" ? framesMergedIn(terms.shape, MERGE_MS) : 1;
  return { ...terms, kind, mode, mergeFrames: terms.mergeFrames || merged };
}

/** Publish and wait until all publishers are accepted. @throws Error when one is not. */
export async function publishAll(
  generators: Generators,
  { server, terms }: Pick<Load, "server" | "terms">,
  about: Pick<PublishCall, "publishers"> & Partial<PublishCall>,
): Promise<void> {
  const overMs = about.publishers > 1 ? steadyArrivalMs(about.publishers * 2) : 0;
  await generators.publish({
    ...server.publish,
    stream: STREAM,
    shape: terms.shape,
    overMs,
    restartEveryMs: 0,
    ...about,
  });
  const { counts, reasons } = await generators.untilLive(overMs + JOIN_TIMEOUT_MS);
  if (counts.live < 1) {
    throw new Error(`takes no publisher: ${reasons.join("; ")}`);
  }
}

/** Let players come and wait until all see video, or too long. */
export async function joinAll(
  generators: Generators,
  { server, terms }: Pick<Load, "server" | "terms">,
  about: Pick<PlayCall, "players"> & Partial<PlayCall>,
): Promise<void> {
  const where = { ...server.play, ...about };
  const overMs = about.overMs ?? arrivalMs(where, terms.shape);
  await generators.play({
    ...server.play,
    stream: STREAM,
    streams: 1,
    pingEveryMs: 0,
    readBytesPerSecond: -1,
    ...about,
    overMs,
  });
  await generators.untilLive(overMs + JOIN_TIMEOUT_MS);
}

/** Start a server, its publishers when it needs some, and a generator for players; end them in any case. */
export async function withLoad<Result>(
  adapter: ServerAdapter,
  about: { readonly terms: Terms; readonly means: Means; readonly request: LoadRequest },
  measure: (load: Load) => Promise<Result>,
): Promise<Result> {
  const { terms, means, request } = about;
  const server = await adapter.start(serveRequest(adapter, terms, request.kind));
  const all: Generators[] = [];
  const open = (count: number): Generators => {
    const generators = new Generators(count);
    all.push(generators);
    return generators;
  };
  try {
    const isFed = request.kind === "ingest" || server.hasOwnStream;
    const feed = isFed ? undefined : open(1);
    if (feed !== undefined) {
      const { streams: publishers = 1, restartEveryMs = 0 } = request;
      await publishAll(feed, { server, terms }, { publishers, restartEveryMs });
    }
    const crowd = open(means.generators);
    return await measure({ server, terms, means, feed, crowd, open: () => open(1) });
  } finally {
    await Promise.all(all.map((generators) => generators.end()));
    await server.stop();
  }
}

/** Why a generator was too late for its figures to count, or ''. A storm of joins has a backlog by nature. */
export function lateness({ lag, counts }: GeneratorFigures, isSteady: boolean): string {
  if (counts.early > 0) {
    return `${counts.early} frames arrived before they were sent`;
  }
  if (lag.p99 > LAG_P99_MAX_MS) {
    return `generator lag p99 ${lag.p99.toFixed(1)} ms > ${LAG_P99_MAX_MS} ms`;
  }
  if (isSteady && lag.backlogMax > BACKLOG_MAX_MS) {
    return `generator backlog ${lag.backlogMax.toFixed(0)} ms > ${BACKLOG_MAX_MS} ms`;
  }
  return "";
}
