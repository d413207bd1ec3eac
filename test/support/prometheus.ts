/** Prometheus's text format, read strictly. Spec: exposition format 0.0.4. */
import assert from "node:assert/strict";

/** One sample. */
export interface PromSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric with its samples. */
export interface PromFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: readonly PromSample[];
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

/** Families by name. @throws AssertionError where the text is not what Prometheus takes. */
export function readMetrics(text: string): Map<string, PromFamily> {
  assert.ok(text.endsWith("\n"), "no line end at the end");
  const families = new Map<string, PromFamily & { samples: PromSample[] }>();
  const seen = new Set<string>();
  let [current, help] = ["", ""];
  for (const line of text.slice(0, -1).split("\n")) {
    const [, helpName = "", helpText = ""] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
    const [, typeName = "", type = ""] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (helpName !== "") {
      assert.ok(!families.has(helpName), `${helpName} stands twice`);
      [current, help] = [helpName, helpText];
    } else if (typeName !== "") {
      assert.equal(typeName, current, "TYPE follows HELP");
      assert.match(type, /^(counter|gauge|histogram)$/);
      families.set(typeName, { type, help, samples: [] });
    } else {
      const sample = readSample(line);
      const family = families.get(current) ?? assert.fail(`${line} before its TYPE`);
      assert.match(sample.name, new RegExp(`^${current}(_bucket|_sum|_count)?$`));
      assert.ok(!seen.has(line.replace(/ \S+$/, "")), `${line} stands twice`);
      seen.add(line.replace(/ \S+$/, ""));
      family.samples.push(sample);
    }
  }
  return families;
}

function readSample(line: string): PromSample {
  const [, name = "", labelText = "", value = ""] = SAMPLE.exec(line) ?? assert.fail(line);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  for (let at = 0; at < labelText.length; at = LABEL.lastIndex) {
    const [, label = "", text = ""] = LABEL.exec(labelText) ?? assert.fail(line);
    assert.ok(!Object.hasOwn(labels, label), line);
    labels[label] = text.replace(/\\(["\\n])/g, (_, escaped: string) =>
      escaped === "n" ? "\n" : escaped,
    );
  }
  const number = Number(value);
  assert.ok(Number.isFinite(number), line);
  return { name, labels, value: number };
}
