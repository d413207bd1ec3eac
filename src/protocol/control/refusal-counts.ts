/** What a thread refuses by itself, without asking the primary: counted by reason in the counters of its board. */
import { Counter } from "./board.ts";

/** Reasons, in the order of their counters. */
const REASONS = [
  "http_not_found",
  "http_bad_method",
  "http_bad_request",
  "interrupted",
  "http_busy",
  "http_no_answer",
  "http_late",
  "plays_max",
  "http_unsigned",
] as const;

/**
 * Why a thread refuses. `http_late`: what was waited for did not come; `http_no_answer`: the primary did not answer;
 * `interrupted`: the session of HLS was ended; `plays_max`: a connection asks for more streams than it may carry;
 * `http_unsigned`: a segment is asked for that no playlist has given.
 */
export type ThreadRefusal = (typeof REASONS)[number];

/** Who is told of one. */
export type RefusalSink = (reason: ThreadRefusal) => void;

/** Counts one. */
export function countRefusal(counters: Float64Array, reason: ThreadRefusal): void {
  const at = Counter.Refusals + REASONS.indexOf(reason);
  counters[at] = (counters[at] ?? 0) + 1;
}

/** What a thread has counted, reasons without any left out. */
export function readRefusals(counters: Float64Array): [ThreadRefusal, number][] {
  return REASONS.map((reason, at): [ThreadRefusal, number] => [
    reason,
    counters[Counter.Refusals + at] ?? 0,
  ]).filter(([, count]) => count > 0);
}
