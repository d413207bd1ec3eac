/** The kinds of work a server is measured at. */
import { GeneratorLink } from "../generator/link.ts";
import { PAYLOAD_BYTES_PER_SECOND } from "../media/synthetic-stream.ts";
import { sleep } from "../native/clock.ts";
import type { DeliveryMode, ServerAdapter } from "../servers/server.ts";
import type { Figures, Measurement } from "./figures.ts";
import {
  countsOf,
  type Load,
  lateness,
  measureWindow,
  STREAM,
  type Window,
  withLoad,
} from "./load.ts";
import { type MemoryUsage, sampleMemory } from "./process-usage.ts";

/** Steady fan-out of one stream. */
export interface PlayersWork {
  readonly kind: "players";
  readonly players: number;
  readonly mode: DeliveryMode;
  readonly workers: number;
}

/** Steady ingest. */
export interface PublishersWork {
  readonly kind: "publishers";
  readonly publishers: number;
}

/** Memory of a process with `players`, then with twice as many. */
export interface GrowthWork {
  readonly kind: "growth";
  readonly players: number;
}

/** A storm of joins on a running stream. */
export interface JoinWork {
  readonly kind: "join";
  readonly players: number;
  readonly overMs: number;
}

/** Many streams with a few players each. */
export interface StreamsWork {
  readonly kind: "streams";
  readonly publishers: number;
  readonly playersEach: number;
  readonly workers: number;
}

export type Work = PlayersWork | PublishersWork | GrowthWork | JoinWork | StreamsWork;

export interface Pace {
  /** The measured window. */
  readonly durationMs: number;
  /** Between all joined and the window. */
  readonly settleMs: number;
  /** Between publish and a storm of joins; more than one GOP, so that newcomers' bursts are of usual size. */
  readonly warmMs: number;
}

const JOIN_TIMEOUT_MS = 20_000;
/** Arrivals a second outside of join storms. */
const ARRIVALS_PER_SECOND = 1000;
const KB_PER_MB = 1024;

const memoryFigures = (memory: MemoryUsage): Figures => ({
  rssMb: memory.rssKb / KB_PER_MB,
  pssMb: memory.pssKb / KB_PER_MB,
  tcpMb: memory.tcpKb / KB_PER_MB,
});

/** @returns the part of the work that tells its figures from those of another work on the same server. */
export function keyOf(adapter: ServerAdapter, work: Work): string {
  const mode = work.kind === "players" ? modeOf(adapter, work.mode) : "";
  return `${adapter.name} ${JSON.stringify({ ...work, mode })}`;
}

function modeOf(adapter: ServerAdapter, asked: DeliveryMode): DeliveryMode {
  return adapter.modes.includes(asked) ? asked : (adapter.modes[0] ?? asked);
}

/** Measure one server at one work, once. */
export function measure(adapter: ServerAdapter, work: Work, pace: Pace): Promise<Measurement> {
  switch (work.kind) {
    case "players":
      return measurePlayers(adapter, work, pace);
    case "publishers":
      return measurePublishers(adapter, work, pace);
    case "growth":
      return measureGrowth(adapter, work, pace);
    case "join":
      return measureJoin(adapter, work, pace);
    case "streams":
      return measureStreams(adapter, work, pace);
    default:
      throw new Error("unknown work");
  }
}

async function join(load: Load, players: number, overMs: number): Promise<Figures> {
  const { port, wire } = load.server;
  await load.players.play({ port, wire, stream: STREAM, players, overMs });
  const { joinMs } = await load.players.untilLive(overMs + JOIN_TIMEOUT_MS);
  return { joinP50Ms: joinMs.p50, joinP99Ms: joinMs.p99, joinMaxMs: joinMs.max };
}

const steadyArrivalMs = (connections: number): number => (connections * 1000) / ARRIVALS_PER_SECOND;

function bytesRatio(window: Window): number {
  const sent = window.sentBytes ?? PAYLOAD_BYTES_PER_SECOND * window.seconds;
  return window.receivedBytes / (sent * window.end.connections);
}

async function measurePlayers(
  adapter: ServerAdapter,
  work: PlayersWork,
  pace: Pace,
): Promise<Measurement> {
  const players = Math.round(work.players * adapter.playerShare);
  const mode = modeOf(adapter, work.mode);
  return await withLoad(adapter, { mode, workers: work.workers, kind: "fan-out" }, async (load) => {
    const joined = await join(load, players, steadyArrivalMs(players));
    await sleep(pace.settleMs);
    const window = await measureWindow(load, pace.durationMs);
    const memory = sampleMemory(load.server.pid);
    return {
      figures: {
        ...joined,
        ...window.figures,
        ...memoryFigures(memory),
        bytesRatio: bytesRatio(window),
        ...upstreamFigures(load),
      },
      voidReason: window.voidReason,
      reasons: window.end.reasons,
    };
  });
}

