/** Where koffi does not load: addresses and pid files that are taken are told of at once, at start and at a reload. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type CommandResult, runCommand, startProcess } from "../support/process.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, WEIR, waitForServer } from "../support/weir.ts";

const preload = new URL("../support/without-koffi.js", import.meta.url);
const START_MS = 20_000;

let stranger: Server;
let taken: number;

before(async () => {
  taken = await findFreePort();
  stranger = createServer();
  stranger.listen(taken, "127.0.0.1");
  await once(stranger, "listening");
});

after(() => stranger?.close());

/** Runs weir to its end. */
function run(file: string, hasKoffi: boolean): Promise<CommandResult> {
  const options = hasKoffi ? {} : { preload };
  return runCommand(WEIR, ["-c", file], { timeoutMs: START_MS, ...options });
}

/** Lines that tell of an error, without their time and process. */
function errorsOf({ stdout, stderr }: CommandResult): readonly string[] {
  return `${stdout}${stderr}`
    .split("\n")
    .filter((line) => /ERROR|Error/.test(line))
    .map((line) => line.replace(/^\[.*?\](\[ERROR\])\[\d+\]/, "$1"));
}

describe("an address that is taken", () => {
  test("is one line and an exit code, as with koffi", { timeout: 60_000 }, async () => {
    const directory = makeScratch();
    const file = join(directory, "weir.conf");
    writeFileSync(file, makeWeirConf(directory, taken));
    const [without, beside] = [await run(file, false), await run(file, true)];
    const text = `cannot listen on 127.0.0.1:${taken}: bind: EADDRINUSE`;
    assert.equal(without.code, 1);
    assert.equal(errorsOf(without).length, 1, without.stdout + without.stderr);
    assert.ok(errorsOf(without)[0]?.includes(text), errorsOf(without)[0]);
    assert.equal(beside.code, without.code);
    assert.deepEqual(errorsOf(beside), errorsOf(without));
  });

  test("for HTTP too", { timeout: 60_000 }, async () => {
    const directory = makeScratch();
    const file = join(directory, "weir.conf");
    const directives = `http_backend node; http_server { enabled on; listen 127.0.0.1:${taken}; }`;
    writeFileSync(file, makeWeirConf(directory, await findFreePort(), { directives }));
    const ended = await run(file, false);
    const text = `cannot listen on 127.0.0.1:${taken}: bind: EADDRINUSE`;
    assert.equal(ended.code, 1);
    assert.ok(ended.stderr.trim().endsWith(text), ended.stdout + ended.stderr);
  });
});

test("a reload opens addresses and closes others, and refuses one that is taken", {
  timeout: 60_000,
}, async () => {
  const directory = makeScratch();
  const file = join(directory, "weir.conf");
  const [first, second] = [await findFreePort(), await findFreePort()];
  const write = (...ports: readonly number[]): void => {
    const all = ports.map((port) => `127.0.0.1:${port}`).join(" ");
    const text = makeWeirConf(directory, first);
    writeFileSync(file, text.replace(`listen 127.0.0.1:${first};`, `listen ${all};`));
  };
  write(first);
  const started = startProcess(WEIR, ["-c", file], { cwd: directory, preload });
  const weir = await waitForServer("weir", started, first);
  const told = (pattern: RegExp): Promise<void> =>
    waitUntil(`the log says ${pattern}`, () => pattern.test(weir.log()), START_MS);

  write(first, second);
  started.kill("SIGHUP");
  await told(/SIGHUP: done/);
  assert.ok(await isListening(second));
  assert.ok(await isListening(first));

  write(second, taken);
  started.kill("SIGHUP");
  await told(/nothing is changed: cannot listen on 127\.0\.0\.1:\d+: bind: EADDRINUSE/);
  assert.ok(await isListening(first), "it stays as it was");
  assert.ok(await isListening(second));

  write(second);
  started.kill("SIGHUP");
  await waitUntil("the old address is closed", async () => !(await isListening(first)), START_MS);
  assert.ok(await isListening(second));
  assert.equal((await weir.stop()).code, 0);
});

test("a second start on the same pid file is refused, and the file keeps the first one's id", {
  timeout: 60_000,
}, async () => {
  const directory = makeScratch();
  const port = await findFreePort();
  const file = join(directory, "weir.conf");
  writeFileSync(file, makeWeirConf(directory, port));
  const first = startProcess(WEIR, ["-c", file], { cwd: directory, preload });
  const weir = await waitForServer("weir", first, port);
  assert.doesNotMatch(weir.log(), /not locked/);
  const held = readFileSync(join(directory, "weir.pid"), "utf8");
  const second = await run(file, false);
  assert.notEqual(second.code, 0);
  assert.match(second.stdout + second.stderr, new RegExp(`already running as process ${held},`));
  assert.equal(readFileSync(join(directory, "weir.pid"), "utf8"), held);
  assert.equal((await weir.stop()).code, 0);
  const third = startProcess(WEIR, ["-c", file], { cwd: directory, preload });
  await (await waitForServer("weir", third, port)).stop();
});
