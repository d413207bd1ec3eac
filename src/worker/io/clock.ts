/** Monotonic milliseconds that mean the same in every thread of the process. */

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Without the getter of the global. */
const clock = performance;
const OFFSET_MS: number = hrtimeMs() - clock.now();

/** Milliseconds on CLOCK_MONOTONIC; allocates nothing. */
export function monotonicMs(): number {
  return OFFSET_MS + clock.now();
}
