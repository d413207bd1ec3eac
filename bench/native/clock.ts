/** One monotonic clock for all processes of the machine: a stamp written by one is read by another. */
const CALIBRATIONS = 100;

const monotonicUs = (): number => Number(process.hrtime.bigint()) / 1000;

/**
 * What to add to `performance.now()`. The narrowest of many brackets: a process that loses its core between two
 * readings would be off by that time for good.
 */
function calibrate(): number {
  let narrowestUs = Number.POSITIVE_INFINITY;
  let offset = 0;
  for (let index = 0; index < CALIBRATIONS; index++) {
    const before = monotonicUs();
    const now = performance.now() * 1000;
    const after = monotonicUs();
    if (after - before < narrowestUs) {
      narrowestUs = after - before;
      offset = (before + after) / 2 - now;
    }
  }
  return offset;
}

const offsetUs: number = calibrate();

/** CLOCK_MONOTONIC in µs. Allocates nothing. */
export function nowUs(): number {
  return offsetUs + performance.now() * 1000;
}

/** Resolve after `ms`. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
