/**
 * `node dist/bench/capacity.js RESULT.json [--cores N] [--gbit N] [--memory GB]`: the tables of docs/performance.md on
 * large hosts and trees of edges, from the unit costs of a run.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { formatCapacity, unitCostsOf } from "./report/capacity.ts";
import { decodeResults } from "./report/results.ts";

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { cores: { type: "string" }, gbit: { type: "string" }, memory: { type: "string" } },
  });
  const [file] = positionals;
  if (file === undefined) {
    throw new Error(
      "Usage: node dist/bench/capacity.js RESULT.json [--cores N] [--gbit N] [--memory GB]",
    );
  }
  const host = {
    cores: Number(values.cores ?? 64),
    gbitPerSecond: Number(values.gbit ?? 200),
    memoryGb: Number(values.memory ?? 256),
  };
  const costs = unitCostsOf(decodeResults(readFileSync(file, "utf8"), file));
  process.stdout.write(formatCapacity(costs, host));
}

try {
  main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
