/** Metrics of forwards: how they fare. */
import type { Forwards } from "../coordinator/forwards.ts";
import { byLabel, type MetricFamily, single } from "./metric-text.ts";

/** All of them. */
export function forwardMetrics({
  counts,
  faults,
  skips,
}: Pick<Forwards, "counts" | "faults" | "skips">): MetricFamily[] {
  return [
    byLabel(
      {
        name: "weir_forwards",
        type: "gauge",
        help: "Destinations of streams: those that take media, and those that wait for the next attempt.",
      },
      "state",
      Object.entries(counts),
    ),
    byLabel(
      {
        name: "weir_forward_ended_total",
        type: "counter",
        help: "Attempts at destinations that are over.",
      },
      "fault",
      faults,
    ),
    single(
      "weir_forward_skips_total",
      "counter",
      "Times that a slow destination missed frames up to a keyframe.",
      skips,
    ),
  ];
}
