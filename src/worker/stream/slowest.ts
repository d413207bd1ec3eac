/** Who of those that do not keep up is furthest behind. */

/** A row that is less behind may only be full for a moment. */
const SLOW_MS = 1000;

/** A row and its lag. */
export interface SlowRow {
  readonly row: number;
  readonly lagMs: number;
}

/** Of `rows` those that lag most, at most `count`, the slowest first. */
export function slowest(
  rows: Iterable<number>,
  count: number,
  lagOf: (row: number) => number,
): SlowRow[] {
  return Array.from(rows, (row) => ({ row, lagMs: lagOf(row) }))
    .filter(({ lagMs }) => lagMs >= SLOW_MS)
    .sort((one, other) => other.lagMs - one.lagMs)
    .slice(0, count);
}
