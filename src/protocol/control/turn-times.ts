/**
 * How long a frame takes from its announcement until all players whose turn it is have been sent it: counted by each
 * thread on its board, one count per turn and not per player.
 *
 * The cells are those of an HDR histogram with two significant digits: 128 of them for each power of two, so a time is
 * known to within 1 %. Histograms of several threads, or of two moments, are added and subtracted cell by cell.
 */

/** Upper bounds of the buckets that metrics show; a last one has none. Units: ms. */
export const TURN_BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000,
];
/** A ring whose writer died, or that a reader came to late, tells no time. */
const TIME_MAX_US = 60_000_000;
const MICROSECONDS = 1000;
/** Times below twice this have a cell for each microsecond. */
const HALF_BITS = 7;
const HALF: number = 1 << HALF_BITS;
const MASK: number = 2 * HALF - 1;
/** Leading zeros of the largest value whose cell is one microsecond wide. */
const NO_SHIFT_ZEROS: number = Math.clz32(MASK);
const COUNTS: number = cellOf(TIME_MAX_US) + 1;
/** Behind the counts: the sum of all times. Units: µs. */
const SUM = COUNTS;
/** Doubles of one histogram. */
export const TURN_CELLS: number = COUNTS + 1;

/** Counts a turn. Allocates nothing. @param us Microseconds, an unsigned 32-bit integer. */
export function noteTurn(cells: Float64Array, us: number): void {
  if (us > TIME_MAX_US) {
    return;
  }
  const at = cellOf(us);
  cells[at] = (cells[at] ?? 0) + 1;
  cells[SUM] = (cells[SUM] ?? 0) + us;
}

/** The turns of a thread, in the buckets that metrics show. */
export interface TurnTimes {
  /** By bucket, each for itself. */
  readonly counts: readonly number[];
  readonly sumMs: number;
}

/** What was counted. A bound is met to within the width of a cell, 1 %. */
export function readTurns(cells: Float64Array): TurnTimes {
  const counts = new Array<number>(TURN_BOUNDS_MS.length + 1).fill(0);
  let bucket = 0;
  for (let at = 0; at < COUNTS; at += 1) {
    while (lowestOf(at) > (TURN_BOUNDS_MS[bucket] ?? Number.POSITIVE_INFINITY) * MICROSECONDS) {
      bucket += 1;
    }
    counts[bucket] = (counts[bucket] ?? 0) + (cells[at] ?? 0);
  }
  return { counts, sumMs: (cells[SUM] ?? 0) / MICROSECONDS };
}

/** Adds what another thread counted. */
export function addTurns(sum: Float64Array, cells: Float64Array): void {
  for (let at = 0; at < TURN_CELLS; at += 1) {
    sum[at] = (sum[at] ?? 0) + (cells[at] ?? 0);
  }
}

/** What was counted since an earlier moment. @returns a histogram of its own */
export function turnsSince(cells: Float64Array, before: Float64Array): Float64Array {
  // A thread that is gone has taken its counts along: that is no negative time.
  return cells.map((count, at) => Math.max(0, count - (before[at] ?? 0)));
}

/** How many turns were counted. */
export function countTurns(cells: Float64Array): number {
  let turns = 0;
  for (let at = 0; at < COUNTS; at += 1) {
    turns += cells[at] ?? 0;
  }
  return turns;
}

/**
 * The time that so many of the turns did not exceed.
 * @param share From 0 to 1: 0.99 for the 99th percentile.
 * @returns milliseconds, the upper end of the cell; 0 where nothing was counted
 */
export function turnQuantileMs(cells: Float64Array, share: number): number {
  const wanted = Math.max(1, Math.round(share * countTurns(cells)));
  let turns = 0;
  for (let at = 0; at < COUNTS; at += 1) {
    turns += cells[at] ?? 0;
    if (turns >= wanted) {
      return (lowestOf(at + 1) - 1) / MICROSECONDS;
    }
  }
  return 0;
}

function cellOf(us: number): number {
  const shift = NO_SHIFT_ZEROS - Math.clz32(us | MASK);
  return (shift << HALF_BITS) + (us >>> shift);
}

/** The smallest time that counts in a cell. Units: µs. */
function lowestOf(at: number): number {
  const shift = Math.max(0, (at >>> HALF_BITS) - 1);
  return (at - (shift << HALF_BITS)) * 2 ** shift;
}
