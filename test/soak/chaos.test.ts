/**
 * D-01, D-02, D-33, D-34, C-40: an origin and an edge with encoders and watchers of every kind, to which one fault after
 * another happens; whoever is not concerned must lose nothing. Takes minutes, so it is run by hand:
 *
 *     node dist/test/soak/chaos.test.js --seconds 240 --seed 1 --backend uws [--only kill] [--logs /tmp/chaos]
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { chooseFault, type Verdict } from "../support/chaos-faults.ts";
import { randomOf } from "../support/chaos-random.ts";
import type { Watcher } from "../support/chaos-watchers.ts";
import { ChaosWorld } from "../support/chaos-world.ts";
import { readMetrics } from "../support/prometheus.ts";
import { waitUntil } from "../support/scratch.ts";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "240" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    backend: { type: "string" },
    logs: { type: "string" },
    only: { type: "string", default: "" },
  },
});
const SECONDS = Number(options.seconds);
const SEED = Number(options.seed);
const BACKEND = options.backend ?? (SEED % 2 === 0 ? "uws" : "node");
const FAULTS_MAX = 200;
/** Share of faults that come two at a time. */
const PAIRS = 0.4;
/** All watch again after a fault. Generous: the machine may be busy. */
const BACK_MS = 30_000;
const SETTLE_MS = 60_000;
/** Lines that faults of this run cause. */
const EXPECTED =
  /SRS's default is kept|broken for a test|shard-\d|gateway-\d|packager-\d|thread|took nothing|no answer|late|stalled|passed by|upstream|origin/;

const say = (text: string): void => {
  process.stdout.write(`# ${text}\n`);
};

function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function residentMbOf(pid: number): number {
  const [, kb = "0"] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kb) / 1024);
}

/** Never excused. */
const WRONG: readonly string[] = ["unknown", "error"];

/** An edge that fetches anew gets the group of pictures again that its players have. Nobody else gets anything twice. */
function isWrong(what: string, { plan }: Watcher): boolean {
  return WRONG.includes(what) || (what === "doubled" && !plan.isAtEdge);
}

/** Things that this fault does not excuse; many of a kind are one. */
function deviationsOf(verdict: Verdict, watchers: readonly Watcher[], since: number): string[] {
  return watchers.flatMap((watcher) => {
    const kinds = new Map<string, { times: number; frames: number; first: string }>();
    const note = (what: string, count: number, text: string, at: number): void => {
      const first = `${text} ${Math.round(at - since)} ms after`;
      const kind = kinds.get(what) ?? { times: 0, frames: 0, first };
      kinds.set(what, { ...kind, times: kind.times + 1, frames: kind.frames + count });
    };
    for (const { what, count, text, at } of watcher.seen) {
      if (at >= since && (isWrong(what, watcher) || !verdict.mayLose(watcher))) {
        note(what, count, text, at);
      }
    }
    for (const at of watcher.ends) {
      if (at >= since && !verdict.mayEnd(watcher)) {
        note("ended", 1, "", at);
      }
    }
    return [...kinds].map(
      ([what, { times, frames, first }]) =>
        `${watcher.plan.name}: ${what} ${frames} in ${times} (${first})`,
    );
  });
}

async function ringsOf(world: ChaosWorld): Promise<string> {
  const families = readMetrics(await (await world.origin.raw("/metrics")).text());
  const samples = families.get("weir_rings")?.samples ?? [];
  return samples.map(({ labels: { state }, value }) => `${state} ${value}`).join(", ");
}

/** Faults at one time: what any of them excuses. */
function allOf(verdicts: readonly Verdict[]): Verdict {
  return {
    what: verdicts.map(({ what }) => what).join(" + "),
    mayLose: (watcher) => verdicts.some((one) => one.mayLose(watcher)),
    mayEnd: (watcher) => verdicts.some((one) => one.mayEnd(watcher)),
  };
}

