/** E-75: core and heap dumps contain keys. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dumpWarning } from "../../../src/main/guard/dumps.ts";
import { REPOSITORY } from "../../support/weir.ts";

const LIMITS = (soft: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units
Max stack size            8388608              unlimited            bytes
Max core file size        ${soft}                    unlimited            bytes
Max open files            1024                 4096                 files
`;

function warn(
  soft: string,
  flags: readonly string[] = [],
  nodeOptions?: string,
): string | undefined {
  return dumpWarning({ limits: LIMITS(soft), flags, nodeOptions });
}

test("E-75 nothing is told where nothing is dumped", () => {
  assert.equal(warn("0"), undefined);
  assert.equal(dumpWarning({ limits: undefined, flags: [], nodeOptions: undefined }), undefined);
  assert.equal(
    warn("0", ["--max-semi-space-size=4", "--stack-trace-limit=20"], "--no-warnings"),
    undefined,
  );
});

for (const soft of ["unlimited", "4096"]) {
  test(`E-75 core dumps of ${soft} are told`, () => {
    const line = warn(soft) ?? assert.fail("nothing is told");
    assert.ok(line.includes(`core dumps (ulimit -c is ${soft})`), line);
    assert.match(line, /contain keys, tokens and passwords/);
    assert.ok(!line.includes("\n"));
  });
}

for (const flag of [
  "--heapsnapshot-signal=SIGUSR2",
  "--heapsnapshot-near-heap-limit=3",
  "--heapsnapshot_near_heap_limit=3",
  "--report-on-fatalerror",
  "--report-uncaught-exception",
  "--report-on-signal",
]) {
  const name = flag.replace(/=.*/, "").replaceAll("_", "-");
  test(`E-75 ${flag} is told, on the command line and in NODE_OPTIONS`, () => {
    assert.ok(warn("0", ["--x", flag])?.includes(name));
    assert.ok(warn("0", [], `--no-warnings  ${flag}`)?.includes(name));
    assert.ok(warn("0", [], `"${flag}"`)?.includes(name));
  });
}

test("E-75 several ways are one line, each once", () => {
  const flag = "--heapsnapshot-signal=SIGUSR2";
  assert.match(
    warn("unlimited", [flag], flag) ?? "",
    /may write some: core dumps \(ulimit -c is unlimited\), --heapsnapshot-signal; /,
  );
});

test("E-75 weir itself switches no dump on", () => {
  const words = (file: string): string[] =>
    readFileSync(join(REPOSITORY, file), "utf8").split(/\s+/);
  for (const file of ["bin/weir", "examples/Dockerfile", "examples/weir.service"]) {
    assert.equal(
      dumpWarning({ limits: undefined, flags: words(file), nodeOptions: undefined }),
      undefined,
    );
  }
  assert.ok(words("examples/weir.service").includes("LimitCORE=0"));
});
