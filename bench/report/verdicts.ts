/** Summaries and criteria into rows: figure against target and against other servers. */
import { FIGURES, type Figures, isAllVoid, type Summary } from "../measure/figures.ts";
import { type Summaries, summaryKey } from "../runner.ts";
import type { Criterion, FigureOf, Scenario } from "../scenarios/scenario.ts";

/**
 * `info` has no target; `none` has no figure, `void` neither, because every run was; `unjudged` is a smoke run's time, or
 * a condition that did not hold.
 */
export type Verdict = "pass" | "miss" | "info" | "none" | "void" | "unjudged";

export interface Row {
  readonly scenario: string;
  readonly what: string;
  readonly target: string;
  readonly figure: string;
  readonly verdict: Verdict;
  /** By server: its figure, and weir's as a multiple of it. */
  readonly against: Readonly<Record<string, string>>;
  /** What else there is to say. */
  readonly note: string;
}

/** How rows are made. */
export interface Judging {
  readonly summaries: Summaries;
  /** Servers to compare with, in the order of the table. */
  readonly others: readonly string[];
  readonly isQuick: boolean;
}

/** Received bytes may differ from the expected by what is under way at the window's ends. */
const BYTES_TOLERANCE = 0.03;
const BYTES_TOLERANCE_QUICK = 0.35;

const LINE_LENGTH_MAX = 120;
const DASH = "–";

const digits = (value: number): string => String(Number(value.toPrecision(3)));
const firstLine = (text: string): string => text.split("\n")[0]?.slice(0, LINE_LENGTH_MAX) ?? "";

function withUnit(value: number, unit: string): string {
  return `${digits(value)} ${unit}`.trimEnd();
}

/** The value of a criterion, and the conditions under which it counts. */
interface Found {
  readonly value: number | undefined;
  readonly unit: string;
  readonly spread: number;
  readonly summary: Summary | undefined;
}

function findValue(criterion: Criterion, { summaries }: Judging): Found {
  const { job, figure, less, per } = criterion;
  const read = (of: FigureOf): number | undefined =>
    summaries.get(summaryKey(of.job, of.server))?.median[of.figure];
  const summary = summaries.get(summaryKey(job, criterion.server ?? "weir"));
  const own = summary?.median[figure];
  const divisor = per === undefined ? 1 : read(per);
  const subtracted = less === undefined ? 0 : read(less);
  const isKnown = own !== undefined && divisor !== undefined && subtracted !== undefined;
  return {
    value: isKnown && divisor !== 0 ? (own - subtracted) / divisor : undefined,
    unit: per === undefined ? FIGURES[figure].unit : "×",
    spread: summary !== undefined && summary.runs.length > 1 ? (summary.spread[figure] ?? 0) : 0,
    summary,
  };
}

/** Multiples of other servers' figures that the target asks for, and those that are exceeded. */
interface Comparison {
  readonly against: Readonly<Record<string, string>>;
  readonly isExceeded: boolean;
  /** At least one multiple that has a target is known. */
  readonly isJudged: boolean;
}

function compare(criterion: Criterion, value: number | undefined, about: Judging): Comparison {
  const { job, figure, server = "weir", floorJob = job, maxOver = {} } = criterion;
  const against: Record<string, string> = {};
  let isExceeded = false;
  let isJudged = false;
  for (const other of about.others) {
    const theirJob = other === "floor" ? floorJob : job;
    const theirs = about.summaries.get(summaryKey(theirJob, other))?.median[figure];
    if (theirs === undefined || other === server) {
      continue;
    }
    // Differences may be negative: no multiple of them means anything.
    const multiple = theirs > 0 && (value ?? -1) >= 0 ? (value ?? 0) / theirs : Number.NaN;
    const max = maxOver[other] ?? Number.NaN;
    against[other] = `${digits(theirs)}${Number.isNaN(multiple) ? "" : ` (${digits(multiple)} ×)`}`;
    isJudged ||= !Number.isNaN(multiple) && !Number.isNaN(max);
    isExceeded ||= multiple > max;
  }
  return { against, isExceeded, isJudged };
}

function describeTarget({ max, maxOver = {} }: Criterion, unit: string, about: Judging): string {
  const multiples = Object.entries(maxOver)
    .filter(([server]) => about.others.includes(server))
    .map(([server, multiple]) => `≤ ${multiple} × ${server}`);
  return [...(max === undefined ? [] : [`≤ ${max} ${unit}`.trimEnd()]), ...multiples].join(", ");
}

