/** The bench itself, small: every protocol is played, every file of a run is whole. Times are not judged. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Figures } from "../../bench/measure/figures.ts";
import { decodeResults } from "../../bench/report/results.ts";
import { runCommand } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";

const MAIN = fileURLToPath(new URL("../../bench/main.js", import.meta.url));
const COMPARE = fileURLToPath(new URL("../../bench/compare.js", import.meta.url));
const LIMIT = { timeout: 90_000 };
const RUN_LIMIT = { timeoutMs: 80_000 };
const PLAYERS = 4;
/** Codes of `npm run bench`: 1 says that a row misses, which a machine under load may cause. */
const EXIT_ERROR = 2;

const scratch = makeScratch();

/** Which servers serve a protocol without a package of the bench's own. */
const servers = {
  hls: ["weir", "nginx-rtmp"],
  rtmp: ["weir", "floor"],
  "http-flv": ["weir", "floor"],
  "ws-flv": ["weir", "floor"],
} as const;

function checkFigures(figures: Figures, name: string): void {
  assert.equal(figures.live, PLAYERS, name);
  assert.equal(figures.connections, PLAYERS, name);
  assert.equal(figures.gaps, 0, name);
  assert.equal(figures.disorder, 0, name);
  assert.ok((figures.latencyP99Ms ?? 0) > 0, name);
  assert.ok((figures.rssMb ?? 0) > 0, name);
}

/** One of them reads every frame; the others drop what they need not look at, and miss nothing. */
function checkHlsFigures(figures: Figures, name: string): void {
  assert.equal(figures.viewersChecked, 1, name);
  assert.equal(figures.segmentsMissed, 0, name);
  assert.ok((figures.segmentsPerSecond ?? 0) > 0 && (figures.pollP99Ms ?? 0) > 0, name);
}

describe("npm run bench", { concurrency: 3 }, () => {
  for (const [protocol, names] of Object.entries(servers)) {
    test(`plays by ${protocol} and writes a whole report`, LIMIT, async () => {
      const directory = join(scratch, protocol);
      const file = join(scratch, `${protocol}.json`);
      // Segments come every two seconds.
      const seconds = protocol === "hls" ? "5" : "1.5";
      const small = ["--quick", "--players", String(PLAYERS), "--duration", seconds, "--gop", "1"];
      const chosen = ["--scenario", "fan-out", "--protocol", protocol, "--server", names.join(",")];
      const words = [MAIN, ...small, ...chosen, "--results", directory, "--json", file];
      const { code, stdout, stderr } = await runCommand(process.execPath, words, RUN_LIMIT);
      assert.notEqual(code, EXIT_ERROR, stderr);
      assert.match(stdout, /CPU of 1000/);
      const results = decodeResults(readFileSync(file, "utf8"), file);
      assert.ok(results.environment.commit !== "" && results.environment.cores > 0);
      for (const name of names) {
        const summary = results.scenarios["fan-out"]?.summaries[`fan-out ${name}`];
        const figures = summary?.median ?? {};
        checkFigures(figures, `${name}: ${stderr}`);
        assert.ok((summary?.runs[0]?.latency ?? "").length > 0, name);
        if (protocol === "hls") {
          checkHlsFigures(figures, name);
        }
      }
      const [, base = ""] = /^(\S+)\.json, \.md, \.html$/m.exec(stdout) ?? [];
      assert.equal(dirname(base), directory);
      assert.match(readFileSync(`${base}.md`, "utf8"), /\| id \| measure \|/);
      assert.match(readFileSync(`${base}.html`, "utf8"), /<svg .*<\/html>/s);
      const again = await runCommand(process.execPath, [COMPARE, file, file, "--all"], RUN_LIMIT);
      assert.equal(again.code, 0, again.stderr);
    });
  }
});
