/** Wrong configurations: each is refused with one line that says where, with exit code 1, within a second. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "../../../src/main/cli-arguments.ts";
import { loadConfig } from "../../../src/main/config/load.ts";
import { MALFORMED_CONFS, type MalformedConf } from "../../support/malformed-confs.ts";
import { runCommand } from "../../support/process.ts";
import { makeScratch } from "../../support/scratch.ts";
import { WEIR } from "../../support/weir.ts";

const scratch = makeScratch();
const LINE_CHARACTERS_MAX = 1024;

function write({ text, files = {} }: MalformedConf, index: number): string {
  const folder = join(scratch, String(index));
  mkdirSync(folder);
  for (const [name, content] of Object.entries({ ...files, "main.conf": text })) {
    writeFileSync(join(folder, name), content.replaceAll("@", folder));
  }
  return join(folder, "main.conf");
}

function assertOneLine(text: string, file: string): void {
  assert.match(text, /^invalid config, [^\n]+\n$/);
  assert.ok(text.length < LINE_CHARACTERS_MAX, `${text.length} characters`);
  assert.doesNotMatch(text.slice(0, -1), /\p{Cc}/u);
  const folder = file.slice(0, -"/main.conf".length);
  assert.ok(text.startsWith(`invalid config, ${folder}/`), text);
  assert.match(text.slice(folder.length), /^[^:]*\.conf:\d+:\d+: \S/);
}

test("there are a hundred and more", () => {
  const different = new Set(MALFORMED_CONFS.map(({ text }) => text));
  assert.ok(different.size >= 100, `${different.size}`);
});

for (const [index, conf] of MALFORMED_CONFS.entries()) {
  test(`refused: ${conf.name}`, { timeout: 5000 }, async () => {
    const file = write(conf, index);
    let told = "";
    const began = performance.now();
    const code = await runCli(
      ["-c", file],
      {},
      {
        stdout: () => assert.fail("nothing to say on standard output"),
        stderr: (text) => {
          told += text;
        },
        load: (source) => loadConfig(source, { isInDocker: false, openFilesMax: 20_000 }),
        start: () => assert.fail("it starts"),
        version: "",
        signature: "",
      },
    );
    assert.ok(performance.now() - began < 1000);
    assert.equal(code, 1);
    assertOneLine(told, file);
  });
}

test("the command line refuses a sample of them alike", { timeout: 60_000 }, async () => {
  for (let index = 0; index < MALFORMED_CONFS.length; index += 9) {
    const file = join(scratch, String(index), "main.conf");
    const { code, stdout, stderr } = await runCommand(WEIR, ["-c", file], { timeoutMs: 5000 });
    assert.equal(code, 1, MALFORMED_CONFS[index]?.name);
    assert.equal(stdout, "");
    assertOneLine(stderr, file);
    const tested = await runCommand(WEIR, ["-t", "-c", file], { timeoutMs: 5000 });
    assert.equal(tested.code, 1);
    assert.match(tested.stdout, /^invalid config, .*\nconfig file .* test is failed\n$/);
  }
});
