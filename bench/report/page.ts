/** The run as one page without anything from outside: tables and plots. */
import { FIGURES, type FigureName, type Summary } from "../measure/figures.ts";
import { curveOf } from "../native/distribution.ts";
import type { Results, ScenarioResults } from "./results.ts";
import { type Bar, escapeText, renderBars, renderLines, type Series } from "./svg.ts";
import { TABLE_NOTE } from "./table.ts";
import type { Row } from "./verdicts.ts";

const STYLE = `
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .25rem .6rem; border-bottom: 1px solid #d8dee4; text-align: left; vertical-align: top; }
td.pass { color: #15803d; } td.miss { color: #be123c; font-weight: 600; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } .plots svg { width: 36rem; max-width: 100%; }
svg text { font: 12px system-ui, sans-serif; } svg text.title { font-weight: 600; font-size: 13px; } svg .grid { stroke: #d8dee4; }
code { background: #f3f4f6; padding: .1rem .3rem; }
`;

/** Figures of which each job gets a plot of all servers. */
const COMPARED: readonly FigureName[] = ["cpuPer1000Percent", "joinP99Ms", "rssPerPlayerKb"];

const jobsOf = ({ summaries }: ScenarioResults): readonly string[] => [
  ...new Set(Object.keys(summaries).map((key) => key.split(" ")[0] ?? "")),
];

/** @returns pairs of server and summary of a job. */
function serversAt(
  { summaries }: ScenarioResults,
  job: string,
): readonly (readonly [string, Summary])[] {
  return Object.entries(summaries)
    .filter(([key]) => key.split(" ")[0] === job)
    .map(([key, summary]) => [key.split(" ")[1] ?? "", summary]);
}

function comparisonPlots(scenario: ScenarioResults): readonly string[] {
  return jobsOf(scenario).flatMap((job) =>
    COMPARED.map((figure) => {
      const bars: Bar[] = [];
      for (const [name, summary] of serversAt(scenario, job)) {
        const value = summary.median[figure];
        if (value !== undefined) {
          bars.push({ name, value });
        }
      }
      const { title, unit } = FIGURES[figure];
      return bars.length < 2 ? "" : renderBars(`${title} (${job})`, unit, bars);
    }),
  );
}

function latencyPlots(scenario: ScenarioResults): readonly string[] {
  return jobsOf(scenario).map((job) => {
    const series: Series[] = serversAt(scenario, job).map(([name, { runs }]) => ({
      name,
      points: curveOf(runs.filter((run) => run.voidReason === "").map(({ latency }) => latency)),
    }));
    return renderLines({
      title: `Latency percentiles (${job})`,
      x: "percentile",
      y: "ms",
      series: series.filter(({ points }) => points.length > 0),
      isOrdinal: true,
      isLogarithmic: true,
    });
  });
}

function curvePlot({ curve, sizes, summaries }: ScenarioResults): string {
  if (curve === undefined) {
    return "";
  }
  const series = curve.servers.map((name): Series => {
    const points: [number, number][] = [];
    for (const [job, size] of Object.entries(sizes)) {
      const value = summaries[`${job} ${name}`]?.median[curve.figure];
      if (value !== undefined) {
        points.push([size, value]);
      }
    }
    return { name, points: points.toSorted(([a], [b]) => a - b) };
  });
  const { title, x, figure } = curve;
  return renderLines({
    title,
    x,
    y: FIGURES[figure].unit,
    series: series.filter(({ points }) => points.length > 0),
  });
}

function renderRows(rows: readonly Row[], others: readonly string[]): string {
  const shown = others.filter((name) => rows.some((row) => row.against[name] !== undefined));
  const heads = ["id", "measure", "target", "figure", "verdict", ...shown, "note"];
  const body = rows.map((row) => {
    const cells = [row.scenario, row.what, row.target, row.figure].map(
      (text) => `<td>${escapeText(text)}</td>`,
    );
    const verdict = `<td class="${row.verdict}">${row.verdict}</td>`;
    const rest = [...shown.map((name) => row.against[name] ?? ""), row.note].map(
      (text) => `<td>${escapeText(text)}</td>`,
    );
    return `<tr>${cells.join("")}${verdict}${rest.join("")}</tr>`;
  });
  return `<table><tr>${heads.map((head) => `<th>${escapeText(head)}</th>`).join("")}</tr>${body.join("")}</table>`;
}

/** @returns the page. */
export function renderPage(results: Results): string {
  const { environment, rows, others, scenarios, command } = results;
  const facts = Object.entries(environment).map(
    ([name, value]) => `${escapeText(name)} <code>${escapeText(String(value))}</code>`,
  );
  const sections = Object.entries(scenarios).map(([id, scenario]) => {
    const plots = [curvePlot(scenario), ...comparisonPlots(scenario), ...latencyPlots(scenario)];
    return `<h2>${escapeText(id)} ${escapeText(scenario.title)}</h2><div class="plots">${plots.join("")}</div>`;
  });
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>weir bench ${escapeText(environment.date)}</title>` +
    `<style>${STYLE}</style></head><body><h1>weir bench, ${escapeText(environment.date)}</h1>` +
    `<p><code>npm run bench -- ${escapeText(command.join(" "))}</code></p><p>${facts.join(" · ")}</p>` +
    `<p>CPU in percent of a core; medians. ${TABLE_NOTE}</p>${renderRows(rows, others)}${sections.join("")}</body></html>\n`
  );
}
