/** Rows into one text table, for a terminal or as Markdown. */
import type { Row } from "./verdicts.ts";

/** How a multiple in a column of another server is to be read. */
export const TABLE_NOTE = "In brackets: weir’s figure as a multiple of the server’s.";

/** @returns titles, then rows, all of the same length. */
function cellsOf(rows: readonly Row[], others: readonly string[]): readonly (readonly string[])[] {
  const shown = others.filter((name) => rows.some((row) => row.against[name] !== undefined));
  return [
    ["id", "measure", "target", "figure", "verdict", ...shown, "note"],
    ...rows.map((row) => [
      row.scenario,
      row.what,
      row.target,
      row.figure,
      row.verdict,
      ...shown.map((name) => row.against[name] ?? ""),
      row.note,
    ]),
  ];
}

/** @param others names of the servers compared with, in order. */
export function formatTable(rows: readonly Row[], others: readonly string[]): string {
  const cells = cellsOf(rows, others);
  const [titles = [], ...body] = cells;
  const widths = titles.map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0)),
  );
  const format = (line: readonly string[]): string =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  const lines: string[] = [];
  let previous = body[0]?.[0];
  for (const line of body) {
    if (line[0] !== previous) {
      lines.push(rule);
      previous = line[0];
    }
    lines.push(format(line));
  }
  return [format(titles), rule, ...lines, TABLE_NOTE, ""].join("\n");
}

export function formatMarkdown(rows: readonly Row[], others: readonly string[]): string {
  const [titles = [], ...body] = cellsOf(rows, others);
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [format(titles), `|${titles.map(() => "---").join("|")}|`, ...body.map(format), ""].join(
    "\n",
  );
}
