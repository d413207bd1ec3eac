import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { decodeConfig } from "../../src/protocol/conf/config.ts";
import { visitDirectives } from "../../src/protocol/conf/directives.ts";
import { ConfigError } from "../../src/protocol/errors.ts";

const ROOT = new URL("../../../", import.meta.url);
const SEED = Number(process.argv.at(-1)?.match(/^seed=(\d+)$/)?.[1] ?? 20_261_123);
const ROUNDS = 4000;

function textsOf(folder: string): string[] {
  const url = new URL(folder, ROOT);
  return readdirSync(url)
    .filter((name) => name.endsWith(".conf"))
    .map((name) => readFileSync(new URL(name, url), "utf8"));
}

/** Text that matters to the grammar or the table, to be put anywhere. */
const WORDS: readonly string[] = (() => {
  const words = new Set([
    " { ",
    " } ",
    ";",
    '"',
    "'",
    "#",
    "\n",
    "\r",
    "\\",
    "\u0000",
    "\ufeff",
    "\ud800",
    "include x;",
    "on",
    "off",
  ]);
  for (const number of ["0", "-1", "1e9", "99999999999", "0x10", "NaN", ".5", "1935"]) {
    words.add(` ${number} `);
  }
  for (const name of ["__proto__", "constructor", "toString"]) {
    words.add(` ${name} `);
  }
  visitDirectives((_, spec) => words.add(` ${spec.name} `));
  return [...words];
})();

/** mulberry-like generator: the same seed gives the same run. */
function generator(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function mutate(text: string, other: string, below: (bound: number) => number): string {
  const start = below(text.length + 1);
  const end = Math.min(text.length, start + below(30));
  const cut = text.slice(start, end);
  const from = below(other.length + 1);
  const inserted = [
    WORDS[below(WORDS.length)] ?? "",
    "",
    cut + cut,
    other.slice(from, from + below(60)),
  ];
  return text.slice(0, start) + (inserted[below(inserted.length)] ?? "") + text.slice(end);
}

/** @returns whether the text is a good configuration. @throws whatever is not a ConfigError. */
function accepts(text: string, include: string): boolean {
  try {
    const { config } = decodeConfig(text, "fuzz.conf", { include: () => include, environment: {} });
    assert.ok(config.listen.length > 0 && Object.isFrozen(config));
    for (const vhost of config.vhosts.values()) {
      assert.ok(Number.isFinite(vhost.play.queueLengthMs + vhost.publish.kickoffForIdleMs));
    }
    return true;
  } catch (error) {
    if (!(error instanceof ConfigError)) {
      throw error;
    }
    assert.match(error.code, /^ERR_CONF_[A-Z]+$/);
    assert.ok(error.message.length < 2000, error.message);
    return false;
  }
}

test(`only ConfigError escapes, and it ends (seed ${SEED})`, { timeout: 60_000 }, () => {
  const below = generator(SEED);
  const corpus = [...textsOf("conf/"), ...textsOf("test/fuzz/corpus/conf/")];
  let good = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let text = corpus[below(corpus.length)] ?? "";
    const other = corpus[below(corpus.length)] ?? "";
    for (let count = below(4); count >= 0; count--) {
      text = mutate(text, other, below);
    }
    good += accepts(text, round % 2 === 0 ? other : "chunk_size 1;") ? 1 : 0;
  }
  assert.ok(good > ROUNDS / 50 && good < ROUNDS, `${good} of ${ROUNDS} were accepted`);
});

test("every corpus file ends in a configuration or a ConfigError", { timeout: 10_000 }, () => {
  for (const text of textsOf("test/fuzz/corpus/conf/")) {
    accepts(text, text);
  }
});
