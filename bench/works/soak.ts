/** A long time of the same load: does anything grow, does anything get lost. */
import type { Measurement } from "../measure/figures.ts";
import { joinAll, withLoad } from "../measure/load.ts";
import { sampleMemory } from "../measure/process-usage.ts";
import { measureWindow, openWindow } from "../measure/window.ts";
import { sleep } from "../native/clock.ts";
import type { ServerAdapter } from "../servers/server.ts";
import type { Means, SoakWork } from "./work.ts";

const SAMPLES = 60;
const MS_PER_HOUR = 3_600_000;
const KB_PER_MB = 1024;

/** @returns slope of the least squares line, 0 for fewer than two points. */
export function slopeOf(points: readonly (readonly [number, number])[]): number {
  const count = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count;
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const together = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return spread === 0 || count < 2 ? 0 : together / spread;
}

export async function measureSoak(
  adapter: ServerAdapter,
  work: SoakWork,
  means: Means,
): Promise<Measurement> {
  const { players, streams } = work;
  const { soakMs } = means.pace;
  const about = { terms: work, means, request: { kind: "fan-out", streams } } as const;
  return await withLoad(adapter, about, async (load) => {
    const before = sampleMemory(load.server.pid);
    await joinAll(load.crowd, load, { players, streams });
    await load.crowd.figures();
    await sleep(means.pace.settleMs);
    const samples: [number, number][] = [];
    const window = await openWindow(load, async () => {
      for (let index = 0; index < SAMPLES; index++) {
        await sleep(soakMs / SAMPLES);
        samples.push([(index * soakMs) / SAMPLES, sampleMemory(load.server.pid).rssKb]);
      }
    });
    // The first half is a warm heap's growth to its usual size.
    const slope = slopeOf(samples.slice(SAMPLES / 2));
    const rssGrowthMbPerHour = (slope * MS_PER_HOUR) / KB_PER_MB;
    return await measureWindow(load, { window, streams, before, figures: { rssGrowthMbPerHour } });
  });
}
