/** What one measurement of one server yields, and how repeated ones are summed up. */

/** Names end in their unit. */
export type FigureName =
  | "connections"
  | "cpuPercent"
  | "userPercent"
  | "cpuPer1000Percent"
  | "cpuPerGbitPercent"
  | "threadPercent"
  | "busiestShare"
  | "rssMb"
  | "pssMb"
  | "tcpMb"
  | "rssPerPlayerKb"
  | "tcpPerPlayerKb"
  | "rssGrowthMbPerHour"
  | "syscallsPerFrame"
  | "framesPerSend"
  | "gbitPerSecond"
  | "latencyP50Ms"
  | "latencyP99Ms"
  | "latencyBeyondMergeMs"
  | "joinP50Ms"
  | "joinP99Ms"
  | "joinMaxMs"
  | "joinThreadUs"
  | "pingP50Ms"
  | "pingP99Ms"
  | "loopDelayMaxMs"
  | "fetchP50Ms"
  | "fetchP99Ms"
  | "pollP50Ms"
  | "pollP99Ms"
  | "outageP50Ms"
  | "outageP99Ms"
  | "upstreams"
  | "live"
  | "lost"
  | "gaps"
  | "disorder"
  | "beforeKeyframe"
  | "refusals"
  | "resumedShare"
  | "slowLive"
  | "playlistsPerSecond"
  | "segmentsPerSecond"
  | "segmentsRatio"
  | "segmentsMissed"
  | "reconnects"
  | "viewersChecked"
  | "bytesRatio"
  | "generatorLagP99Ms"
  | "generatorBacklogMaxMs"
  | "generatorCpuPercent";

export interface FigureKind {
  readonly title: string;
  readonly unit: string;
  readonly isCost: boolean;
}

/** Everything that is measured: its unit, and whether less of it is better. */
export const FIGURES: Readonly<Record<FigureName, FigureKind>> = {
  connections: { title: "connections", unit: "", isCost: false },
  cpuPercent: { title: "CPU", unit: "%", isCost: true },
  userPercent: { title: "CPU, user", unit: "%", isCost: true },
  /** Percent of a core for 1000 connections: comparable when servers were given different loads. */
  cpuPer1000Percent: { title: "CPU of 1000", unit: "%", isCost: true },
  /** Percent of a core for a Gbit/s of payload. */
  cpuPerGbitPercent: { title: "CPU of 1 Gbit/s", unit: "%", isCost: true },
  /** The busiest thread. */
  threadPercent: { title: "busiest thread", unit: "%", isCost: true },
  /** Share of the busiest thread in the two busiest. */
  busiestShare: { title: "busier thread’s share", unit: "", isCost: false },
  rssMb: { title: "RSS", unit: "MB", isCost: true },
  pssMb: { title: "PSS", unit: "MB", isCost: true },
  tcpMb: { title: "kernel TCP", unit: "MB", isCost: false },
  rssPerPlayerKb: { title: "RSS a connection", unit: "KiB", isCost: true },
  tcpPerPlayerKb: { title: "kernel TCP a connection", unit: "KiB", isCost: false },
  rssGrowthMbPerHour: { title: "RSS growth", unit: "MB/h", isCost: false },
  /** System calls of the server for each video frame that a player gets. */
  syscallsPerFrame: { title: "system calls a frame and player", unit: "", isCost: true },
  /** Video frames that came together at a player: the merge factor as seen from outside. */
  framesPerSend: { title: "frames a send", unit: "", isCost: false },
  gbitPerSecond: { title: "payload", unit: "Gbit/s", isCost: false },
  latencyP50Ms: { title: "latency p50", unit: "ms", isCost: true },
  latencyP99Ms: { title: "latency p99", unit: "ms", isCost: true },
  /** Latency p99 without the wait that the observed merge asks for. */
  latencyBeyondMergeMs: { title: "latency p99 − k frames", unit: "ms", isCost: true },
  joinP50Ms: { title: "join p50", unit: "ms", isCost: true },
  joinP99Ms: { title: "join p99", unit: "ms", isCost: true },
  joinMaxMs: { title: "join max", unit: "ms", isCost: true },
  /** Of the busiest thread while players come. */
  joinThreadUs: { title: "busiest thread’s CPU a join", unit: "µs", isCost: true },
  /** From when a ping was due to its pong: the serving thread's delay and its tick. */
  pingP50Ms: { title: "ping p50", unit: "ms", isCost: true },
  loopDelayMaxMs: { title: "loop delay, largest", unit: "ms", isCost: true },
  pingP99Ms: { title: "ping p99", unit: "ms", isCost: true },
  fetchP50Ms: { title: "segment fetched, p50", unit: "ms", isCost: true },
  fetchP99Ms: { title: "segment fetched, p99", unit: "ms", isCost: true },
  /** From when a playlist was due to be asked for. */
  pollP50Ms: { title: "playlist answered, p50", unit: "ms", isCost: true },
  pollP99Ms: { title: "playlist answered, p99", unit: "ms", isCost: true },
  outageP50Ms: { title: "without media at a republish, p50", unit: "ms", isCost: true },
  outageP99Ms: { title: "without media at a republish, p99", unit: "ms", isCost: true },
  /** Of an edge: connections to its origin. */
  upstreams: { title: "upstream connections", unit: "", isCost: false },
  live: { title: "live", unit: "", isCost: false },
  lost: { title: "lost", unit: "", isCost: false },
  gaps: { title: "frames missing", unit: "", isCost: false },
  disorder: { title: "frames out of order", unit: "", isCost: false },
  beforeKeyframe: { title: "frames before a keyframe", unit: "", isCost: false },
  /** Of HLS: playlists and segments that were not there. */
  refusals: { title: "requests refused", unit: "", isCost: false },
  /** Publishes that players saw begin ÷ those that began, 1 when all did. */
  resumedShare: { title: "republishes seen", unit: "", isCost: false },
  slowLive: { title: "slow players still there", unit: "", isCost: false },
  playlistsPerSecond: { title: "playlists", unit: "/s", isCost: false },
  segmentsPerSecond: { title: "segments", unit: "/s", isCost: false },
  /** Segments that viewers of HLS got ÷ those that came out meanwhile. */
  segmentsRatio: { title: "segments ÷ expected", unit: "", isCost: false },
  segmentsMissed: { title: "segments missed", unit: "", isCost: false },
  /** Kept connections that were closed between two answers. */
  reconnects: { title: "reconnects", unit: "", isCost: false },
  /** Viewers of HLS of whom every frame is looked at; of the others each segment's bytes are counted. */
  viewersChecked: { title: "viewers that read every frame", unit: "", isCost: false },
  /** Payload bytes received ÷ sent × players. */
  bytesRatio: { title: "bytes ÷ expected", unit: "", isCost: false },
  generatorLagP99Ms: { title: "generator’s lag p99", unit: "ms", isCost: false },
  generatorBacklogMaxMs: { title: "generator’s backlog", unit: "ms", isCost: false },
  generatorCpuPercent: { title: "generator’s CPU", unit: "%", isCost: false },
};

