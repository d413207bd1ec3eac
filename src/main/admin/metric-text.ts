/** Metrics in Prometheus's text form. Spec: exposition format 0.0.4. */

/** Names and values of one sample's labels. */
export type Labels = Readonly<Record<string, string>>;

/** One sample; `suffix` for the parts of a histogram. */
export interface MetricSample {
  readonly labels?: Labels;
  readonly value: number;
  readonly suffix?: string;
}

/** What a metric is. */
export interface MetricFamily {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

/** A metric without labels. */
export function single(
  name: string,
  type: "counter" | "gauge",
  help: string,
  value: number,
): MetricFamily {
  return { name, type, help, samples: [{ value }] };
}

/** A metric with one label. */
export function byLabel(
  { name, type, help }: Pick<MetricFamily, "name" | "type" | "help">,
  label: string,
  values: Iterable<readonly [string, number]>,
): MetricFamily {
  const samples = [...values].map(([of, value]) => ({ labels: { [label]: of }, value }));
  return { name, type, help, samples };
}

/**
 * The samples of a histogram.
 * @param bounds Upper bounds of the buckets, rising.
 * @param counts By bucket, each for itself; the last one has no bound.
 */
export function histogramSamples(
  labels: Labels,
  bounds: readonly number[],
  counts: readonly number[],
  sum: number,
): MetricSample[] {
  const samples: MetricSample[] = [];
  let below = 0;
  for (const [index, count] of counts.entries()) {
    below += count;
    const bound = bounds[index];
    const le = bound === undefined ? "+Inf" : String(bound);
    samples.push({ labels: { ...labels, le }, value: below, suffix: "_bucket" });
  }
  samples.push({ labels, value: sum, suffix: "_sum" });
  samples.push({ labels, value: below, suffix: "_count" });
  return samples;
}

/** The page. Families without samples are left out. */
export function encodeMetrics(families: readonly MetricFamily[]): string {
  const lines: string[] = [];
  for (const { name, type, help, samples } of families) {
    if (samples.length > 0) {
      lines.push(`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`);
      for (const { labels = {}, value, suffix = "" } of samples) {
        lines.push(`${name}${suffix}${encodeLabels(labels)} ${value}`);
      }
    }
  }
  return `${lines.join("\n")}\n`;
}

function encodeLabels(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
}

function escapeValue(text: string): string {
  return escapeHelp(text).replace(/"/g, '\\"');
}
