/** Dashboard and docs name the metrics that there are, and endpoints that there are. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { type ApiServer, startApi } from "../support/api.ts";
import { readMetrics } from "../support/prometheus.ts";

const LIMIT = { timeout: 60_000 };
const root = new URL("../../../", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), "utf8");

let weir: ApiServer;

before(async () => {
  weir = await startApi({ directives: "exporter { enabled on; }" });
});

after(() => weir?.stop());

function namesIn(files: readonly string[]): Set<string> {
  const text = files.map(read).join("\n");
  return new Set(text.match(/\b(srs|weir)_[a-z_]+\b/g) ?? []);
}

/** With labels that only a stream, an origin or an end brings: by the source. */
function namesInSource(): Set<string> {
  const folder = "src/main/admin/";
  const files = readdirSync(new URL(folder, root)).filter((file) => file.endsWith("metrics.ts"));
  return namesIn(files.map((file) => `${folder}${file}`));
}

test("of every metric a test says what moves it", LIMIT, () => {
  const moved = namesIn([
    "test/e2e/metrics-move.test.ts",
    "test/e2e/hook-metrics.test.ts",
    "test/e2e/memory-limit.test.ts",
    "test/main/admin/metric-families.test.ts",
    // Those that never move.
    "test/e2e/metrics.test.ts",
  ]);
  const names = [...namesInSource()];
  assert.ok(names.length > 50, `${names.length}`);
  assert.deepEqual(
    names.filter((name) => !moved.has(name)),
    [],
  );
});

test("the dashboard shows metrics that there are", LIMIT, async () => {
  const expressions = read("examples/grafana/weir.json").match(/"expr": ".*"/g) ?? [];
  const shown = new Set(expressions.join("\n").match(/\b(srs|weir)_[a-z_]+\b/g) ?? []);
  const known = namesInSource();
  const unknown = [...shown].filter((name) => !known.has(name.replace(/_bucket$/, "")));
  assert.deepEqual(unknown, []);
  assert.ok(shown.size > 20, `${shown.size}`);
});

test("docs/api.md names every metric and every endpoint, and none besides", LIMIT, async () => {
  const page = read("docs/api.md");
  const told = new Set(page.match(/\b(srs|weir)_[a-z_]+\b/g) ?? []);
  const known = namesInSource();
  assert.deepEqual(
    [...known].filter((name) => !told.has(name)),
    [],
  );
  const metrics = readMetrics(await (await weir.raw("/metrics")).text());
  assert.deepEqual(
    [...metrics.keys()].filter((name) => !told.has(name)),
    [],
  );
  const { paths } = await weir.describe();
  const documented = new Set(
    [...page.matchAll(/^\| `(\/[^`?]*)/gm)].map(([, path = ""]) => path.replace(/(?<=.)\/$/, "")),
  );
  assert.deepEqual(
    Object.keys(paths).filter((path) => !documented.has(path)),
    [],
  );
  const known2 = new Set([...Object.keys(paths), "/api/v1/openapi.json"]);
  assert.deepEqual(
    [...documented].filter((path) => !known2.has(path)),
    [],
  );
});
