/** Which thread makes HLS and recordings of which stream. */

import type { Config } from "../../protocol/conf/config.ts";
import type { StreamSettings } from "../../protocol/control/calls.ts";
import { homeShard, type PlacementCandidate } from "./placement.ts";

/** The packagers of the host. */
export class Packagers {
  readonly #places: readonly PlacementCandidate[];

  /** @param first Index of the first packager among all threads. */
  constructor(first: number, count: number) {
    // Alive or not: each key stays with its own, for two that write one playlist would be worse than none for a moment.
    this.#places = Array.from({ length: count }, (_, index) => ({
      index: first + index,
      alive: true,
      excluded: false,
    }));
  }

  /** The thread of a key, whether it runs or is being replaced; -1: there is none. */
  of(key: string): number {
    return homeShard(key, this.#places);
  }
}

/** Files are made of a stream as long as it is published. */
export function isPackaged(entry: {
  readonly publisher: unknown;
  readonly settings: StreamSettings;
}): boolean {
  const { hls, dvr } = entry.settings;
  return entry.publisher !== null && (hls?.enabled === true || dvr !== null);
}

/** Some vhost has streams of which files may be made. */
export function needsPackagers({ vhosts }: Pick<Config, "vhosts">): boolean {
  return [...vhosts.values()].some(({ hls, dvr }) => hls.enabled || dvr.enabled);
}
