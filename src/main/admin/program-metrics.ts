/** Metrics of programs that weir runs: exec, ingest and transcode. */
import type { Keeper, ProgramCounts } from "../programs/keeper.ts";
import { byLabel, type MetricFamily, single } from "./metric-text.ts";

/** What is told about. */
export interface ProgramFigures {
  readonly keeper: Pick<Keeper, "counts" | "waiting" | "refusals">;
}

/** All of them. */
export function programMetrics({ keeper }: ProgramFigures): MetricFamily[] {
  const { counts, waiting, refusals } = keeper;
  const family = (
    name: string,
    type: "counter" | "gauge",
    help: string,
    figureOf: (counts: ProgramCounts) => number,
  ): MetricFamily =>
    byLabel(
      { name, type, help },
      "kind",
      [...counts].map(([kind, count]): [string, number] => [kind, figureOf(count)]),
    );
  return [
    family("weir_programs_running", "gauge", "Programs that run.", (of) => of.running),
    family("weir_program_starts_total", "counter", "Programs started.", (of) => of.starts),
    family(
      "weir_program_restarts_total",
      "counter",
      "Of those, programs that had ended by themselves or by a reload.",
      (of) => of.restarts,
    ),
    family(
      "weir_program_failures_total",
      "counter",
      "Programs that ended by themselves with an error, and those that could not start.",
      (of) => of.failures,
    ),
    single("weir_programs_waiting", "gauge", "Programs that wait: as many run as may.", waiting),
    single("weir_program_refusals_total", "counter", "Programs that had to wait.", refusals),
  ];
}
