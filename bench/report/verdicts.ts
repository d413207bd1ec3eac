/** Summaries and criteria into rows: figure against target. */
import type { FigureName, Figures, Summary } from "../measure/figures.ts";
import { type Summaries, summaryKey } from "../runner.ts";
import type { Criterion, FigureOf, Scenario } from "../scenarios/scenario.ts";

/** `info` has no target; `none` has no figure; `unjudged` is a smoke run's time. */
export type Verdict = "pass" | "miss" | "info" | "none" | "unjudged";

export interface Row {
  readonly scenario: string;
  readonly what: string;
  readonly target: string;
  readonly figure: string;
  readonly verdict: Verdict;
  /** The absolute figures behind a ratio, with their spread. */
  readonly basis: string;
}

/** Received bytes may differ from the expected by what is under way at the window's ends. */
const BYTES_TOLERANCE = 0.03;
const BYTES_TOLERANCE_QUICK = 0.35;

const ABSOLUTE_UNITS: Readonly<Partial<Record<FigureName, string>>> = {
  cpuPer1000Percent: "%/1000",
  latencyP99Ms: "ms",
  joinP99Ms: "ms",
  rssMb: "MB",
  rssPerPlayerKb: "KiB",
};

const LINE_LENGTH_MAX = 120;

const digits = (value: number): string => String(Number(value.toPrecision(3)));

function describeBasis(of: FigureOf, summary: Summary | undefined): string {
  const value = summary?.median[of.figure];
  if (summary === undefined || value === undefined) {
    return `${of.server} ${summary === undefined || summary.absence === "" ? "not run" : "absent"}`;
  }
  const spread = Math.round((summary.spread[of.figure] ?? 0) * 100);
  const range = summary.runs.length > 1 ? ` ±${Math.ceil(spread / 2)}%` : "";
  return `${of.server} ${digits(value)} ${ABSOLUTE_UNITS[of.figure] ?? ""}`.trimEnd() + range;
}

function judge(
  scenario: Scenario,
  criterion: Criterion,
  about: { summaries: Summaries; isQuick: boolean },
): Row {
  const { of, over, minus, target, unit } = criterion;
  const find = (part: FigureOf): Summary | undefined =>
    about.summaries.get(summaryKey(part.job, part.server));
  const value = find(of)?.median[of.figure];
  const divisor = over === undefined ? 1 : find(over)?.median[over.figure];
  const less = minus === undefined ? 0 : find(minus)?.median[minus.figure];
  const isKnown = value !== undefined && less !== undefined && divisor !== undefined;
  const figure = isKnown && divisor !== 0 ? (value - less) / divisor : undefined;
  let verdict: Verdict = "info";
  if (figure === undefined) {
    verdict = "none";
  } else if (target !== undefined) {
    verdict = figure <= target ? "pass" : "miss";
    verdict = about.isQuick ? "unjudged" : verdict;
  }
  const basis = [of, over, minus].filter((part) => part !== undefined);
  return {
    scenario: scenario.id,
    what: `${criterion.what} (${of.job})`,
    target: target === undefined ? "" : `≤ ${target} ${unit}`.trimEnd(),
    figure: figure === undefined ? "–" : `${digits(figure)} ${unit}`.trimEnd(),
    verdict,
    basis: basis.map((part) => describeBasis(part, find(part))).join(", "),
  };
}

/** What is wrong with the delivery itself; '' when every player got every frame. */
function faultsOf(figures: Figures, isQuick: boolean): string {
  const faults: string[] = [];
  const { connections = 0, live = 0, bytesRatio } = figures;
  if (live < connections) {
    faults.push(`${connections - live} of ${connections} not live`);
  }
  for (const name of ["lost", "gaps", "disorder", "beforeKeyframe"] as const) {
    if ((figures[name] ?? 0) > 0) {
      faults.push(`${name} ${figures[name]}`);
    }
  }
  const tolerance = isQuick ? BYTES_TOLERANCE_QUICK : BYTES_TOLERANCE;
  if (bytesRatio !== undefined && Math.abs(bytesRatio - 1) > tolerance) {
    faults.push(`bytes ${digits(bytesRatio)} of expected`);
  }
  return faults.join(", ");
}

/** Row on a server's delivery at a job; none for a peer without fault. */
function integrityRow(
  scenario: Scenario,
  key: string,
  about: { readonly summary: Summary; readonly isQuick: boolean },
): Row | undefined {
  const { summary, isQuick } = about;
  const [job = "", server = ""] = key.split(" ");
  const counted = summary.runs.filter((run) => run.voidReason === "");
  const faults = [
    ...counted.map((run) => faultsOf(run.figures, isQuick)).filter((text) => text !== ""),
    ...summary.failures.map(firstLine),
  ];
  const isWeir = server.startsWith("weir");
  if (!isWeir && faults.length === 0 && summary.absence === "") {
    return undefined;
  }
  const isMeasured = counted.length > 0 || faults.length > 0;
  let verdict: Verdict = isMeasured ? "pass" : "none";
  if (faults.length > 0) {
    verdict = "miss";
  }
  return {
    scenario: scenario.id,
    what: `${server}: faults of delivery (${job})`,
    target: isWeir ? "none" : "",
    figure: isMeasured ? (faults[0] ?? "none") : "–",
    verdict: isWeir ? verdict : "info",
    basis: firstLine(summary.absence),
  };
}

const firstLine = (text: string): string => text.split("\n")[0]?.slice(0, LINE_LENGTH_MAX) ?? "";

/** All rows of a scenario. */
export function judgeScenario(
  scenario: Scenario,
  about: { readonly summaries: Summaries; readonly isQuick: boolean },
): readonly Row[] {
  const rows = scenario.criteria
    .map((criterion) => judge(scenario, criterion, about))
    // A peer that is only there when given is not missed when it is not.
    .filter((row) => row.verdict !== "none" || !row.basis.includes("srs not run"));
  for (const [key, summary] of about.summaries) {
    const row = integrityRow(scenario, key, { summary, isQuick: about.isQuick });
    if (row !== undefined) {
      rows.push(row);
    }
  }
  return rows;
}
