/**
 * `node dist/bench/compare.js A.json B.json [--server NAME] [--all]`: what changed from A to B beyond noise. Exit code:
 * 0 nothing became dearer, 1 something did, 2 it could not compare.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compareResults, formatComparison } from "./report/comparison.ts";
import { decodeResults } from "./report/results.ts";

function main(): number {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { server: { type: "string" }, all: { type: "boolean" } },
  });
  const [before, after] = positionals.map((file) =>
    decodeResults(readFileSync(file, "utf8"), file),
  );
  if (before === undefined || after === undefined || positionals.length > 2) {
    throw new Error("Usage: node dist/bench/compare.js A.json B.json [--server NAME] [--all]");
  }
  const compared = compareResults(before, after, values.server ?? "weir");
  const changed = compared.filter(({ change }) => change === "dearer" || change === "cheaper");
  process.stdout.write(formatComparison(values.all === true ? compared : changed));
  process.stdout.write(`${compared.length} figures compared, ${changed.length} changed\n`);
  return changed.some(({ change }) => change === "dearer") ? 1 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
