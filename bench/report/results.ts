/** What a run leaves behind, as in its JSON file. */
import type { Environment } from "../measure/environment.ts";
import type { Summary } from "../measure/figures.ts";
import type { Curve, Plan } from "../scenarios/scenario.ts";
import type { Means } from "../works/work.ts";
import type { Row, Verdict } from "./verdicts.ts";

/** Changes when a reader of older files would misread newer ones. */
export const RESULTS_VERSION = 2;

export interface ScenarioResults {
  readonly name: string;
  readonly title: string;
  readonly curve?: Curve;
  /** By job: its size in a plot. */
  readonly sizes: Readonly<Record<string, number>>;
  /** By job and server, one word each with a space between. */
  readonly summaries: Readonly<Record<string, Summary>>;
}

export interface Results {
  readonly version: number;
  readonly environment: Environment;
  /** Words of the command line. */
  readonly command: readonly string[];
  readonly plan: Plan;
  readonly means: Means;
  readonly isQuick: boolean;
  readonly runs: number;
  /** Servers compared with, in the order of the table. */
  readonly others: readonly string[];
  readonly rows: readonly Row[];
  readonly scenarios: Readonly<Record<string, ScenarioResults>>;
}

/** @throws Error on text that is no result file of this version. */
export function decodeResults(text: string, name: string): Results {
  const results = JSON.parse(text) as Partial<Results>;
  if (results.version !== RESULTS_VERSION) {
    throw new Error(`${name} is no result file of version ${RESULTS_VERSION}`);
  }
  return results as Results;
}

/** @returns how many rows there are of each verdict. */
export function countVerdicts(rows: readonly Row[]): Readonly<Record<Verdict, number>> {
  const counts = { pass: 0, miss: 0, void: 0, unjudged: 0, none: 0, info: 0 };
  for (const { verdict } of rows) {
    counts[verdict]++;
  }
  return counts;
}
