/** Faults that tests inject into a shard; refused unless the server was started for it. */
import type { Fault } from "../protocol/control/calls.ts";
import { InvariantError } from "../protocol/errors.ts";

const HANG_MS = 60_000;

/** Breaks this thread as asked. */
export function runFault(isAllowed: boolean, fault: Fault): void {
  if (!isAllowed) {
    return;
  }
  setImmediate(() => {
    if (fault === "throw") {
      throw new InvariantError("fault injected");
    }
    if (fault === "oom") {
      const hoard: unknown[] = [];
      for (;;) {
        hoard.push(new Array(1000).fill(hoard.length));
      }
    }
    const until = performance.now() + HANG_MS;
    while (performance.now() < until) {
      // Spins: neither events nor timers run.
    }
  });
}
