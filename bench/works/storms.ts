/** Works in which something happens to a running stream: joins, slow readers, republishes, reloads. */
import type { Measurement } from "../measure/figures.ts";
import { joinAll, lateness, withLoad } from "../measure/load.ts";
import { cpuBetween, sampleCpu, sampleMemory } from "../measure/process-usage.ts";
import { deliveryFigures, joinFigures, measureWindow, openWindow } from "../measure/window.ts";
import { payloadBytesPerSecond } from "../media/stream-shape.ts";
import { sleep } from "../native/clock.ts";
import type { ServerAdapter } from "../servers/server.ts";
import type { JoinWork, Means, ReloadWork, RepublishWork, SlowWork } from "./work.ts";

export async function measureJoin(
  adapter: ServerAdapter,
  work: JoinWork,
  means: Means,
): Promise<Measurement> {
  const { players, overMs } = work;
  const about = { terms: work, means, request: { kind: "fan-out" } } as const;
  return await withLoad(adapter, about, async (load) => {
    const { warmMs, listedMs } = means.pace;
    await sleep(work.protocol === "hls" ? Math.max(warmMs, listedMs) : warmMs);
    await load.crowd.figures();
    const before = sampleCpu(load.server.pid);
    await joinAll(load.crowd, load, { players, overMs });
    const storm = await load.crowd.figures();
    const { threadSeconds } = cpuBetween(before, sampleCpu(load.server.pid));
    await sleep(means.pace.settleMs);
    const end = await load.crowd.figures();
    return {
      figures: {
        ...deliveryFigures(end),
        ...joinFigures(storm),
        joinThreadUs: (threadSeconds * 1_000_000) / players,
        generatorLagP99Ms: storm.lag.p99,
        generatorBacklogMaxMs: storm.lag.backlogMax,
      },
      voidReason: lateness(storm, false),
      reasons: end.reasons,
      latency: storm.distributions.latency,
    };
  });
}

/** The figures are those of the players that read as they should. */
export async function measureSlow(
  adapter: ServerAdapter,
  work: SlowWork,
  means: Means,
): Promise<Measurement> {
  const { players, stuck, slow } = work;
  const about = { terms: work, means, request: { kind: "fan-out" } } as const;
  const half = payloadBytesPerSecond(work.shape) / 2;
  return await withLoad(adapter, about, async (load) => {
    const before = sampleMemory(load.server.pid);
    const others = load.open();
    await joinAll(others, load, { players: stuck, readBytesPerSecond: 0 });
    await joinAll(others, load, { players: slow, readBytesPerSecond: half });
    await joinAll(load.crowd, load, { players });
    await load.crowd.figures();
    await sleep(means.pace.settleMs);
    const window = await openWindow(load);
    const { counts } = await others.progress();
    return await measureWindow(load, {
      window,
      streams: 1,
      before,
      figures: { slowLive: counts.live },
    });
  });
}

/** Players stay while their publishers break off and come again. */
export async function measureRepublish(
  adapter: ServerAdapter,
  work: RepublishWork,
  means: Means,
): Promise<Measurement> {
  const { players, publishers: streams, everyMs: restartEveryMs } = work;
  const request = { kind: "fan-out", streams, restartEveryMs } as const;
  return await withLoad(adapter, { terms: work, means, request }, async (load) => {
    const before = sampleMemory(load.server.pid);
    await joinAll(load.crowd, load, { players, streams });
    await load.crowd.figures();
    const began = await load.feed?.progress();
    const window = await openWindow(load);
    const ended = await load.feed?.progress();
    const restarts = (ended?.counts.restarts ?? 0) - (began?.counts.restarts ?? 0);
    const expected = (restarts * players) / streams;
    const measurement = await measureWindow(load, { window, streams, before });
    // What a publisher wrote before it broke off may be lost with its connection: no fault of the server's.
    const { bytesRatio: _, ...figures } = measurement.figures;
    const resumedShare = expected === 0 ? 0 : window.counted.restarts / expected;
    return { ...measurement, figures: { ...figures, resumedShare } };
  });
}

export async function measureReload(
  adapter: ServerAdapter,
  work: ReloadWork,
  means: Means,
): Promise<Measurement> {
  const { players, everyMs } = work;
  const about = { terms: work, means, request: { kind: "fan-out" } } as const;
  return await withLoad(adapter, about, async (load) => {
    const before = sampleMemory(load.server.pid);
    await joinAll(load.crowd, load, { players });
    await load.crowd.figures();
    await sleep(means.pace.settleMs);
    const rounds = Math.max(1, Math.floor(means.pace.durationMs / everyMs));
    const window = await openWindow(load, async () => {
      for (let round = 1; round <= rounds; round++) {
        load.server.reload?.(round);
        await sleep(everyMs);
      }
    });
    return await measureWindow(load, { window, streams: 1, before });
  });
}