async function run(world: ChaosWorld): Promise<string[]> {
  const random = randomOf(SEED);
  const deviations: string[] = [];
  const until = performance.now() + SECONDS * 1000;
  for (let count = 1; count <= FAULTS_MAX && performance.now() < until; count += 1) {
    await delay(500 + random() * 1500);
    const faults =
      random() < PAIRS
        ? [chooseFault(random, options.only), chooseFault(random, options.only)]
        : [chooseFault(random, options.only)];
    const name = faults.map(([one]) => one).join(" + ");
    world.mark();
    const since = performance.now();
    const startedAt = new Date().toISOString().slice(11, 23);
    const verdict = allOf(await Promise.all(faults.map(([, , act]) => act(world, random))));
    const doneAt = performance.now();
    await world
      .allWatch(BACK_MS)
      .catch((error: unknown) => deviations.push(`${count} ${name}: ${String(error)}`));
    const backMs = Math.round(performance.now() - doneAt);
    // What is in flight arrives before the next fault.
    await delay(1500);
    const found = deviationsOf(verdict, world.watchers, since);
    const { pid } = world.origin;
    say(
      `${startedAt} ${count} ${name}, ${verdict.what}: all watch after ${backMs} ms, ${residentMbOf(pid)} MB, ${descriptorsOf(pid)} fds, ${found.length} deviations`,
    );
    for (const text of found.slice(0, 12)) {
      say(`    ${text}`);
    }
    deviations.push(...found.map((text) => `${count} ${name}: ${text}`));
  }
  return deviations;
}

function logOf(world: ChaosWorld): string[] {
  if (options.logs !== undefined) {
    writeFileSync(`${options.logs}.origin`, world.origin.log());
    writeFileSync(`${options.logs}.edge`, world.edge.log());
  }
  const lines = `${world.origin.log()}\n${world.edge.log()}`.split("\n");
  const bad = lines.filter((line) => /\[(WARN|ERROR)\]/.test(line) || /^\s+at |Error:/.test(line));
  const kinds = new Map<string, number>();
  for (const line of bad) {
    const kind = line.replace(/^\[[^\]]*\]/, "").replace(/\d+/g, "N");
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  for (const [kind, times] of kinds) {
    say(`log ${times} × ${kind.slice(0, 200)}`);
  }
  return bad.filter((line) => !EXPECTED.test(line));
}

test("one fault after another, and whoever is not concerned loses nothing", {
  timeout: SECONDS * 1000 + 400_000,
}, async () => {
  say(`seed ${SEED}, ${SECONDS} s, ${BACKEND}`);
  const world = await ChaosWorld.open({ backend: BACKEND === "uws" ? "uws" : "node" });
  const { pid } = world.origin;
  const before = { descriptors: descriptorsOf(pid), rings: await ringsOf(world) };
  await world.populate();
  const startedMb = residentMbOf(pid);
  const deviations = await run(world);
  const frames = world.watchers.reduce((sum, watcher) => sum + watcher.frames, 0);
  say(
    `${frames} frames seen by ${world.watchers.length} watchers, ${startedMb} MB at first, ${residentMbOf(pid)} MB at last`,
  );
  const metrics = await (await world.origin.raw("/metrics")).text();
  for (const line of metrics
    .split("\n")
    .filter(
      (one) =>
        /^weir_(thread_(skips|resets|stalls|deaths)|rings|ring_ref|sessions_ended)/.test(one) &&
        !one.endsWith(" 0"),
    )) {
    say(line);
  }
  world.closeClients();
  await waitUntil("no client is left", async () => (await world.clients()).length === 0, SETTLE_MS);
  await waitUntil(
    "descriptors are back",
    () => descriptorsOf(pid) <= before.descriptors + 2,
    SETTLE_MS,
  ).catch((error: unknown) => deviations.push(String(error)));
  say(
    `descriptors ${before.descriptors} before, ${descriptorsOf(pid)} after; rings ${before.rings} before, ${await ringsOf(world)} after; ${residentMbOf(pid)} MB`,
  );
  const unexpected = logOf(world);
  const ends = await Promise.all([world.edge.stop(), world.origin.stop()]);
  assert.deepEqual(
    ends.map(({ code }) => code),
    [0, 0],
  );
  assert.equal(deviations.length, 0, deviations.slice(0, 50).join("\n"));
  assert.equal(unexpected.length, 0, unexpected.slice(0, 50).join("\n"));
});
