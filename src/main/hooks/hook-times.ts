/** How long callbacks take and what comes of them, by kind, for metrics. */
import type { HookAction } from "../../protocol/conf/hooks.ts";
import type { Reply } from "./reply.ts";

/** Upper bounds of the buckets; a last one has none. Units: ms. */
export const HOOK_BOUNDS_MS: readonly number[] = [
  5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
];

/** The calls of one kind. */
export interface HookActionTimes {
  readonly replies: Record<Reply["kind"], number>;
  /** By bucket, each for itself. */
  readonly counts: number[];
  sumMs: number;
}

/** Counts calls. */
export class HookTimes {
  readonly #byAction = new Map<HookAction, HookActionTimes>();

  /** One call is over. @param ms From when it was due, with the wait for its turn. */
  note(action: HookAction, kind: Reply["kind"], ms: number): void {
    let times = this.#byAction.get(action);
    if (times === undefined) {
      times = {
        replies: { allowed: 0, refused: 0, failed: 0 },
        counts: new Array<number>(HOOK_BOUNDS_MS.length + 1).fill(0),
        sumMs: 0,
      };
      this.#byAction.set(action, times);
    }
    const found = HOOK_BOUNDS_MS.findIndex((bound) => ms <= bound);
    const bucket = found < 0 ? HOOK_BOUNDS_MS.length : found;
    times.replies[kind] += 1;
    times.counts[bucket] = (times.counts[bucket] ?? 0) + 1;
    times.sumMs += ms;
  }

  /** All kinds that were called. */
  [Symbol.iterator](): Iterator<[HookAction, HookActionTimes]> {
    return this.#byAction.entries();
  }
}
