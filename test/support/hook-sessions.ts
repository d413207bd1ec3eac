/** Sessions of all kinds, at random and many at a time, on a server with callbacks. */
import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Server } from "../../src/main/server.ts";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { assertOrdered } from "./hook-order.ts";
import { HookServer } from "./hook-server.ts";
import { MultiPeer } from "./multi-peer.ts";
import { RtmpPeer } from "./rtmp-peer.ts";
import { findFreePort, waitUntil } from "./scratch.ts";

const AT_ONCE = 50;
const STREAMS = 40;
const WAIT_MS = 30_000;
const ACTIONS = ["on_connect", "on_close", "on_publish", "on_unpublish", "on_play", "on_stop"];

/** What a run is made of. */
export interface HookRun {
  readonly sessions: number;
  readonly seed: number;
  /** A shard is ended after this share of the sessions; 0: none is. */
  readonly faultAt: number;
}

/** mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Ground {
  readonly rtmp: number;
  readonly http: number;
  random(): number;
}

/** One that publishes or plays, and leaves in one of several ways at any moment. */
async function oneStream({ rtmp, random }: Ground): Promise<void> {
  const url = `rtmp://127.0.0.1:${rtmp}/live/s${Math.floor(random() * STREAMS)}`;
  const peer = new RtmpPeer(url, random() < 0.5 ? "publish" : "play");
  if (random() < 0.4) {
    await delay(random() * 15);
    peer.reset();
    return;
  }
  await peer.waitReady(WAIT_MS).catch(() => undefined);
  if (random() < 0.5) {
    peer.close();
  } else {
    peer.reset();
  }
}

/** One connection with several streams, some of which it ends itself. */
async function severalStreams({ rtmp, random }: Ground): Promise<void> {
  const peer = await MultiPeer.connect(rtmp);
  try {
    for (let count = 1 + Math.floor(random() * 4); count > 0; count -= 1) {
      // A name that is taken would be waited for.
      const own = `own${random()}`;
      const stream = await (random() < 0.5
        ? peer.publish(own)
        : peer.play(`s${Math.floor(random() * STREAMS)}`));
      const dice = random();
      if (dice < 0.3) {
        stream.close();
      } else if (dice < 0.6) {
        stream.delete();
      }
    }
  } finally {
    peer.close();
  }
}

async function viewer({ http, random }: Ground): Promise<void> {
  const url = `http://127.0.0.1:${http}/live/s${Math.floor(random() * STREAMS)}.flv`;
  const request = get(url, { agent: false }, (response) => response.on("error", () => undefined));
  request.on("error", () => undefined);
  await delay(random() * 40);
  request.destroy();
}

async function session(ground: Ground): Promise<void> {
  const dice = ground.random();
  if (dice < 0.7) {
    await oneStream(ground);
  } else if (dice < 0.85) {
    // Its shard may die.
    await severalStreams(ground).catch(() => undefined);
  } else {
    await viewer(ground);
  }
}

async function breakShard(server: Server): Promise<void> {
  await server.supervisor.links[0]?.fault("throw").catch(() => undefined);
}

async function runAll(weir: InProcess, ground: Ground, run: HookRun): Promise<void> {
  let begun = 0;
  const faultAt = Math.floor(run.sessions * run.faultAt);
  const worker = async (): Promise<void> => {
    while (begun < run.sessions) {
      begun += 1;
      if (begun === faultAt) {
        await breakShard(weir.server);
      }
      await session(ground);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Runs them and judges what was told. @returns how many sessions that was, and how many callbacks. */
export async function runHookSessions(
  run: HookRun,
): Promise<{ readonly sessions: number; readonly callbacks: number }> {
  const hooks = await HookServer.start();
  hooks.delayMs = 2;
  const http = await findFreePort();
  const weir = await startInProcess({
    workers: 2,
    directives: `gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
    vhost: `http_remux { enabled on; } publish { firstpkt_timeout 60000; } ${hooks.directives(ACTIONS)}`,
  });
  try {
    await runAll(weir, { rtmp: weir.port, http, random: randomOf(run.seed) }, run);
    const isOver = (): boolean =>
      weir.server.connections === 0 && weir.server.hooks.backlog.count === 0;
    await waitUntil("everybody has left and all is told", isOver, WAIT_MS);
  } finally {
    await weir.close();
    await hooks.close();
  }
  return { sessions: assertOrdered(hooks.notes), callbacks: hooks.notes.length };
}
