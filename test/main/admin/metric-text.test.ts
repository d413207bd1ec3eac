import assert from "node:assert/strict";
import { test } from "node:test";
import {
  byLabel,
  encodeMetrics,
  histogramSamples,
  single,
} from "../../../src/main/admin/metric-text.ts";
import { readMetrics } from "../../support/prometheus.ts";

test("A9 names that clients choose cannot leave their label", () => {
  const evil = 'a"} 1\nsrs_clients 9\\';
  const text = encodeMetrics([
    byLabel({ name: "x_total", type: "counter", help: "With \\ and\nlines." }, "stream", [
      [evil, 1],
      ["b", 2.5],
    ]),
    byLabel({ name: "left_out", type: "gauge", help: "No samples." }, "stream", []),
    single("y", "gauge", "One.", 3),
  ]);
  const families = readMetrics(text);
  assert.deepEqual([...families.keys()], ["x_total", "y"]);
  assert.deepEqual(families.get("x_total")?.samples, [
    { name: "x_total", labels: { stream: evil }, value: 1 },
    { name: "x_total", labels: { stream: "b" }, value: 2.5 },
  ]);
});

test("a histogram's buckets are cumulative and end without bound", () => {
  const samples = histogramSamples({ thread: "t" }, [0.1, 1], [3, 0, 2], 4.5);
  const text = encodeMetrics([{ name: "h", type: "histogram", help: "H.", samples }]);
  const found = readMetrics(text).get("h")?.samples ?? [];
  assert.deepEqual(
    found.map(({ name, labels: { le = "" }, value }) => `${name} ${le} ${value}`),
    ["h_bucket 0.1 3", "h_bucket 1 3", "h_bucket +Inf 5", "h_sum  4.5", "h_count  5"],
  );
});
