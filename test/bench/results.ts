/** Result files made up for tests. */
import type { FigureName, Measurement } from "../../bench/measure/figures.ts";
import { type Figures, summarise } from "../../bench/measure/figures.ts";
import { decodeOptions } from "../../bench/options.ts";
import { RESULTS_VERSION, type Results } from "../../bench/report/results.ts";

/** @returns runs in which one figure has these values. */
export function runsWith(figure: FigureName, values: readonly number[]): readonly Measurement[] {
  return values.map((value) => measured({ [figure]: value }));
}

/** @returns a measurement without fault. */
export function measured(figures: Figures): Measurement {
  return { figures, voidReason: "", reasons: [], latency: "" };
}

/** @param runs by scenario, then by job and server. */
export function resultsWith(
  runs: Readonly<Record<string, Readonly<Record<string, readonly Measurement[]>>>>,
): Results {
  const options = decodeOptions(["--players", "2000"]);
  if (options === undefined) {
    throw new Error("help was asked for");
  }
  const scenarios = Object.entries(runs).map(([id, byKey]) => {
    const summaries = Object.entries(byKey).map(([key, all]) => [key, summarise(all, [], "")]);
    const results = { name: id, title: id, sizes: {}, summaries: Object.fromEntries(summaries) };
    return [id, results];
  });
  return {
    version: RESULTS_VERSION,
    environment: {
      date: "2026-01-02T03:04:05.000Z",
      commit: "abc",
      isDirty: false,
      cpu: "a <CPU>",
      cores: 2,
      memoryMb: 1000,
      kernel: "6",
      node: "v20",
      nginx: "",
      nodeMediaServer: "",
      loadBefore: 0.1,
      descriptorsMax: 20_000,
    },
    command: [],
    plan: options.plan,
    means: options.means,
    isQuick: false,
    runs: 3,
    others: ["floor", "nginx-rtmp"],
    rows: [],
    scenarios: Object.fromEntries(scenarios),
  };
}
