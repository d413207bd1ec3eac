/** Faults that tests inject into a shard; refused unless the server was started for it. */
import type { Fault } from "../protocol/control/calls.ts";
import { InvariantError } from "../protocol/errors.ts";

const HANG_MS = 60_000;

/** Breaks this thread as asked. Its heart beats until nothing of it runs any more. */
export function runFault(isAllowed: boolean, fault: Fault, beat: () => void): void {
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
        beat();
      }
    }
    const until = performance.now() + HANG_MS;
    while (performance.now() < until) {
      // Spins: neither events nor timers run.
    }
  });
}
