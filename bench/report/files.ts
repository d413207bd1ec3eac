/** The files of a run: JSON with everything, Markdown, a page with plots. */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { RESULTS_DIRECTORY } from "../servers/paths.ts";
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

/** @returns path without ending of the run's files. */
export function resultBase({ date }: Results["environment"], isQuick: boolean): string {
  const name = date.replaceAll(":", "-").replace(/\..*/, "");
  return `${RESULTS_DIRECTORY}/${name}${isQuick ? "-quick" : ""}`;
}

/** Write the files. @returns the path of the JSON file. */
export function writeResults(results: Results, jsonFile: string | undefined): string {
  mkdirSync(RESULTS_DIRECTORY, { recursive: true });
  const base = resultBase(results.environment, results.isQuick);
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
