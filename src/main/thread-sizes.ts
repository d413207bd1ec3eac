/** How many threads, and how many connections each has room for. */
import { coresOfHost } from "./limits-of-host.ts";

/** Rows of a shard's board at the least, so that a reload may raise `max_connections`; untouched ones cost nothing. */
const ROWS_MIN = 65_536;
const CORES_PER_PACKAGER = 8;

/** Rows of a board. */
export function rowsFor(maxConnections: number): number {
  return Math.max(maxConnections, ROWS_MIN);
}

/** Packagers. @param jobs As configured; 0: by the number of cores. */
export function packagersFor(jobs: number): number {
  return jobs > 0 ? jobs : Math.max(1, Math.floor(coresOfHost() / CORES_PER_PACKAGER));
}
