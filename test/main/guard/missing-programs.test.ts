/** Programs that are not there: told with their place, and refused under `strict on`. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { missingProgramWarnings } from "../../../src/main/guard/missing-programs.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import { ConfigError } from "../../../src/protocol/errors.ts";
import { makeScratch } from "../../support/scratch.ts";

const directory = makeScratch();

function warningsOf(block: string, root = ""): string[] {
  const text = `listen 1935; ${root}\nvhost v {\n${block}\n}`;
  const { config } = decodeConfig(text, "x.conf", { include: () => "", environment: {} });
  return missingProgramWarnings(config, { directory, path: "/nowhere:/bin" });
}

const exec = (program: string): string => `exec { enabled on; publish ${program} [stream]; }`;

test("a program is a file that may be run: below the working directory, or in PATH", () => {
  writeFileSync(join(directory, "plain"), "");
  writeFileSync(join(directory, "runs"), "");
  chmodSync(join(directory, "runs"), 0o755);
  mkdirSync(join(directory, "folder"));
  for (const program of ["sh", "/bin/sh", "./runs"]) {
    assert.deepEqual(warningsOf(exec(program)), [], program);
  }
  for (const program of ["runs", "./plain", "./folder", "./none", "no-such-program"]) {
    const text = `vhost.exec.publish: ${program} is no program that can be run`;
    assert.deepEqual(warningsOf(exec(program)), [
      `x.conf:3: ${text}: it will be tried again and again`,
    ]);
  }
});

test("all three kinds are looked at, where they are used", () => {
  const output = "engine { output rtmp://h/a/b; }";
  const ingest = `ingest i { enabled on; ffmpeg ./no; input { url x; } ${output} }`;
  assert.match(
    warningsOf(ingest).join(""),
    /x\.conf:3: vhost\.ingest\.ffmpeg: \.\/no is no program/,
  );
  const transcode = "transcode { enabled on;\nffmpeg ./no; }";
  assert.match(warningsOf(transcode).join(""), /x\.conf:4: vhost\.transcode\.ffmpeg/);
  assert.deepEqual(warningsOf("exec { publish ./no; } transcode { ffmpeg ./no; }"), []);
  assert.deepEqual(warningsOf(`enabled off; ${exec("./no")}`), []);
});

test("strict refuses", () => {
  assert.throws(
    () => warningsOf(exec("./no"), "strict on;"),
    (error) => error instanceof ConfigError && error.code === "ERR_CONF_PROGRAM",
  );
});
