/**
 * Two result files against each other: what became dearer or cheaper, and what is noise. Figures of a round are paired
 * with those of the same round of the other file, as multiples of the floor's where both have it: what slows the
 * machine down meets the floor too.
 */
import { FIGURES, type FigureName, type Measurement, medianOf } from "../measure/figures.ts";
import type { Results, ScenarioResults } from "./results.ts";

export type Change = "dearer" | "cheaper" | "noise" | "one run";

export interface ComparedFigure {
  readonly scenario: string;
  readonly job: string;
  readonly server: string;
  readonly figure: FigureName;
  /** Medians. */
  readonly before: number;
  readonly after: number;
  /** After ÷ before, geometric mean of the pairs, with the interval in which it lies with 95 % confidence. */
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  readonly isOverFloor: boolean;
  readonly change: Change;
}

/** Student's t for a two-sided 95 %, by degrees of freedom from 1 on; the normal value beyond. */
const T_95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228] as const;
const T_95_MANY = 1.96;
/** A change smaller than this is not told from noise even where the interval is narrow. */
const LEAST_CHANGE = 0.02;
/** Costs of delivering that the machine's state drives for every server alike. */
const FLOOR_SCALED: readonly FigureName[] = [
  "cpuPercent",
  "cpuPer1000Percent",
  "cpuPerGbitPercent",
];

export interface Interval {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** @returns geometric mean of the ratios and its interval, from 0 to infinity where one pair allows none. */
export function pairedRatio(pairs: readonly (readonly [number, number])[]): Interval {
  const logs = pairs.map(([before, after]) => Math.log(after / before));
  const count = logs.length;
  const mean = logs.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) {
    return { ratio: Math.exp(mean), low: 0, high: Number.POSITIVE_INFINITY };
  }
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = (T_95[count - 2] ?? T_95_MANY) * Math.sqrt(variance / count);
  return { ratio: Math.exp(mean), low: Math.exp(mean - half), high: Math.exp(mean + half) };
}

/** @returns what an interval says: a change only when all of it lies on one side. */
export function changeOf({ low, high }: Interval, pairs: number): Change {
  if (pairs < 2) {
    return "one run";
  }
  if (low > 1 + LEAST_CHANGE) {
    return "dearer";
  }
  return high < 1 - LEAST_CHANGE ? "cheaper" : "noise";
}

type Values = readonly (number | undefined)[];

const valuesOf = (runs: readonly Measurement[] | undefined, figure: FigureName): Values =>
  (runs ?? []).map((run) => (run.voidReason === "" ? run.figures[figure] : undefined));

function runsOf(scenario: ScenarioResults, job: string, server: string): readonly Measurement[] {
  return scenario.summaries[`${job} ${server}`]?.runs ?? [];
}

const isUsable = (value: number | undefined): value is number => value !== undefined && value > 0;

/** Pairs of rounds that both have. */
function pairUp(before: Values, after: Values): readonly (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  before.forEach((value, round) => {
    const other = after[round];
    if (isUsable(value) && isUsable(other)) {
      pairs.push([value, other]);
    }
  });
  return pairs;
}

/** Each round's value over the floor's of the same round; undefined where either lacks. */
function overFloor(values: Values, floor: Values): Values {
  return values.map((value, round) => {
    const divisor = floor[round];
    return isUsable(value) && isUsable(divisor) ? value / divisor : undefined;
  });
}

function compareFigure(
  scenarios: { readonly before: ScenarioResults; readonly after: ScenarioResults },
  place: {
    readonly scenario: string;
    readonly job: string;
    readonly server: string;
    readonly figure: FigureName;
  },
): ComparedFigure | undefined {
  const { job, server, figure } = place;
  const read = (of: ScenarioResults, name: string): Values =>
    valuesOf(runsOf(of, job, name), figure);
  const before = read(scenarios.before, server);
  const after = read(scenarios.after, server);
  const raw = pairUp(before, after);
  if (raw.length === 0) {
    return undefined;
  }
  const scaled =
    FLOOR_SCALED.includes(figure) && server !== "floor"
      ? pairUp(
          overFloor(before, read(scenarios.before, "floor")),
          overFloor(after, read(scenarios.after, "floor")),
        )
      : [];
  const isOverFloor = scaled.length === raw.length;
  const pairs = isOverFloor ? scaled : raw;
  const interval = pairedRatio(pairs);
  return {
    ...place,
    before: medianOf(before.filter(isUsable)),
    after: medianOf(after.filter(isUsable)),
    ...interval,
    isOverFloor,
    change: changeOf(interval, pairs.length),
  };
}

/** @param server whose costs are compared. @returns every cost that both files have. */
export function compareResults(
  before: Results,
  after: Results,
  server: string,
): readonly ComparedFigure[] {
  const costs = (Object.keys(FIGURES) as FigureName[]).filter((name) => FIGURES[name].isCost);
  const compared: ComparedFigure[] = [];
  for (const [scenario, results] of Object.entries(after.scenarios)) {
    const earlier = before.scenarios[scenario];
    const keys = Object.keys(results.summaries).filter((key) => key.split(" ")[1] === server);
    for (const job of keys.map((key) => key.split(" ")[0] ?? "")) {
      for (const figure of earlier === undefined ? [] : costs) {
        const place = { scenario, job, server, figure };
        const one = compareFigure({ before: earlier ?? results, after: results }, place);
        if (one !== undefined) {
          compared.push(one);
        }
      }
    }
  }
  return compared;
}

const digits = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "∞";

export function formatComparison(compared: readonly ComparedFigure[]): string {
  const lines = compared.map(
    ({ scenario, job, server, figure, before, after, ratio, low, high, isOverFloor, change }) =>
      `${change.padEnd(8)} ${scenario} ${job} ${server} ${FIGURES[figure].title}: ` +
      `${digits(before)} → ${digits(after)} ${FIGURES[figure].unit}, ` +
      `× ${digits(ratio)} [${digits(low)}, ${digits(high)}]${isOverFloor ? " over the floor" : ""}`,
  );
  return `${lines.join("\n")}\n`;
}
