/** Rows into one text table. */
import type { Row } from "./verdicts.ts";

const COLUMNS = ["scenario", "what", "target", "figure", "verdict", "basis"] as const;
const TITLES: Readonly<Record<(typeof COLUMNS)[number], string>> = {
  scenario: "id",
  what: "measure",
  target: "target",
  figure: "figure",
  verdict: "verdict",
  basis: "out of (median of runs, CPU in % of a core per 1000 connections)",
};

export function formatTable(rows: readonly Row[]): string {
  const lines = [TITLES, ...rows];
  const widths = COLUMNS.map((column) => Math.max(...lines.map((line) => line[column].length)));
  const format = (line: Readonly<Record<(typeof COLUMNS)[number], string>>): string =>
    COLUMNS.map((column, index) => line[column].padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  const body: string[] = [];
  let previous = rows[0]?.scenario;
  for (const row of rows) {
    if (row.scenario !== previous) {
      body.push(rule);
      previous = row.scenario;
    }
    body.push(format(row));
  }
  return [format(TITLES), rule, ...body, ""].join("\n");
}
