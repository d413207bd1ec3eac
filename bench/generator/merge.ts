/** Figures of several generator processes as those of one. */
import { encodeHistogram, mergeEncoded } from "../native/distribution.ts";
import type { LagFigures } from "../native/lag-recorder.ts";
import type { Distributions, GeneratorCounts, GeneratorFigures, Progress } from "./calls.ts";

const REASONS_MAX = 5;

function sumCounts(all: readonly GeneratorCounts[]): GeneratorCounts {
  const [first, ...rest] = all;
  if (first === undefined) {
    throw new Error("no generator");
  }
  const sum: Record<string, number> = { ...first };
  for (const counts of rest) {
    for (const [name, value] of Object.entries(counts)) {
      sum[name] = (sum[name] ?? 0) + value;
    }
  }
  return sum as unknown as GeneratorCounts;
}

/** The worst of each: a late generator is not made good by another that was in time. */
function worstLag(all: readonly LagFigures[]): LagFigures {
  const most = (read: (lag: LagFigures) => number): number => Math.max(...all.map(read));
  return {
    p50: most(({ p50 }) => p50),
    p99: most(({ p99 }) => p99),
    max: most(({ max }) => max),
    backlogMax: most(({ backlogMax }) => backlogMax),
  };
}

export function mergeProgress(all: readonly Progress[]): Progress {
  const reasons = [...new Set(all.flatMap((one) => one.reasons))].slice(0, REASONS_MAX);
  return { counts: sumCounts(all.map((one) => one.counts)), reasons };
}

/** @returns counts summed, distributions merged, the worst lag. */
export function mergeFigures(all: readonly GeneratorFigures[]): GeneratorFigures {
  const merge = (name: keyof Distributions): string =>
    encodeHistogram(mergeEncoded(all.map(({ distributions }) => distributions[name])));
  return {
    ...mergeProgress(all),
    distributions: {
      latency: merge("latency"),
      join: merge("join"),
      ping: merge("ping"),
      outage: merge("outage"),
      fetch: merge("fetch"),
      poll: merge("poll"),
    },
    lag: worstLag(all.map(({ lag }) => lag)),
  };
}
