/** Metrics of callbacks: what was called, what came of it, how long it took, and what waits. */
import { type ActionCounts, CALL_BOUNDS_MS } from "../hooks/hook-counts.ts";
import type { Hooks } from "../hooks/hooks.ts";
import { byLabel, histogramSamples, type MetricFamily, single } from "./metric-text.ts";

const SECOND_MS = 1000;

/** All of them; without callbacks only what waits is there. */
export function hookMetrics({ caller, backlog }: Hooks): MetricFamily[] {
  const { byAction, failures, known } = caller.counts;
  const { running, verdicts, news } = caller.load;
  const actions = [...byAction];
  const bounds = CALL_BOUNDS_MS.map((ms) => ms / SECOND_MS);
  const sumOf = (name: string, help: string, figureOf: (counts: ActionCounts) => number) =>
    byLabel(
      { name, type: "counter", help },
      "action",
      actions.map(([action, counts]): [string, number] => [action, figureOf(counts)]),
    );
  return [
    {
      name: "weir_hook_calls_total",
      type: "counter",
      help: "Callbacks by what came of them; each repetition is one.",
      samples: actions.flatMap(([action, { replies }]) =>
        Object.entries(replies).map(([reply, value]) => ({ labels: { action, reply }, value })),
      ),
    },
    byLabel(
      {
        name: "weir_hook_failures_total",
        type: "counter",
        help: "Callbacks without a valid answer, by the code that the log has.",
      },
      "code",
      failures,
    ),
    sumOf("weir_hook_retries_total", "Callbacks that were made once more.", (of) => of.retried),
    sumOf("weir_hook_dropped_total", "Callbacks left out: too many waited.", (of) => of.dropped),
    single("weir_hook_known_total", "counter", "Plays let in by a verdict that was kept.", known),
    single("weir_hook_running", "gauge", "Callbacks that are being made.", running),
    byLabel(
      { name: "weir_hook_waiting", type: "gauge", help: "Callbacks that wait for their turn." },
      "kind",
      Object.entries({ question: verdicts, news }),
    ),
    single("weir_hook_backlog", "gauge", "Questions and news that are not done.", backlog.count),
    {
      name: "weir_hook_seconds",
      type: "histogram",
      help: "How long servers of callbacks take, without the wait for a turn.",
      samples: actions.flatMap(([action, { times, sumMs }]) =>
        histogramSamples({ action }, bounds, times, sumMs / SECOND_MS),
      ),
    },
  ];
}
