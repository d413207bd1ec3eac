/** What came of callbacks, for metrics. All of it since the start. */
import type { CalledAction } from "../../protocol/conf/hooks.ts";
import type { Reply } from "./reply.ts";

/** Upper bounds of the buckets of call times; a last one has none. Units: ms. */
export const CALL_BOUNDS_MS: readonly number[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];

/** The calls of one action. */
export interface ActionCounts {
  readonly replies: Record<Reply["kind"], number>;
  /** How long the server took, by bucket, each for itself: without the wait for a turn. */
  readonly times: number[];
  sumMs: number;
  /** News that was left out because too much of it waited. */
  dropped: number;
  /** Calls that were made once more. */
  retried: number;
}

/** Counts by action; only actions that were called for are there. */
export class HookCounts {
  readonly byAction: Map<CalledAction, ActionCounts> = new Map();
  /** Calls without a valid answer, by the code that the log has. */
  readonly failures: Map<string, number> = new Map();
  /** Plays that were let in by a verdict that was kept. */
  known = 0;

  /** An answer, or that there is none. */
  replied(action: CalledAction, reply: Reply): void {
    this.of(action).replies[reply.kind] += 1;
    if (reply.kind === "failed") {
      const code = String(reply.code);
      this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
    }
  }

  /** A server has answered, or has not, after so long. */
  took(action: CalledAction, ms: number): void {
    const counts = this.of(action);
    let bucket = 0;
    while (bucket < CALL_BOUNDS_MS.length && ms > (CALL_BOUNDS_MS[bucket] ?? 0)) {
      bucket += 1;
    }
    counts.times[bucket] = (counts.times[bucket] ?? 0) + 1;
    counts.sumMs += ms;
  }

  /** News left out, of all actions. */
  get dropped(): number {
    let sum = 0;
    for (const { dropped } of this.byAction.values()) {
      sum += dropped;
    }
    return sum;
  }

  /** An action's own. */
  of(action: CalledAction): ActionCounts {
    let counts = this.byAction.get(action);
    if (counts === undefined) {
      counts = {
        replies: { allowed: 0, refused: 0, failed: 0 },
        times: new Array<number>(CALL_BOUNDS_MS.length + 1).fill(0),
        sumMs: 0,
        dropped: 0,
        retried: 0,
      };
      this.byAction.set(action, counts);
    }
    return counts;
  }
}
