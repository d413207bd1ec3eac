/** Monotonic milliseconds that mean the same in every thread of the process. */
import { offsetBetween } from "../../protocol/control/clock-offset.ts";

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Without the getter of the global. */
const clock = performance;
const OFFSET_MS: number = offsetBetween(() => clock.now(), hrtimeMs);

/** Milliseconds on CLOCK_MONOTONIC; allocates nothing. */
export function monotonicMs(): number {
  return OFFSET_MS + clock.now();
}

/** Times on the board are kept in so many bits. */
export const MS_MASK = 0x7f_ff_ff_ff;

/**
 * Milliseconds since a time of the board, which may have wrapped; 0 when it lies ahead: whoever looks took his time
 * before another wrote it.
 */
export function elapsedMs(now: number, since: number): number {
  const elapsed = ((now & MS_MASK) - since) & MS_MASK;
  return elapsed > MS_MASK / 2 ? 0 : elapsed;
}
