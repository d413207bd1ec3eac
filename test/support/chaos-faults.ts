/** What is done to a server while it works, chosen by a seeded generator, and who may notice. */
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ClientAnswer } from "./api.ts";
import type { Encoder } from "./chaos-encoder.ts";
import type { Random } from "./chaos-random.ts";
import type { Watcher } from "./chaos-watchers.ts";
import type { ChaosWorld } from "./chaos-world.ts";
import { startProcess } from "./process.ts";

/** A thread that died is back, and is looked at. */
const BACK_MS = 1500;

/** Who may see a break, and whose connection may end. */
export interface Verdict {
  readonly what: string;
  mayLose(watcher: Watcher): boolean;
  mayEnd(watcher: Watcher): boolean;
}

function pick<T>(random: Random, all: readonly T[]): T {
  const one = all[Math.floor(random() * all.length)];
  if (one === undefined) {
    throw new Error("nothing to choose from");
  }
  return one;
}

const nobody = (): boolean => false;
const isEdge = ({ plan }: Watcher): boolean => plan.isAtEdge;

type Act = (world: ChaosWorld, random: Random) => Promise<Verdict>;

async function reload(world: ChaosWorld, random: Random): Promise<Verdict> {
  const times = 1 + Math.floor(random() * 5);
  for (let time = 0; time < times; time += 1) {
    await world.reload(random);
  }
  return { what: `${times} times`, mayLose: nobody, mayEnd: nobody };
}

async function stop(world: ChaosWorld, random: Random): Promise<Verdict> {
  const milliseconds = Math.round(200 + random() * 1800);
  const isOrigin = random() < 0.75;
  const { process } = isOrigin ? world.origin : world.edge;
  process.kill("SIGSTOP");
  await delay(milliseconds);
  process.kill("SIGCONT");
  const what = `${isOrigin ? "origin" : "edge"} for ${milliseconds} ms`;
  return { what, mayLose: nobody, mayEnd: nobody };
}

/** Many short stops: each thread is caught somewhere else. */
async function stutter(world: ChaosWorld, random: Random): Promise<Verdict> {
  const { process } = world.origin;
  for (let count = 0; count < 100; count += 1) {
    process.kill("SIGSTOP");
    await delay(random() * 12);
    process.kill("SIGCONT");
    await delay(random() * 12);
  }
  return { what: "100 stops of some ms", mayLose: nobody, mayEnd: nobody };
}

async function stall(world: ChaosWorld, random: Random): Promise<Verdict> {
  const thread = pick(random, ["main", ...world.threads]);
  const milliseconds = Math.round(50 + random() * 450);
  writeFileSync(join(world.folder, thread), `stall ${milliseconds}`);
  await delay(milliseconds + 100);
  return { what: `${thread} for ${milliseconds} ms`, mayLose: nobody, mayEnd: nobody };
}

/** One of the process's threads gets hardly any processor, wherever it is. */
async function starve(world: ChaosWorld, random: Random): Promise<Verdict> {
  const tid = pick(random, world.busyThreads());
  const seconds = 1 + random();
  const spin = ["-c", `timeout ${seconds.toFixed(1)} sh -c 'while :; do :; done'`];
  const spinners = [1, 2].map(() => startProcess("sh", spin));
  startProcess("chrt", ["--idle", "--pid", "0", `${tid}`]);
  await delay(seconds * 1000);
  startProcess("chrt", ["--other", "--pid", "0", `${tid}`]);
  await Promise.all(spinners.map((one) => one.waitEnd(10_000)));
  const what = `thread ${tid - world.origin.pid} for ${seconds.toFixed(1)} s`;
  return { what, mayLose: nobody, mayEnd: nobody };
}

async function kill(world: ChaosWorld, random: Random): Promise<Verdict> {
  const thread = pick(random, world.threads);
  const clients = await world.clients();
  const streams = await world.streamsOn(thread);
  const hit = clients.filter(({ shard }) => shard === thread).length;
  writeFileSync(join(world.folder, thread), "throw");
  await delay(BACK_MS);
  const isHls = ({ plan }: Watcher): boolean => plan.kind === "hls";
  const ended = (watcher: Watcher): boolean => world.hasEnded(watcher);
  return {
    what: `${thread} with ${hit} clients, ${streams.size} streams`,
    mayLose: (watcher) =>
      streams.has(watcher.plan.stream) ||
      ended(watcher) ||
      watcher.plan.isAtEdge ||
      (thread.startsWith("packager") && isHls(watcher)),
    mayEnd: (watcher) =>
      (thread.startsWith("shard") && watcher.plan.kind === "rtmp") ||
      (thread.startsWith("gateway") && ["flv", "ts"].includes(watcher.plan.kind)) ||
      (thread.startsWith("packager") && isHls(watcher)),
  };
}

