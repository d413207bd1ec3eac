/** The command line as an operator meets it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { CommandResult } from "../support/process.ts";
import { runCommand } from "../support/process.ts";
import { findFreePort, makeScratch, waitUntil } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { makeWeirConf, REPOSITORY, startWeir, WEIR } from "../support/weir.ts";

const scratch = makeScratch();
const servers: RunningServer[] = [];

after(() => Promise.all(servers.map((server) => server.stop())));

function runWeir(...args: string[]): Promise<CommandResult> {
  return runCommand(WEIR, args, { cwd: scratch, timeoutMs: 30_000 });
}

async function writeConf(name: string, directives: string): Promise<string> {
  const file = join(scratch, name);
  writeFileSync(file, makeWeirConf(scratch, await findFreePort(), { directives }));
  return file;
}

describe("command line", { concurrency: 2 }, () => {
  for (const flag of ["-h", "-?"]) {
    test(`${flag} prints the usage and succeeds`, async () => {
      const { code, stdout } = await runWeir(flag);
      assert.equal(code, 0);
      assert.match(stdout, /-c\b/);
      assert.match(stdout, /-t\b/);
    });
  }

  for (const flag of ["-v", "-V"]) {
    test(`${flag} prints the version of package.json and succeeds`, async () => {
      const file = readFileSync(join(REPOSITORY, "package.json"), "utf8");
      const { version } = JSON.parse(file) as { version: string };
      const { code, stdout } = await runWeir(flag);
      assert.equal(code, 0);
      assert.ok(stdout.includes(version), stdout);
    });
  }

  test("-t accepts a right file and does not stay", async () => {
    const file = await writeConf("right.conf", "");
    const { code, stdout, stderr } = await runWeir("-t", "-c", file);
    assert.equal(code, 0, stderr);
    assert.match(stdout + stderr, /test is successful/);
  });

  for (const args of [["-t"], []]) {
    const name = args.length === 0 ? "start" : "-t";
    test(`${name} refuses an unknown directive and names file, line and directive`, async () => {
      const file = await writeConf(`unknown${args.length}.conf`, "listne 1935;");
      const line = readFileSync(file, "utf8").split("\n").indexOf("listne 1935;") + 1;
      const { code, stdout, stderr } = await runWeir(...args, "-c", file);
      assert.notEqual(code, 0);
      assert.ok((stdout + stderr).includes(`${file}:${line}`), stdout + stderr);
      assert.match(stdout + stderr, /listne/);
    });
  }

  test("a missing end of a block is refused with file and line", async () => {
    const file = join(scratch, "open.conf");
    writeFileSync(file, "listen 19350;\nvhost __defaultVhost__ {\n");
    const { code, stdout, stderr } = await runWeir("-t", "-c", file);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /open\.conf:\d+/);
  });

  test("a file that is not there is named", async () => {
    const { code, stdout, stderr } = await runWeir("-c", join(scratch, "none.conf"));
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /none\.conf/);
  });

  test("a start with no right to its port fails and names the address", async () => {
    // An address of TEST-NET-1 (RFC 5737) is never this host's.
    const file = join(scratch, "foreign.conf");
    const text = makeWeirConf(scratch, await findFreePort());
    writeFileSync(file, text.replace("127.0.0.1", "192.0.2.1"));
    const { code, stdout, stderr } = await runWeir("-c", file);
    assert.notEqual(code, 0);
    assert.match(stdout + stderr, /192\.0\.2\.1/);
  });

  test("the shipped sample configuration is right", async () => {
    const { code, stderr } = await runWeir("-t", "-c", join(REPOSITORY, "conf/weir.conf"));
    assert.equal(code, 0, stderr);
  });

  test("the log says at start how many shards run and where it listens", async () => {
    const weir = await startWeir({ workers: 2 });
    servers.push(weir);
    const isTold = (): boolean =>
      weir.log().includes(`127.0.0.1:${weir.port}`) && /2 shards|shards[ =:]+2/.test(weir.log());
    await waitUntil("the log tells both", isTold, 20_000);
  });
});
