/** Why a player is over whose send was its last. */
import type { FanOutEnd } from "./fan-out-host.ts";
import { SendResult } from "./ring-view.ts";

/** The end that a {@link SendResult} means; of one that is none of these: the connection failed. */
export function endOf(result: number): FanOutEnd {
  if (result === SendResult.Passed) {
    return "passed by the ring";
  }
  return result === SendResult.PlayedOut ? "duration over" : "network error";
}
