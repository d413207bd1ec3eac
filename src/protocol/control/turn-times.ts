/**
 * How long a frame takes from its announcement until all players whose turn it is have been sent it: counted by each
 * thread in the counters of its board, one count per turn and not per player.
 */
import { Counter } from "./board.ts";

/** Upper bounds of the buckets; a last one has none. Units: ms. */
export const TURN_BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000,
];
const COUNT = TURN_BOUNDS_MS.length + 1;
const SUM: number = Counter.TurnTimes + COUNT;
/** A ring whose writer died, or that a reader came to late, tells no time. */
const TIME_MAX_MS = 60_000;

/** Counts a turn. Allocates nothing. */
export function noteTurn(counters: Float64Array, ms: number): void {
  if (ms > TIME_MAX_MS) {
    return;
  }
  let bucket = 0;
  while (bucket < COUNT - 1 && ms > (TURN_BOUNDS_MS[bucket] ?? 0)) {
    bucket += 1;
  }
  const at = Counter.TurnTimes + bucket;
  counters[at] = (counters[at] ?? 0) + 1;
  counters[SUM] = (counters[SUM] ?? 0) + ms;
}

/** The turns of a thread. */
export interface TurnTimes {
  /** By bucket, each for itself. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

/** What a thread has counted. */
export function readTurns(counters: Float64Array): TurnTimes {
  const counts = [...counters.subarray(Counter.TurnTimes, Counter.TurnTimes + COUNT)];
  return { counts, sumMs: counters[SUM] ?? 0 };
}
