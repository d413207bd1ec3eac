/** The real launcher: processes, their files, their groups, and what is left when somebody dies. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Logger } from "../../../src/main/log/logger.ts";
import type { Command } from "../../../src/main/programs/command.ts";
import { LauncherLink } from "../../../src/main/programs/launcher-link.ts";
import type { RunEnd } from "../../../src/main/programs/launcher-messages.ts";
import { makeScratch, waitUntil } from "../../support/scratch.ts";
import { isRunning } from "../../support/weir-runs.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

let link: LauncherLink;
let pids: Map<number, number>;
let ends: Map<number, RunEnd>;
let lines: string[];
const folder = makeScratch();

beforeEach(() => {
  [pids, ends, lines] = [new Map(), new Map(), []];
  const log = { error: (_cid: string, text: string) => void lines.push(text) };
  link = new LauncherLink({
    environment: { PATH: "/usr/bin:/bin", SRS_LISTEN: "1", WEIR_X: "2", SECRET: "3", OWN: "4" },
    secretVariables: () => ["SECRET"],
    log: log as unknown as Logger,
    started: (run, pid) => void pids.set(run, pid),
    unlogged: (_run, text) => void lines.push(`unlogged ${text}`),
    ended: (run, end) => void ends.set(run, end),
  });
});

afterEach(() => link.close());

function script(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

function commandOf(file: string, more: Partial<Command> = {}): Command {
  return { file, args: [], stdout: "", stderr: "", isOnlyLogged: false, ...more };
}

async function endOf(run: number): Promise<RunEnd> {
  await waitUntil(`run ${run} has ended`, () => ends.has(run), WAIT_MS);
  return ends.get(run) ?? assert.fail();
}

async function pidOf(run: number): Promise<number> {
  await waitUntil(`run ${run} has started`, () => pids.has(run), WAIT_MS);
  return pids.get(run) ?? assert.fail();
}

const read = (name: string): string => readFileSync(join(folder, name), "utf8");

test(
  "arguments are given as they are, output is appended, the environment is clean",
  LIMIT,
  async () => {
    const file = script(
      "tell",
      'for word; do echo "$word"; done; env | sort; echo error >&2; exit 7',
    );
    const [stdout, stderr] = [join(folder, "out"), join(folder, "err")];
    const args = ["a b", "$(id)", "", "> x"];
    link.start(1, commandOf(file, { args, stdout, stderr }));
    assert.deepEqual(await endOf(1), { kind: "ended", run: 1, code: 7, signal: null, fault: "" });
    assert.match(read("out"), /^a b\n\$\(id\)\n\n> x\nOWN=4\nPATH=\S+\nPWD=\S+\n$/);
    link.start(2, commandOf(file, { stdout, stderr: "&1" }));
    await endOf(2);
    assert.match(read("out"), /PWD=\S+\nOWN=4\nPATH=\S+\nPWD=\S+\nerror\n$/);
    assert.equal(read("err"), "error\n");
  },
);

test("what cannot start says why; only a log may be missing", LIMIT, async () => {
  const stdout = join(folder, "no/such/folder/out");
  link.start(1, commandOf("/nowhere/program"));
  link.start(2, commandOf(folder));
  link.start(3, commandOf("true", { stdout }));
  assert.match((await endOf(1)).fault, /ENOENT/);
  assert.match((await endOf(2)).fault, /EACCES/);
  assert.match((await endOf(3)).fault, /ENOENT.*no\/such\/folder/);
  // Folders of logs are made; where that cannot be it runs all the same.
  link.start(4, commandOf("true", { stdout, isOnlyLogged: true }));
  assert.equal((await endOf(4)).code, 0);
  assert.equal(read("no/such/folder/out"), "");
  mkdirSync(join(folder, "taken"));
  link.start(5, commandOf("true", { stdout: join(folder, "taken"), isOnlyLogged: true }));
  assert.equal((await endOf(5)).code, 0);
  assert.match(lines.join("\n"), /^unlogged EISDIR/);
});

test("a pipe without a reader stops nobody", LIMIT, async () => {
  const pipe = join(folder, "pipe");
  link.start(1, commandOf("mkfifo", { args: [pipe] }));
  assert.equal((await endOf(1)).code, 0);
  link.start(2, commandOf("true", { stdout: pipe }));
  assert.equal((await endOf(2)).code, 0);
});

test(
  "one that is told to end ends with all that it has started; the stubborn one is killed",
  LIMIT,
  async () => {
    const family = script("family", 'sleep 600 & echo "$!"; wait');
    link.start(1, commandOf(family, { stdout: join(folder, "family.txt") }));
    const pid = await pidOf(1);
    await waitUntil("it tells of its child", () => /\d\n$/.test(read("family.txt")), WAIT_MS);
    const child = Number(read("family.txt"));
    link.stop(1, 60_000);
    assert.equal((await endOf(1)).signal, "SIGTERM");
    await waitUntil("both have ended", () => !(isRunning(pid) || isRunning(child)), WAIT_MS);

    const stubborn = script("stubborn", "trap '' TERM; echo; while :; do sleep 1; done");
    link.start(2, commandOf(stubborn, { stdout: join(folder, "stubborn.txt") }));
    await waitUntil("it traps", () => pids.has(2) && read("stubborn.txt") !== "", WAIT_MS);
    link.stop(2, 100);
    assert.equal((await endOf(2)).signal, "SIGKILL");
  },
);

test("one that is told to end before it has started does not start", LIMIT, async () => {
  link.start(1, commandOf("sleep", { args: ["600"] }));
  link.stop(1, 1000);
  const { fault, signal } = await endOf(1);
  assert.ok(fault === "not started any more" || signal === "SIGTERM", fault);
});

test(
  "the launcher dies: its programs end, and the next one has another launcher",
  LIMIT,
  async () => {
    link.start(1, commandOf("sleep", { args: ["600"] }));
    const pid = await pidOf(1);
    const first = link.pid ?? assert.fail();
    process.kill(first, "SIGKILL");
    assert.equal((await endOf(1)).fault, "its launcher has ended");
    await waitUntil("the program has ended", () => !isRunning(pid), WAIT_MS);
    assert.match(lines.join("\n"), /the launcher of programs: ended: SIGKILL/);
    link.start(2, commandOf("true"));
    assert.equal((await endOf(2)).code, 0);
    assert.notEqual(link.pid, first);
  },
);

test("closed with programs, it ends them first", LIMIT, async () => {
  link.start(1, commandOf("sleep", { args: ["600"] }));
  const pid = await pidOf(1);
  const launcher = link.pid ?? assert.fail();
  await link.close();
  assert.deepEqual([isRunning(pid), isRunning(launcher), lines], [false, false, []]);
});
