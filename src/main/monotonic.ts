/** Monotonic milliseconds that mean the same in every thread of the process. */
import { offsetBetween } from "../protocol/control/clock-offset.ts";

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

const OFFSET_MS = offsetBetween(() => performance.now(), hrtimeMs);

/** Milliseconds on CLOCK_MONOTONIC. */
export function monotonicMs(): number {
  return OFFSET_MS + performance.now();
}

/** Runs work later; @returns what takes it back. */
export function after(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms).unref();
  return () => clearTimeout(timer);
}