export type Figures = Readonly<Partial<Record<FigureName, number>>>;

export interface Measurement {
  readonly figures: Figures;
  /** Why the run counts for nothing, or ''. */
  readonly voidReason: string;
  /** First reasons of lost connections. */
  readonly reasons: readonly string[];
  /** Latencies as an encoded histogram, '' for none. */
  readonly latency: string;
}

/** Median and spread over the runs that count. */
export interface Summary {
  readonly median: Figures;
  /** (largest − smallest) ÷ median. */
  readonly spread: Figures;
  readonly runs: readonly Measurement[];
  /** Why there is no figure, or ''. */
  readonly absence: string;
  /** Runs that ended in an error: a server that fails one of three is at fault too. */
  readonly failures: readonly string[];
}

/** @returns middle value, the mean of the middle two of an even number, 0 of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** @returns whether it was measured and no run counts. */
export const isAllVoid = ({ runs }: Pick<Summary, "runs">): boolean =>
  runs.length > 0 && runs.every(({ voidReason }) => voidReason !== "");

/** @param absence why the server cannot be measured here, or ''. */
export function summarise(
  runs: readonly Measurement[],
  failures: readonly string[],
  absence: string,
): Summary {
  const counted = runs.filter((run) => run.voidReason === "");
  const median: Partial<Record<FigureName, number>> = {};
  const spread: Partial<Record<FigureName, number>> = {};
  const names = new Set(counted.flatMap((run) => Object.keys(run.figures) as FigureName[]));
  for (const name of names) {
    const values = counted.map((run) => run.figures[name]).filter((value) => value !== undefined);
    const middle = medianOf(values);
    median[name] = middle;
    spread[name] = middle === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / middle;
  }
  const reason = isAllVoid({ runs }) ? `void: ${runs[0]?.voidReason}` : "";
  const failure = counted.length === 0 ? (failures[0] ?? "") : "";
  return { median, spread, runs, absence: absence || failure || reason, failures };
}