/** What the criterion asks the server's other figure to be, when it is more than that; else ''. */
function unmetCondition({ onlyUpTo }: Criterion, summary: Summary | undefined): string {
  const value = onlyUpTo === undefined ? undefined : summary?.median[onlyUpTo.figure];
  return onlyUpTo !== undefined && value !== undefined && value > onlyUpTo.max
    ? `the condition does not hold (${digits(value)} > ${onlyUpTo.max})`
    : "";
}

function verdictOn(
  isHeld: boolean | undefined,
  { value, summary }: Pick<Found, "value" | "summary">,
): Verdict {
  if (value === undefined) {
    return summary !== undefined && isAllVoid(summary) ? "void" : "none";
  }
  if (isHeld === undefined) {
    return "info";
  }
  return isHeld ? "pass" : "miss";
}

function judge(scenario: Scenario, criterion: Criterion, about: Judging): Row {
  const { value, unit, summary, spread } = findValue(criterion, about);
  const isDerived = criterion.less !== undefined || criterion.per !== undefined;
  const others = isDerived ? [] : about.others;
  const { against, isExceeded, isJudged } = compare(criterion, value, { ...about, others });
  const { max = Number.POSITIVE_INFINITY } = criterion;
  const hasTarget = criterion.max !== undefined || isJudged;
  const isHeld = hasTarget ? !isExceeded && (value ?? 0) <= max : undefined;
  const unmet = unmetCondition(criterion, summary);
  const isUnjudged = hasTarget && value !== undefined && (about.isQuick || unmet !== "");
  const notes = [
    spread > 0 ? `±${Math.ceil((spread * 100) / 2)} %` : "",
    unmet,
    value === undefined ? firstLine(summary?.absence ?? "not run") : "",
  ];
  return {
    scenario: scenario.id,
    what: criterion.what,
    target: describeTarget(criterion, unit, about),
    figure: value === undefined ? DASH : withUnit(value, unit),
    verdict: isUnjudged ? "unjudged" : verdictOn(isHeld, { value, summary }),
    against,
    note: notes.filter((note) => note !== "").join(", "),
  };
}

/** Counts that are faults of delivery. */
const FAULTS = [
  "lost",
  "gaps",
  "disorder",
  "beforeKeyframe",
  "refusals",
  "segmentsMissed",
] as const;

/** What is wrong with the delivery itself; '' when every player got every frame. */
function faultsOf(figures: Figures, isQuick: boolean): string {
  const faults: string[] = [];
  const { connections = 0, live = 0, bytesRatio, segmentsRatio = 1, resumedShare = 1 } = figures;
  if (live < connections) {
    faults.push(`${connections - live} of ${connections} not live`);
  }
  for (const name of FAULTS) {
    if ((figures[name] ?? 0) > 0) {
      faults.push(`${name} ${figures[name]}`);
    }
  }
  const tolerance = isQuick ? BYTES_TOLERANCE_QUICK : BYTES_TOLERANCE;
  if (bytesRatio !== undefined && Math.abs(bytesRatio - 1) > tolerance) {
    faults.push(`bytes ${digits(bytesRatio)} of expected`);
  }
  if (Math.abs(segmentsRatio - 1) > tolerance) {
    faults.push(`segments ${digits(segmentsRatio)} of expected`);
  }
  if (resumedShare < 1 - tolerance) {
    faults.push(`republishes seen ${digits(resumedShare)}`);
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
  if (isAllVoid(summary)) {
    verdict = "void";
  }
  if (faults.length > 0) {
    verdict = "miss";
  }
  return {
    scenario: scenario.id,
    what: `${server}: faults of delivery (${job})`,
    target: isWeir ? "none" : "",
    figure: isMeasured ? (faults[0] ?? "none") : DASH,
    verdict: isWeir ? verdict : "info",
    against: {},
    note: firstLine(summary.absence),
  };
}

/** All rows of a scenario. */
export function judgeScenario(scenario: Scenario, about: Judging): readonly Row[] {
  const rows = scenario.criteria
    .map((criterion) => judge(scenario, criterion, about))
    // What nobody has and nothing is asked of: calls that were not counted, segments of a stream without any.
    .filter(({ figure, target, against }) => {
      return figure !== DASH || target !== "" || Object.keys(against).length > 0;
    });
  for (const [key, summary] of about.summaries) {
    const row = integrityRow(scenario, key, { summary, isQuick: about.isQuick });
    if (row !== undefined) {
      rows.push(row);
    }
  }
  return rows;
}
