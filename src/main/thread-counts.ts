/** How many threads there are of a kind, and how many clients each takes. */
import { coresOfHost } from "./limits-of-host.ts";

const CORES_PER_PACKAGER = 8;
/** Of a board at the least, so that a reload may raise `max_connections`; untouched ones cost nothing. */
const ROWS_MIN = 65_536;

/** Shards. @param workers The directive; 0: one for each core. */
export function shardsFor(workers: number): number {
  return workers > 0 ? workers : coresOfHost();
}

/** Packagers of HLS. @param jobs The directive; 0: one for every eight cores. */
export function packagersFor(jobs: number): number {
  return jobs > 0 ? jobs : Math.max(1, Math.floor(coresOfHost() / CORES_PER_PACKAGER));
}

/** Rows of each thread's board: all clients may be on one. */
export function rowsFor(maxConnections: number): number {
  return Math.max(maxConnections, ROWS_MIN);
}
