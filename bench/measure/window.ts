/** CPU, latency and counts over a steady window, and what is made of them for every work. */
import type { GeneratorCounts, GeneratorFigures } from "../generator/calls.ts";
import { payloadBytesPerSecond, segmentSeconds, videoIntervalUs } from "../media/stream-shape.ts";
import { nowUs, sleep } from "../native/clock.ts";
import { percentilesOf } from "../native/distribution.ts";
import type { Figures, Measurement } from "./figures.ts";
import { type Load, lateness } from "./load.ts";
import {
  type CpuSample,
  type CpuUsage,
  cpuBetween,
  type MemoryUsage,
  sampleCpu,
  sampleMemory,
} from "./process-usage.ts";
import { countSyscalls } from "./syscalls.ts";

const KB_PER_MB = 1024;
const BITS_PER_GBIT = 1e9;
const BITS_PER_BYTE = 8;

/** All counters at one moment. */
interface Mark {
  readonly timeUs: number;
  readonly server: CpuSample;
  readonly generators: readonly CpuSample[];
  readonly crowd: GeneratorFigures;
  readonly feed: GeneratorFigures | undefined;
}

async function takeMark(load: Load): Promise<Mark> {
  const [crowd, feed] = await Promise.all([load.crowd.figures(), load.feed?.figures()]);
  return {
    timeUs: nowUs(),
    server: sampleCpu(load.server.pid),
    generators: load.crowd.pids.map(sampleCpu),
    crowd,
    feed,
  };
}

/** What lies between two moments. */
export interface Window {
  readonly seconds: number;
  readonly cpu: CpuUsage;
  /** The busiest of the generator's processes. */
  readonly generatorCpuPercent: number;
  readonly crowd: GeneratorFigures;
  /** Of the crowd within the window. */
  readonly counted: GeneratorCounts;
  /** Payload bytes that the feed sent within it, or undefined. */
  readonly sentBytes: number | undefined;
  readonly voidReason: string;
}

function countedBetween(before: GeneratorCounts, after: GeneratorCounts): GeneratorCounts {
  const entries = Object.entries(after).map(([name, value]) => [
    name,
    value - before[name as keyof GeneratorCounts],
  ]);
  return Object.fromEntries(entries) as GeneratorCounts;
}

/** Wait, or do something, and see what was used and received meanwhile. */
export async function openWindow(
  load: Load,
  during: () => Promise<void> = () => sleep(load.means.pace.durationMs),
): Promise<Window> {
  const before = await takeMark(load);
  await during();
  const after = await takeMark(load);
  const usages = after.generators.map((sample, index) =>
    cpuBetween(before.generators[index] ?? sample, sample),
  );
  const isFed = after.feed !== undefined && before.feed !== undefined;
  return {
    seconds: (after.timeUs - before.timeUs) / 1_000_000,
    cpu: cpuBetween(before.server, after.server),
    generatorCpuPercent: Math.max(...usages.map(({ cpuPercent }) => cpuPercent)),
    crowd: after.crowd,
    counted: countedBetween(before.crowd.counts, after.crowd.counts),
    sentBytes: isFed
      ? (after.feed?.counts.payloadBytes ?? 0) - (before.feed?.counts.payloadBytes ?? 0)
      : undefined,
    voidReason:
      lateness(after.crowd, true) || (after.feed === undefined ? "" : lateness(after.feed, true)),
  };
}

export const memoryFigures = (memory: MemoryUsage): Figures => ({
  rssMb: memory.rssKb / KB_PER_MB,
  pssMb: memory.pssKb / KB_PER_MB,
  tcpMb: memory.tcpKb / KB_PER_MB,
});

/** Figures of what arrived and how. */
export function deliveryFigures({ counts, lag, distributions }: GeneratorFigures): Figures {
  const latency = percentilesOf([distributions.latency]);
  const ping = percentilesOf([distributions.ping]);
  const outage = percentilesOf([distributions.outage]);
  const fetch = percentilesOf([distributions.fetch]);
  const poll = percentilesOf([distributions.poll]);
  return {
    connections: counts.connections,
    live: counts.live,
    lost: counts.lost,
    gaps: counts.gaps,
    disorder: counts.disorder,
    beforeKeyframe: counts.beforeKeyframe,
    refusals: counts.refusals,
    generatorLagP99Ms: lag.p99,
    generatorBacklogMaxMs: lag.backlogMax,
    ...(latency.count > 0 ? { latencyP50Ms: latency.p50, latencyP99Ms: latency.p99 } : {}),
    ...(ping.count > 0 ? { pingP50Ms: ping.p50, pingP99Ms: ping.p99 } : {}),
    ...(fetch.count > 0 ? { fetchP50Ms: fetch.p50, fetchP99Ms: fetch.p99 } : {}),
    ...(poll.count > 0 ? { pollP50Ms: poll.p50, pollP99Ms: poll.p99 } : {}),
    ...(counts.viewers > 0
      ? {
          segmentsMissed: counts.segmentsMissed,
          reconnects: counts.reconnects,
          viewersChecked: counts.viewersChecked,
        }
      : {}),
    ...(outage.count > 0 ? { outageP50Ms: outage.p50, outageP99Ms: outage.p99 } : {}),
  };
}

