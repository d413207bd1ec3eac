/** What one measurement of one server yields, and how repeated ones are summed up. */

/** Names end in their unit. */
export type FigureName =
  | "connections"
  | "cpuPercent"
  | "userPercent"
  /** Percent of a core for 1000 connections: comparable when servers were given different loads. */
  | "cpuPer1000Percent"
  /** Share of the busiest thread in the two busiest. */
  | "busiestShare"
  | "rssMb"
  | "pssMb"
  | "tcpMb"
  | "rssPerPlayerKb"
  | "pssPerPlayerKb"
  | "tcpPerPlayerKb"
  | "latencyP50Ms"
  | "latencyP99Ms"
  | "joinP50Ms"
  | "joinP99Ms"
  | "joinMaxMs"
  /** Of an edge: connections to its origin. */
  | "upstreams"
  | "live"
  | "lost"
  | "gaps"
  | "disorder"
  | "beforeKeyframe"
  /** Payload bytes received ÷ sent × players. */
  | "bytesRatio"
  | "generatorLagP99Ms"
  | "generatorBacklogMaxMs"
  | "generatorCpuPercent";

export type Figures = Readonly<Partial<Record<FigureName, number>>>;

export interface Measurement {
  readonly figures: Figures;
  /** Why the run counts for nothing, or ''. */
  readonly voidReason: string;
  /** First reasons of lost connections. */
  readonly reasons: readonly string[];
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

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

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
    const values = counted
      .map((run) => run.figures[name])
      .filter((value) => value !== undefined)
      .toSorted((a, b) => a - b);
    const middle = medianOf(values);
    const range = (values.at(-1) ?? 0) - (values[0] ?? 0);
    median[name] = middle;
    spread[name] = middle === 0 ? 0 : range / middle;
  }
  const isAllVoid = runs.length > 0 && counted.length === 0;
  const reason = isAllVoid ? `void: ${runs[0]?.voidReason}` : "";
  const failure = counted.length === 0 ? (failures[0] ?? "") : "";
  return { median, spread, runs, absence: absence || failure || reason, failures };
}