async function kick(world: ChaosWorld, chosen: readonly ClientAnswer[]): Promise<Verdict> {
  const answers = await Promise.all(
    chosen.map(({ id }) => world.origin.raw(`/api/v1/clients/${id}`, { method: "DELETE" })),
  );
  await Promise.all(answers.map((answer) => answer.text()));
  // Viewers by HTTP are listed with the end of their path.
  const streamOf = ({ name }: ClientAnswer): string => name.replace(/\.\w+$/, "");
  const names = new Set(chosen.map(streamOf));
  const published = new Set(chosen.filter((one) => one.publish).map(streamOf));
  const isTouched = ({ plan }: Watcher): boolean => names.has(plan.stream);
  return {
    what: `${chosen.length} clients, ${published.size} encoders`,
    mayLose: (watcher) =>
      published.has(watcher.plan.stream) ||
      (isTouched(watcher) && (isEdge(watcher) || world.hasEnded(watcher))),
    mayEnd: (watcher) => isTouched(watcher) && !isEdge(watcher),
  };
}

async function kickSome(world: ChaosWorld, random: Random): Promise<Verdict> {
  const clients = await world.clients();
  return kick(
    world,
    clients.filter(() => random() < 0.15),
  );
}

async function kickAll(world: ChaosWorld): Promise<Verdict> {
  return kick(world, await world.clients());
}

function touched(what: string, encoder: Encoder): Verdict {
  const mayLose = ({ plan }: Watcher): boolean => plan.stream === encoder.name;
  return { what: `${what} of ${encoder.name}`, mayLose, mayEnd: nobody };
}

/** In order: nobody may lose a frame of either publish. */
async function republish(world: ChaosWorld, random: Random): Promise<Verdict> {
  const encoder = pick(random, world.encoders);
  await encoder.republish();
  const { name } = encoder;
  const mayLose = ({ plan }: Watcher): boolean => plan.stream === name && plan.kind === "hls";
  return { what: `of ${name}`, mayLose, mayEnd: nobody };
}

async function cut(world: ChaosWorld, random: Random): Promise<Verdict> {
  const encoder = pick(random, world.encoders);
  encoder.cut();
  await delay(300);
  return touched("connection", encoder);
}

async function takeOver(world: ChaosWorld, random: Random): Promise<Verdict> {
  const encoder = pick(random, world.encoders);
  await encoder.beTakenOver();
  return touched("name", encoder);
}

async function slow(world: ChaosWorld, random: Random): Promise<Verdict> {
  const players = world.watchers.filter(({ plan }) => plan.kind === "rtmp");
  const chosen = new Set([1, 2, 3].map(() => pick(random, players)));
  const seconds = 2 + random() * 4;
  for (const player of chosen) {
    player.stall(true);
  }
  await delay(seconds * 1000);
  for (const player of chosen) {
    player.stall(false);
  }
  const mayLose = (watcher: Watcher): boolean => chosen.has(watcher);
  return { what: `${chosen.size} for ${seconds.toFixed(1)} s`, mayLose, mayEnd: mayLose };
}

async function garbage(world: ChaosWorld, random: Random): Promise<Verdict> {
  const ports = [world.origin.port, world.http, Number(new URL(world.origin.api).port)];
  const sockets = Array.from({ length: 30 }, () => {
    const bytes = Uint8Array.from(
      { length: 1 + Math.floor(random() * 4000) },
      () => random() * 256,
    );
    // Half of them are nearly a handshake.
    bytes[0] = random() < 0.5 ? 3 : (bytes[0] ?? 0);
    const socket = connect(pick(random, ports), "127.0.0.1");
    socket.on("error", () => undefined);
    socket.on("connect", () => socket.write(bytes));
    return socket;
  });
  await delay(500 + random() * 1000);
  for (const socket of sockets) {
    if (random() < 0.5) {
      socket.resetAndDestroy();
    } else {
      socket.destroy();
    }
  }
  return { what: `${sockets.length} connections`, mayLose: nobody, mayEnd: nobody };
}

/** By name, with how often they come. */
const FAULTS: readonly (readonly [name: string, weight: number, act: Act])[] = [
  ["reload", 3, reload],
  ["stop", 5, stop],
  ["stutter", 3, stutter],
  ["stall", 4, stall],
  ["starve", 3, starve],
  ["kill", 3, kill],
  ["kick", 3, kickSome],
  ["kick all", 1, kickAll],
  ["republish", 4, republish],
  ["cut", 3, cut],
  ["take over", 2, takeOver],
  ["slow", 3, slow],
  ["garbage", 2, garbage],
];

/** The next fault. @param only Of this name; empty: of any. */
export function chooseFault(random: Random, only: string): (typeof FAULTS)[number] {
  const faults = FAULTS.filter(([name]) => only === "" || name === only);
  const sum = faults.reduce((total, [, weight]) => total + weight, 0);
  let left = random() * sum;
  for (const fault of faults) {
    left -= fault[1];
    if (left < 0) {
      return fault;
    }
  }
  return pick(random, faults);
}
