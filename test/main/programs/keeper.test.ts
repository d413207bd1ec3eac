/** Programs that should run, with a launcher and a clock that the test moves. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { Logger } from "../../../src/main/log/logger.ts";
import { type Command, type Plan, UnsafeCommand } from "../../../src/main/programs/command.ts";
import { Keeper } from "../../../src/main/programs/keeper.ts";
import type { RunEnd } from "../../../src/main/programs/launcher-messages.ts";

const FAILED: RunEnd = { code: 1, signal: null, fault: "" };
const DONE: RunEnd = { code: 0, signal: null, fault: "" };

let now: number;
let max: number;
let orders: string[];
let lines: string[];
let timers: { at: number; work: () => void }[];
let keeper: Keeper;

beforeEach(() => {
  [now, max, orders, lines, timers] = [0, 10, [], [], []];
  const note =
    (level: string) =>
    (_cid: string, text: string): void =>
      void lines.push(`${level} ${text}`);
  const log = { info: note("info"), warn: note("warn") } as unknown as Logger;
  keeper = new Keeper({
    launcher: {
      start: (run, { file }) => void orders.push(`start ${run} ${file}`),
      stop: (run, ms) => void orders.push(`stop ${run} ${ms}`),
    },
    log,
    max: () => max,
    now: () => now,
    unixMs: () => now,
    after: (ms, work) => {
      const timer = { at: now + ms, work };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
  });
});

function planOf(id: string, file = id, output = ""): Plan {
  const command: Command = { file, args: [], stdout: "", stderr: "", isOnlyLogged: false };
  return { id, kind: "exec", identity: file, output, commandAt: () => command };
}

function taken(): string[] {
  return orders.splice(0);
}

/** The clock goes on to the next timer. @returns how far. */
function next(): number {
  const [first] = timers.sort((a, b) => a.at - b.at);
  const timer = first ?? assert.fail("nothing is planned");
  const since = now;
  now = timer.at;
  timers = timers.filter((one) => one !== timer);
  timer.work();
  return now - since;
}

test("a program runs from when it should until it should not", () => {
  keeper.want(planOf("a"));
  keeper.want(planOf("a"));
  assert.deepEqual(taken(), ["start 1 a"]);
  keeper.started(1, 77);
  keeper.leave("a");
  keeper.leave("a");
  assert.deepEqual(taken(), ["stop 1 3000"]);
  assert.equal(keeper.running, 1);
  keeper.ended(1, { code: null, signal: "SIGTERM", fault: "" });
  assert.equal(keeper.running, 0);
  assert.deepEqual([taken(), timers], [[], []]);
  assert.deepEqual(lines, ["info a: started, pid 77", "info a: ended"]);
  assert.deepEqual(keeper.counts.get("exec"), { running: 0, starts: 1, restarts: 0, failures: 0 });
});

test("one that ends by itself is started again after 3 s, later and later when it ends at once", () => {
  keeper.want(planOf("a"));
  const waits: number[] = [];
  for (let run = 1; run <= 8; run += 1) {
    keeper.ended(run, FAILED);
    waits.push(next());
  }
  assert.deepEqual(waits, [3000, 3000, 3000, 6000, 12_000, 24_000, 30_000, 30_000]);
  // One that lasted was no bad one.
  now += 10_000;
  keeper.ended(9, DONE);
  assert.equal(next(), 3000);
  assert.deepEqual(keeper.counts.get("exec"), { running: 1, starts: 10, restarts: 9, failures: 8 });
  assert.match(lines.join("\n"), /warn a: ended by itself: exit code 1, again in 3 s/);
  assert.match(lines.join("\n"), /info a: ended by itself: exit code 0, again in 3 s/);
});

test("while it waits to be started again it can be left, or be another one at once", () => {
  keeper.want(planOf("a"));
  keeper.want(planOf("b"));
  taken();
  keeper.ended(1, FAILED);
  keeper.ended(2, { code: null, signal: null, fault: "spawn b ENOENT" });
  keeper.leave("a");
  keeper.want(planOf("b", "other"));
  assert.deepEqual([taken(), timers], [["start 3 other"], []]);
  assert.match(lines.join("\n"), /warn b: ended by itself: spawn b ENOENT/);
});

test("another program in a place waits until the one before it has ended", () => {
  keeper.want(planOf("a", "one"));
  keeper.want(planOf("a", "two"));
  keeper.want(planOf("a", "three"));
  assert.deepEqual(taken(), ["start 1 one", "stop 1 3000"]);
  keeper.ended(1, DONE);
  assert.deepEqual(taken(), ["start 2 three"]);
  // Left and wanted again before it has ended: there is one at a time.
  keeper.leave("a");
  keeper.want(planOf("a", "three"));
  assert.deepEqual(taken(), ["stop 2 3000"]);
  keeper.ended(2, DONE);
  assert.deepEqual(taken(), ["start 3 three"]);
});

test("no more than may run at one time; others wait in their order, told once in a while", () => {
  max = 2;
  for (const id of ["a", "b", "c", "d", "e"]) {
    keeper.want(planOf(id));
  }
  assert.deepEqual(taken(), ["start 1 a", "start 2 b"]);
  assert.deepEqual([keeper.running, keeper.waiting, keeper.refusals], [2, 3, 3]);
  assert.equal(lines.filter((line) => line.includes("programs_max")).length, 1);
  keeper.leave("c");
  keeper.want(planOf("d", "changed"));
  keeper.leave("a");
  assert.deepEqual(taken(), ["stop 1 3000"]);
  keeper.ended(1, DONE);
  assert.deepEqual(taken(), ["start 3 changed"]);
  // A reload may leave room for more.
  max = 3;
  keeper.look();
  assert.deepEqual(taken(), ["start 4 e"]);
  assert.equal(keeper.waiting, 0);
});

test("a name that does harm is told once and not tried again", () => {
  const plan = planOf("a");
  const commandAt = (): Command => {
    throw new UnsafeCommand("no");
  };
  keeper.want({ ...plan, commandAt });
  assert.deepEqual([taken(), timers, keeper.running], [[], [], 0]);
  assert.deepEqual(lines, ["warn a: not run: no"]);
  assert.equal(keeper.counts.get("exec")?.failures, 1);
  keeper.leave("a");
});

test("what is published by a program is known until it has ended", () => {
  keeper.want(planOf("a", "a", "v/live/x"));
  assert.equal(keeper.publishes("v/live/x"), true);
  assert.equal(keeper.publishes("v/live/x", "a"), false);
  keeper.leave("a");
  assert.equal(keeper.publishes("v/live/x"), true);
  keeper.ended(1, DONE);
  assert.equal(keeper.publishes("v/live/x"), false);
});

test("closing ends all, in less time, and starts nothing", { timeout: 10_000 }, async () => {
  keeper.want(planOf("a"));
  keeper.want(planOf("b"));
  keeper.want(planOf("c"));
  keeper.ended(3, FAILED);
  keeper.leave("b");
  taken();
  const closed = keeper.close();
  assert.deepEqual(taken(), ["stop 1 1500", "stop 2 1500"]);
  keeper.want(planOf("d"));
  keeper.ended(1, DONE);
  keeper.ended(2, DONE);
  await closed;
  assert.deepEqual(taken(), []);
});

test("closing does not wait for ever", { timeout: 10_000 }, async () => {
  keeper.want(planOf("a"));
  const closed = keeper.close();
  assert.equal(next(), 2000);
  await closed;
});

test("news of runs that nobody knows is no news", () => {
  keeper.started(5, 1);
  keeper.ended(5, FAILED);
  assert.deepEqual(lines, []);
});
