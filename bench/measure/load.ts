/** A server under load: server, publisher process and player process, and their end. */
import type { GeneratorFigures } from "../generator/calls.ts";
import { GeneratorLink } from "../generator/link.ts";
import { nowUs, sleep } from "../native/clock.ts";
import type { RunningServer, ServeRequest, ServerAdapter } from "../servers/server.ts";
import type { Figures } from "./figures.ts";
import { type CpuSample, cpuBetween, sampleCpu } from "./process-usage.ts";

export const STREAM = "bench";
const PUBLISH_TIMEOUT_MS = 10_000;
const LAG_P99_MAX_MS = 20;
const BACKLOG_MAX_MS = 100;

export interface Load {
  readonly server: RunningServer;
  /** Sends the stream; undefined when the server makes its own. */
  readonly publishers: GeneratorLink | undefined;
  readonly players: GeneratorLink;
}

/** Start a server, one publisher when it needs one, and a generator for players; end them in any case. */
export async function withLoad<Result>(
  adapter: ServerAdapter,
  request: ServeRequest,
  measure: (load: Load) => Promise<Result>,
): Promise<Result> {
  const server = await adapter.start(request);
  const links: GeneratorLink[] = [];
  const open = (): GeneratorLink => {
    const link = new GeneratorLink();
    links.push(link);
    return link;
  };
  try {
    const players = open();
    const isFed = request.kind === "ingest" || server.hasOwnStream;
    const publishers = isFed ? undefined : open();
    if (publishers !== undefined) {
      const { wire, publishPort: port = server.port } = server;
      await publishers.publish({ port, wire, stream: STREAM, publishers: 1, overMs: 0 });
      const figures = await publishers.untilLive(PUBLISH_TIMEOUT_MS);
      if (figures.live < 1) {
        throw new Error(`${adapter.name} takes no publisher: ${figures.reasons.join("; ")}`);
      }
    }
    return await measure({ server, publishers, players });
  } finally {
    await Promise.all(links.map((link) => link.end()));
    await server.stop();
  }
}

/** All counters at one moment. */
interface Mark {
  readonly timeUs: number;
  readonly server: CpuSample;
  readonly generator: CpuSample;
  readonly load: GeneratorFigures;
  readonly sent: GeneratorFigures | undefined;
}

async function takeMark(load: Load): Promise<Mark> {
  const [received, sent] = await Promise.all([
    load.players.figures(true),
    load.publishers?.figures(true),
  ]);
  return {
    timeUs: nowUs(),
    server: sampleCpu(load.server.pid),
    generator: sampleCpu(load.players.pid),
    load: received,
    sent,
  };
}

export interface Window {
  readonly figures: Figures;
  readonly end: GeneratorFigures;
  readonly voidReason: string;
  readonly seconds: number;
  /** Payload bytes received in the window. */
  readonly receivedBytes: number;
  /** Payload bytes of the one publisher in the window, or undefined. */
  readonly sentBytes: number | undefined;
}

/** CPU, latency and counts over a steady window. */
export async function measureWindow(load: Load, durationMs: number): Promise<Window> {
  const before = await takeMark(load);
  await sleep(durationMs);
  const after = await takeMark(load);
  const cpu = cpuBetween(before.server, after.server);
  const [first = 0, second = 0] = cpu.threadPercents;
  const end = after.load;
  const connections = end.connections;
  return {
    end,
    seconds: (after.timeUs - before.timeUs) / 1_000_000,
    receivedBytes: end.payloadBytes - before.load.payloadBytes,
    sentBytes:
      after.sent === undefined || before.sent === undefined
        ? undefined
        : after.sent.payloadBytes - before.sent.payloadBytes,
    voidReason: lateness(end, true) || (after.sent === undefined ? "" : lateness(after.sent, true)),
    figures: {
      connections,
      cpuPercent: cpu.cpuPercent,
      userPercent: cpu.userPercent,
      cpuPer1000Percent: (cpu.cpuPercent * 1000) / connections,
      busiestShare: first + second === 0 ? 0 : first / (first + second),
      generatorCpuPercent: cpuBetween(before.generator, after.generator).cpuPercent,
      ...countsOf(end),
    },
  };
}

export function countsOf(figures: GeneratorFigures): Figures {
  const { latencyMs } = figures;
  return {
    live: figures.live,
    lost: figures.lost,
    gaps: figures.gaps,
    disorder: figures.disorder,
    beforeKeyframe: figures.beforeKeyframe,
    generatorLagP99Ms: figures.lag.p99,
    generatorBacklogMaxMs: figures.lag.backlogMax,
    ...(latencyMs.count > 0 ? { latencyP50Ms: latencyMs.p50, latencyP99Ms: latencyMs.p99 } : {}),
  };
}

/** Why a generator was too late for its figures to count, or ''. A storm of joins has a backlog by nature. */
export function lateness({ lag, early }: GeneratorFigures, isSteady: boolean): string {
  if (early > 0) {
    return `${early} frames arrived before they were sent`;
  }
  if (lag.p99 > LAG_P99_MAX_MS) {
    return `generator lag p99 ${lag.p99.toFixed(1)} ms > ${LAG_P99_MAX_MS} ms`;
  }
  if (isSteady && lag.backlogMax > BACKLOG_MAX_MS) {
    return `generator backlog ${lag.backlogMax.toFixed(0)} ms > ${BACKLOG_MAX_MS} ms`;
  }
  return "";
}
