/** The result file: environment, commit, every run and every row. */
import { mkdirSync, writeFileSync } from "node:fs";
import type { Environment } from "../measure/environment.ts";
import type { Options } from "../options.ts";
import type { Summaries } from "../runner.ts";
import { RESULTS_DIRECTORY } from "../servers/paths.ts";
import type { Row } from "./verdicts.ts";

export interface Results {
  readonly environment: Environment;
  readonly options: Options;
  readonly rows: readonly Row[];
  readonly scenarios: ReadonlyMap<string, Summaries>;
}

/** Write the results. @returns the file below bench/results. */
export function writeResults(results: Results): string {
  const { environment, options, rows } = results;
  const scenarios = Object.fromEntries(
    [...results.scenarios].map(([id, summaries]) => [id, Object.fromEntries(summaries)]),
  );
  const text = `${JSON.stringify({ environment, options, rows, scenarios }, null, 2)}\n`;
  mkdirSync(RESULTS_DIRECTORY, { recursive: true });
  const name = environment.date.replaceAll(":", "-").replace(/\..*/, "");
  const file = `${RESULTS_DIRECTORY}/${name}${options.isQuick ? "-quick" : ""}.json`;
  for (const path of [file, options.jsonFile]) {
    if (path !== undefined) {
      writeFileSync(path, text);
    }
  }
  return file;
}
