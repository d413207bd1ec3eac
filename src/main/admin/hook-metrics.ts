/** Metrics of callbacks: how long they take, what comes of them, how many wait. */
import { HOOK_BOUNDS_MS, type HookActionTimes } from "../hooks/hook-times.ts";
import type { Hooks } from "../hooks/hooks.ts";
import { histogramSamples, type MetricFamily, single } from "./metric-text.ts";

const SECOND_MS = 1000;

/** All of them. */
export function hookMetrics({ caller, backlog, dropped }: Hooks): MetricFamily[] {
  const all = [...caller.times];
  const dropHelp = "Callbacks left out because too many waited.";
  return [
    {
      name: "weir_hook_seconds",
      type: "histogram",
      help: "From when a callback was due until its answer, with the wait for its turn.",
      samples: all.flatMap(([action, { counts, sumMs }]) =>
        histogramSamples({ action }, BOUNDS, counts, sumMs / SECOND_MS),
      ),
    },
    {
      name: "weir_hook_replies_total",
      type: "counter",
      help: "Callbacks by what came of them.",
      samples: all.flatMap(([action, { replies }]) => repliesOf(action, replies)),
    },
    single("weir_hook_waiting", "gauge", "Callbacks that are not over.", backlog.count),
    single("weir_hook_dropped_total", "counter", dropHelp, dropped),
  ];
}

const BOUNDS: readonly number[] = HOOK_BOUNDS_MS.map((ms) => ms / SECOND_MS);

function repliesOf(action: string, replies: HookActionTimes["replies"]): MetricFamily["samples"] {
  return Object.entries(replies).map(([reply, value]) => ({ labels: { action, reply }, value }));
}
