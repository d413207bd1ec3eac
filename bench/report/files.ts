/** The files of a run: JSON with everything, Markdown, a page with plots. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { renderPage } from "./page.ts";
import type { Results } from "./results.ts";
import { formatMarkdown, TABLE_NOTE } from "./table.ts";

/** One line on where figures were taken. */
export function describeHost({ environment, runs }: Results): string {
  const { cpu, cores, kernel, node, loadBefore, commit, isDirty } = environment;
  return (
    `${cores} × ${cpu}, Linux ${kernel}, Node ${node}, load before ${loadBefore.toFixed(2)}, ` +
    `${runs} runs, commit ${commit}${isDirty ? " with changes" : ""}`
  );
}

/** Where a run's files go. */
export interface Destination {
  readonly directory: string;
  /** One more JSON file. */
  readonly jsonFile: string | undefined;
}

/** @returns path without ending of the run's files. */
export function resultBase(
  directory: string,
  { date }: Results["environment"],
  isQuick: boolean,
): string {
  const name = date.replaceAll(":", "-").replace(/\..*/, "");
  return `${directory}/${name}${isQuick ? "-quick" : ""}`;
}

/** Write the files. @returns the path of the JSON file. */
export function writeResults(results: Results, { directory, jsonFile }: Destination): string {
  mkdirSync(directory, { recursive: true });
  const base = resultBase(directory, results.environment, results.isQuick);
  const { rows, others, command } = results;
  writeFileSync(`${base}.json`, `${JSON.stringify(results, null, 2)}\n`);
  const markdown = [
    `# Results of ${results.environment.date}`,
    `\`npm run bench -- ${command.join(" ")}\``,
    `${describeHost(results)}. CPU in percent of a core. ${TABLE_NOTE}`,
    formatMarkdown(rows, others),
  ];
  writeFileSync(`${base}.md`, markdown.join("\n\n"));
  writeFileSync(`${base}.html`, renderPage(results));
  if (jsonFile !== undefined) {
    copyFileSync(`${base}.json`, jsonFile);
  }
  return `${base}.json`;
}