function upstreamFigures({ server }: Load): Figures {
  const upstreams = server.upstreams?.();
  return upstreams === undefined ? {} : { upstreams };
}

async function measurePublishers(
  adapter: ServerAdapter,
  work: PublishersWork,
  pace: Pace,
): Promise<Measurement> {
  const { publishers } = work;
  const request = { mode: modeOf(adapter, "merged"), workers: 1, kind: "ingest" } as const;
  return await withLoad(adapter, request, async (load) => {
    const { port, wire } = load.server;
    const overMs = steadyArrivalMs(publishers * 2);
    await load.players.publish({ port, wire, stream: STREAM, publishers, overMs });
    await load.players.untilLive(overMs + JOIN_TIMEOUT_MS);
    await sleep(pace.settleMs);
    const window = await measureWindow(load, pace.durationMs);
    return {
      figures: {
        ...window.figures,
        ...memoryFigures(sampleMemory(load.server.pid)),
        bytesRatio: bytesRatio(window),
      },
      voidReason: window.voidReason,
      reasons: window.end.reasons,
    };
  });
}

async function measureStreams(
  adapter: ServerAdapter,
  { publishers, playersEach, workers }: StreamsWork,
  pace: Pace,
): Promise<Measurement> {
  const request = { mode: modeOf(adapter, "merged"), workers, kind: "ingest" } as const;
  return await withLoad(adapter, request, async (load) => {
    const { port, wire } = load.server;
    const feed = new GeneratorLink();
    try {
      const overMs = steadyArrivalMs(publishers);
      await feed.publish({ port, wire, stream: STREAM, publishers, overMs });
      await feed.untilLive(overMs + JOIN_TIMEOUT_MS);
      for (let index = 0; index < publishers; index += 1) {
        const stream = `${STREAM}${index}`;
        await load.players.play({ port, wire, stream, players: playersEach, overMs: 0 });
      }
      await load.players.untilLive(JOIN_TIMEOUT_MS);
      await sleep(pace.settleMs);
      const window = await measureWindow(load, pace.durationMs);
      return {
        figures: {
          ...window.figures,
          ...memoryFigures(sampleMemory(load.server.pid)),
          bytesRatio: bytesRatio(window),
        },
        voidReason: window.voidReason,
        reasons: window.end.reasons,
      };
    } finally {
      await feed.end();
    }
  });
}

async function measureGrowth(
  adapter: ServerAdapter,
  work: GrowthWork,
  pace: Pace,
): Promise<Measurement> {
  const request = { mode: modeOf(adapter, "merged"), workers: 1, kind: "fan-out" } as const;
  const { players } = work;
  return await withLoad(adapter, request, async (load) => {
    await join(load, players, steadyArrivalMs(players));
    await sleep(pace.settleMs);
    const before = sampleMemory(load.server.pid);
    await join(load, players, steadyArrivalMs(players));
    await sleep(pace.settleMs);
    const after = sampleMemory(load.server.pid);
    const end = await load.players.figures(true);
    return {
      figures: {
        connections: end.connections,
        ...countsOf(end),
        ...memoryFigures(after),
        rssPerPlayerKb: (after.rssKb - before.rssKb) / players,
        pssPerPlayerKb: (after.pssKb - before.pssKb) / players,
        tcpPerPlayerKb: (after.tcpKb - before.tcpKb) / players,
      },
      voidReason: "",
      reasons: end.reasons,
    };
  });
}

async function measureJoin(
  adapter: ServerAdapter,
  work: JoinWork,
  pace: Pace,
): Promise<Measurement> {
  const request = { mode: modeOf(adapter, "merged"), workers: 1, kind: "fan-out" } as const;
  return await withLoad(adapter, request, async (load) => {
    await sleep(pace.warmMs);
    await load.players.figures(true);
    const joined = await join(load, work.players, work.overMs);
    const storm = await load.players.figures(true);
    await sleep(pace.settleMs);
    const end = await load.players.figures(true);
    return {
      figures: {
        connections: end.connections,
        ...countsOf(end),
        ...joined,
        generatorLagP99Ms: storm.lag.p99,
        generatorBacklogMaxMs: storm.lag.backlogMax,
      },
      voidReason: lateness(storm, false),
      reasons: end.reasons,
    };
  });
}
