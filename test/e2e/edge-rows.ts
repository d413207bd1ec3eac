/** One row of the fault matrix: an edge of its own with two origins behind proxies, one of which fails. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { rendezvous } from "../../src/main/coordinator/origin-pool.ts";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { type Fault, FaultProxy } from "../support/fault-proxy.ts";
import type { Frame } from "../support/flv-file.ts";
import { Lateness } from "../support/lateness.ts";
import { assertTimeLine } from "../support/message-run.ts";
import type { RecordingOrigin } from "../support/recording-origin.ts";
import { ClipPublisher, isMedia, type ReceivedFrame, RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";

/** What is done to the origin that the edge prefers. `start`: before anybody asks; `running`: in the middle. */
export interface FaultCase {
  readonly name: string;
  readonly fault: Fault | "reset" | "flap" | "redirect loop";
  readonly when: "start" | "running";
  /** Longest time without media that weir may need, in milliseconds; what the machine is late by comes on top. */
  readonly limitMs: number;
  /** Most connections to the failing origin. */
  readonly connectionsMax: number;
  /** Most frames lost beside those of the time without media. */
  readonly lostMax: number;
}

/** Measured of one case. */
export interface FaultResult {
  readonly mode: string;
  readonly name: string;
  readonly recoveryMs: number;
  /** All times without media since it broke, in milliseconds: frames of those may be lost. */
  readonly withoutMs: number;
  /** Delays of this process in that time, all together. */
  readonly lateMs: number;
  readonly lost: number;
  readonly repeated: number;
  readonly connections: readonly [number, number];
  /** Of the edge. */
  readonly log: string;
}

/** How an origin of the matrix is reached and broken. */
export interface Ground {
  readonly mode: "play rtmp" | "play flv" | "publish rtmp";
  /** Ports of the two origins. */
  readonly origins: readonly [number, number];
  /** The origins of a publish. */
  readonly recorders: readonly RecordingOrigin[];
  readonly clip: readonly Frame[];
  /** Directives of the edge's cluster block. */
  readonly cluster: string;
  /** Makes a proxy redirect to itself for ever. */
  redirect(proxy: FaultProxy): void;
}

/** Nothing is judged by this: it only ends a test that hangs. */
const WAIT_MS = 30_000;
const RUN_MS = 1500;
const AFTER_MS = 1200;
const FLAP_MS = 2000;
const FLAPS = 4;
const GAP_MIN_MS = 100;

/** An edge between its two proxies. */
interface Setup {
  readonly edge: InProcess;
  /** The one that the edge prefers for the row's stream, and the other. */
  readonly proxies: readonly [FaultProxy, FaultProxy];
  close(): Promise<void>;
}

async function setUp(ground: Ground, name: string): Promise<Setup> {
  const pair = await Promise.all(ground.origins.map((port) => new FaultProxy(port).open()));
  const addresses = pair.map(({ port }) => `127.0.0.1 ${port}`);
  const [preferred] = rendezvous(`__defaultVhost__/live/${name}`, addresses);
  const [first, second] = preferred === addresses[0] ? pair : [...pair].reverse();
  assert.ok(first && second);
  const written = pair.map(({ port }) => `127.0.0.1:${port}`).join(" ");
  const vhost = `cluster { mode remote; origin ${written}; ${ground.cluster} }`;
  const edge = await startInProcess({ workers: 1, vhost });
  const close = async (): Promise<void> => {
    await edge.close();
    await Promise.all(pair.map((proxy) => proxy.close()));
  };
  return { edge, proxies: [first, second], close };
}

async function breakOrigin(fault: FaultCase["fault"], ground: Ground, setup: Setup): Promise<void> {
  const [first] = setup.proxies;
  if (fault === "reset") {
    first.reset();
  } else if (fault === "redirect loop") {
    ground.redirect(first);
    await first.set("answer");
  } else if (fault === "flap") {
    for (let flap = 0; flap < FLAPS; flap += 1) {
      for (const proxy of setup.proxies) {
        proxy.reset();
      }
      await delay(FLAP_MS);
    }
  } else {
    first.bytesPerSecond = 20_000;
    await first.set(fault);
  }
}

/** Runs one case. */
export function runFault(ground: Ground, fault: FaultCase): Promise<FaultResult> {
  return ground.mode === "publish rtmp" ? runPublish(ground, fault) : runPlay(ground, fault);
}

/** Breaks the preferred origin in the middle of the stream and waits until media go on. @returns when it broke */
async function breakMidway(
  { fault, name }: FaultCase,
  ground: Ground,
  setup: Setup,
  media: () => readonly ReceivedFrame[],
): Promise<number> {
  await delay(RUN_MS);
  const since = performance.now();
  await breakOrigin(fault, ground, setup);
  const broken = performance.now();
  // An origin that is slow is kept; every other one is left, for a new connection.
  const newest = (): number => {
    const times = setup.proxies.flatMap((proxy) => proxy.times);
    return fault === "slow" ? broken : Math.max(broken, ...times.filter((time) => time > since));
  };
  const isLeft = (): boolean =>
    fault === "slow" || setup.proxies.some(({ times }) => times.some((time) => time > since));
  const isBack = (): boolean => isLeft() && media().some(({ at }) => at > newest());
  await waitUntil(`${name}: media go on`, isBack, WAIT_MS);
  await delay(AFTER_MS);
  return since;
}

