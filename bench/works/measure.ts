/** Measure one server at one work, once. */
import type { Measurement } from "../measure/figures.ts";
import { modeOf } from "../measure/load.ts";
import type { ServerAdapter } from "../servers/server.ts";
import { measureSoak } from "./soak.ts";
import { measureFanOut, measureGrowth, measureIngest } from "./steady.ts";
import { measureJoin, measureReload, measureRepublish, measureSlow } from "./storms.ts";
import type { Means, Work } from "./work.ts";

/** @returns what tells a work's figures from those of another work on the same server. */
export function keyOf(adapter: ServerAdapter, work: Work): string {
  const isFloor = adapter.name === "floor";
  const mergeFrames = isFloor ? work.mergeFrames : 0;
  const mode = isFloor && mergeFrames > 0 ? "" : modeOf(adapter, work.mode);
  return `${adapter.name} ${JSON.stringify({ ...work, mergeFrames, mode })}`;
}

/** @returns why the server cannot be asked for the work, or ''. */
export function refusalOf(adapter: ServerAdapter, work: Work): string {
  if (adapter.absence !== "") {
    return adapter.absence;
  }
  return adapter.protocols.includes(work.protocol) ? "" : `has no ${work.protocol}`;
}

export function measure(adapter: ServerAdapter, work: Work, means: Means): Promise<Measurement> {
  switch (work.kind) {
    case "fan-out":
      return measureFanOut(adapter, work, means);
    case "ingest":
      return measureIngest(adapter, work, means);
    case "growth":
      return measureGrowth(adapter, work, means);
    case "join":
      return measureJoin(adapter, work, means);
    case "slow":
      return measureSlow(adapter, work, means);
    case "republish":
      return measureRepublish(adapter, work, means);
    case "reload":
      return measureReload(adapter, work, means);
    case "soak":
      return measureSoak(adapter, work, means);
    default:
      throw new Error("unknown work");
  }
}
