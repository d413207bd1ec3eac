/** One monotonic clock for all processes of the machine: a stamp written by one is read by another. */
const offsetUs: number = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000;

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
