/** Works that measure a steady window: fan-out, ingest, growth of memory. */
import type { Measurement } from "../measure/figures.ts";
import { joinAll, type Load, publishAll, withLoad } from "../measure/load.ts";
import { type MemoryUsage, sampleMemory } from "../measure/process-usage.ts";
import {
  deliveryFigures,
  joinFigures,
  measureWindow,
  memoryFigures,
  openWindow,
} from "../measure/window.ts";
import { sleep } from "../native/clock.ts";
import type { ServerAdapter } from "../servers/server.ts";
import type { FanOutWork, GrowthWork, IngestWork, Means } from "./work.ts";

const PING_EVERY_MS = 50;

const SECOND_MS = 1000;

/** Waits for the window's length; asks each second how late shards were, where the server tells it. */
async function watchDelays({ server, means }: Load): Promise<number[]> {
  const delays: number[] = [];
  const end = performance.now() + means.pace.durationMs;
  for (let left = means.pace.durationMs; left > 0; left = end - performance.now()) {
    await sleep(Math.min(SECOND_MS, left));
    if (server.loopDelayMs !== undefined) {
      delays.push(await server.loopDelayMs());
    }
  }
  return delays;
}

/** Several streams and their players; some players ping. */
export async function measureFanOut(
  adapter: ServerAdapter,
  work: FanOutWork,
  means: Means,
): Promise<Measurement> {
  const { streams } = work;
  const players = Math.max(1, Math.round(work.players * adapter.playerShare));
  const probes = Math.min(work.probes, players);
  const about = { terms: work, means, request: { kind: "fan-out", streams } } as const;
  return await withLoad(adapter, about, async (load) => {
    const before = sampleMemory(load.server.pid);
    await sleep(work.protocol === "hls" ? means.pace.listedMs : 0);
    if (probes < players) {
      await joinAll(load.crowd, load, { players: players - probes, streams });
    }
    if (probes > 0) {
      // Only players of RTMP can ping.
      const where = work.protocol === "rtmp" ? {} : load.server.publish;
      const pinging = { players: probes, streams, pingEveryMs: PING_EVERY_MS, ...where };
      await joinAll(load.crowd, load, pinging);
    }
    const joined = await load.crowd.figures();
    await sleep(means.pace.settleMs * (work.settleTimes ?? 1));
    let delays: number[] = [];
    const window = await openWindow(load, async () => {
      delays = await watchDelays(load);
    });
    const delay = delays.length > 0 ? { loopDelayMaxMs: Math.max(...delays) } : {};
    const figures = { ...joinFigures(joined), ...delay };
    return await measureWindow(load, { window, streams, before, figures });
  });
}

export async function measureIngest(
  adapter: ServerAdapter,
  work: IngestWork,
  means: Means,
): Promise<Measurement> {
  const { publishers } = work;
  const about = { terms: work, means, request: { kind: "ingest" } } as const;
  return await withLoad(adapter, about, async (load) => {
    const before = sampleMemory(load.server.pid);
    await publishAll(load.crowd, load, { publishers });
    await sleep(means.pace.settleMs);
    const window = await openWindow(load);
    return await measureWindow(load, { window, streams: 1, before });
  });
}

export async function measureGrowth(
  adapter: ServerAdapter,
  work: GrowthWork,
  means: Means,
): Promise<Measurement> {
  const { players } = work;
  const about = { terms: work, means, request: { kind: "fan-out" } } as const;
  const grow = async (load: Load): Promise<MemoryUsage> => {
    await joinAll(load.crowd, load, { players });
    await sleep(means.pace.settleMs);
    return sampleMemory(load.server.pid);
  };
  return await withLoad(adapter, about, async (load) => {
    const before = await grow(load);
    const after = await grow(load);
    const end = await load.crowd.figures();
    return {
      figures: {
        ...deliveryFigures(end),
        ...memoryFigures(after),
        rssPerPlayerKb: (after.rssKb - before.rssKb) / players,
        tcpPerPlayerKb: (after.tcpKb - before.tcpKb) / players,
      },
      voidReason: "",
      reasons: end.reasons,
      latency: "",
    };
  });
}
