/** All scenarios, in the order in which they run. */
import {
  adaptive,
  bitrates,
  fanOut,
  generator,
  httpFlv,
  merged,
  players,
  realtime,
} from "./fan-out.ts";
import type { Scenario } from "./scenario.ts";
import { joins, reload, republish, slowReaders, soak, viewerJoins } from "./storms.ts";
import { edge, growth, ingest, loopDelay, scaling, shards, streams } from "./ways-in.ts";

/** P1 to P10, then those without a target of docs/performance.md. */
export const scenarios: readonly Scenario[] = [
  merged,
  realtime,
  adaptive,
  httpFlv,
  ingest,
  growth,
  joins,
  shards,
  edge,
  loopDelay,
  fanOut,
  viewerJoins,
  streams,
  players,
  bitrates,
  scaling,
  slowReaders,
  republish,
  reload,
  generator,
  soak,
];

/** @returns those of these ids or names; all that run by default, or all there are, when none is named. */
export function chooseScenarios(names: readonly string[], isFull: boolean): readonly Scenario[] {
  if (names.length === 0) {
    return scenarios.filter((scenario) => isFull || scenario.isDefault);
  }
  return names.map((name) => {
    const wanted = name.toLowerCase();
    const found = scenarios.find(
      (scenario) => scenario.id.toLowerCase() === wanted || scenario.name === wanted,
    );
    if (found === undefined) {
      throw new Error(
        `no scenario '${name}'; there are ${scenarios.map((one) => one.id).join(", ")}`,
      );
    }
    return found;
  });
}