/** Figures of a join, from what was taken right after it. */
export function joinFigures({ distributions }: GeneratorFigures): Figures {
  const join = percentilesOf([distributions.join]);
  return join.count === 0 ? {} : { joinP50Ms: join.p50, joinP99Ms: join.p99, joinMaxMs: join.max };
}

function costFigures(window: Window): Figures {
  const { cpu, seconds, counted, crowd } = window;
  const [first = 0, second = 0] = cpu.threadPercents;
  const gbit = (counted.payloadBytes * BITS_PER_BYTE) / BITS_PER_GBIT / seconds;
  return {
    cpuPercent: cpu.cpuPercent,
    userPercent: cpu.userPercent,
    cpuPer1000Percent: (cpu.cpuPercent * 1000) / Math.max(1, crowd.counts.connections),
    ...(gbit > 0 ? { gbitPerSecond: gbit, cpuPerGbitPercent: cpu.cpuPercent / gbit } : {}),
    threadPercent: first,
    busiestShare: first + second === 0 ? 0 : first / (first + second),
    generatorCpuPercent: window.generatorCpuPercent,
  };
}

/** How far the merge goes, as players see it, and what of the latency it does not explain. */
function mergeFigures(load: Load, window: Window): Figures {
  const { videoFrames, bursts } = window.counted;
  const latency = percentilesOf([window.crowd.distributions.latency]);
  if (bursts === 0 || latency.count === 0 || load.terms.protocol === "hls") {
    return {};
  }
  const framesPerSend = videoFrames / bursts;
  const mergeMs = (Math.max(1, framesPerSend) * videoIntervalUs(load.terms.shape)) / 1000;
  return { framesPerSend, latencyBeyondMergeMs: latency.p99 - mergeMs };
}

/** Bytes received against those that should have been. */
function bytesRatio(load: Load, window: Window, streams: number): Figures {
  if (load.terms.protocol === "hls") {
    const { playlists, segments } = window.counted;
    const { viewers } = window.crowd.counts;
    const expected = (viewers * window.seconds) / segmentSeconds(load.terms.shape);
    return {
      playlistsPerSecond: playlists / window.seconds,
      segmentsPerSecond: segments / window.seconds,
      ...(expected > 0 ? { segmentsRatio: segments / expected } : {}),
    };
  }
  const made = payloadBytesPerSecond(load.terms.shape) * window.seconds * streams;
  const sent = (window.sentBytes ?? made) / streams;
  return { bytesRatio: window.counted.payloadBytes / (sent * window.crowd.counts.connections) };
}

/** System calls for each video frame of a player, where they can be had. */
async function syscallFigures(load: Load): Promise<Figures> {
  if (!load.means.hasSyscalls) {
    return {};
  }
  const before = await load.crowd.progress();
  const calls = await countSyscalls(load.server.pid, load.means.pace.durationMs / 2);
  const after = await load.crowd.progress();
  const frames = after.counts.videoFrames - before.counts.videoFrames;
  return calls === undefined || frames === 0 ? {} : { syscallsPerFrame: calls / frames };
}

/** What a window says of a server, with memory and, when asked for, system calls. */
export async function measureWindow(
  load: Load,
  about: {
    readonly window: Window;
    readonly streams: number;
    readonly before: MemoryUsage;
    readonly figures?: Figures;
  },
): Promise<Measurement> {
  const { window, before } = about;
  const { server } = load;
  const memory = sampleMemory(server.pid);
  const connections = Math.max(1, window.crowd.counts.connections);
  const upstreams = server.upstreams?.();
  return {
    figures: {
      ...deliveryFigures(window.crowd),
      ...costFigures(window),
      ...mergeFigures(load, window),
      ...memoryFigures(memory),
      rssPerPlayerKb: (memory.rssKb - before.rssKb) / connections,
      tcpPerPlayerKb: (memory.tcpKb - before.tcpKb) / connections,
      ...bytesRatio(load, window, about.streams),
      ...(upstreams === undefined ? {} : { upstreams }),
      ...(await syscallFigures(load)),
      ...about.figures,
    },
    voidReason: window.voidReason,
    reasons: window.crowd.reasons,
    latency: window.crowd.distributions.latency,
  };
}