async function runPlay(ground: Ground, row: FaultCase): Promise<FaultResult> {
  const { name, fault, when } = row;
  const setup = await setUp(ground, "clip");
  const { edge, proxies } = setup;
  const lateness = new Lateness();
  if (when === "start") {
    await breakOrigin(fault, ground, setup);
  }
  const player = new RtmpPeer(`rtmp://127.0.0.1:${edge.port}/live/clip`, "play");
  let since = performance.now();
  const media = (): ReceivedFrame[] => player.received.filter(isMedia);
  await waitUntil(`${name}: media comes`, () => media().length > 0, WAIT_MS);
  if (when === "running") {
    since = await breakMidway(row, ground, setup, media);
  }
  await delay(AFTER_MS);
  const lateMs = lateness.stop();
  const at = media().map((frame) => frame.at);
  const times = [since, ...at.filter((time) => time > since), performance.now()];
  const [recoveryMs, withoutMs] = [longestGap(times), sumOfGaps(times)];
  assert.equal(player.end, "open", `${name}: the player was put out`);
  assertTimeLine(player.received);
  const counted = countGaps(ground.clip, player.received);
  const figures = { recoveryMs, withoutMs, lateMs, ...counted };
  player.close();
  const connections = [proxies[0].connections, proxies[1].connections] as const;
  const log = edge.log();
  await setup.close();
  return { mode: ground.mode, name, ...figures, connections, log };
}

async function runPublish(ground: Ground, row: FaultCase): Promise<FaultResult> {
  const { name, fault, when } = row;
  const stream = name.replaceAll(/\W/g, "-");
  const setup = await setUp(ground, stream);
  const { edge, proxies } = setup;
  const lateness = new Lateness();
  if (when === "start") {
    await breakOrigin(fault, ground, setup);
  }
  let since = performance.now();
  const peer = new RtmpPeer(`rtmp://127.0.0.1:${edge.port}/live/${stream}`, "publish");
  await peer.waitReady(WAIT_MS);
  const started = performance.now() - since;
  const encoder = new ClipPublisher(peer, ground.clip);
  const received = (): ReceivedFrame[] =>
    ground.recorders.flatMap((origin) => origin.received(stream)).sort((a, b) => a.at - b.at);
  if (when === "running") {
    since = await breakMidway(row, ground, setup, () => received().filter(isMedia));
  }
  await delay(AFTER_MS);
  const lateMs = lateness.stop();
  const all = received();
  const at = all.filter(isMedia).map((frame) => frame.at);
  const times = [since, ...at.filter((time) => time > since), performance.now()];
  assert.equal(peer.end, "open", `${name}: the encoder was put out`);
  const { lost, repeated } = countGaps(ground.clip, all);
  encoder.close();
  const connections = [proxies[0].connections, proxies[1].connections] as const;
  const log = edge.log();
  await setup.close();
  const recoveryMs = when === "start" ? started : longestGap(times);
  const figures = { recoveryMs, withoutMs: sumOfGaps(times), lateMs, lost, repeated };
  return { mode: ground.mode, name, ...figures, connections, log };
}

/** All that is longer than a few frames. */
function sumOfGaps(times: readonly number[]): number {
  const gaps = times.map((time, index) => time - (times[index - 1] ?? time));
  return gaps.filter((gap) => gap > GAP_MIN_MS).reduce((sum, gap) => sum + gap, 0);
}

function longestGap(times: readonly number[]): number {
  return times.reduce(
    (longest, time, index) => Math.max(longest, time - (times[index - 1] ?? time)),
    0,
  );
}

/** Video frames of the clip, over and over, that are left out or come again between the first and the last that came. */
function countGaps(
  clip: readonly Frame[],
  received: readonly ReceivedFrame[],
): { lost: number; repeated: number } {
  const sent = clip.filter((frame) => frame.kind === "key" || frame.kind === "inter");
  const places = new Map(sent.map((frame, index) => [frame.hash, index]));
  let [lost, repeated] = [0, 0];
  let newest: number | undefined;
  for (const frame of received) {
    const place = places.get(frame.hash);
    if (place === undefined) {
      continue;
    }
    const from = newest ?? place - 1;
    // The clip is long against any gap: the nearest place of that frame is meant.
    const half = sent.length / 2;
    const step = ((((place - from) % sent.length) + sent.length + half) % sent.length) - half;
    lost += Math.max(0, step - 1);
    repeated += step <= 0 ? 1 : 0;
    newest = step > 0 ? from + step : from;
  }
  return { lost, repeated };
}
