/** What clients are told that they did not ask for. */
import type { EndReason } from "../../protocol/control/calls.ts";

/** An onStatus. */
export interface PlayEnd {
  readonly code: string;
  readonly description: string;
}

/** Why a client is asked to connect again. */
export const RECONNECT_TEXT = "The server is about to stop.";

/** There is no such stream. */
export const STREAM_NOT_FOUND: PlayEnd = {
  code: "NetStream.Play.StreamNotFound",
  description: "No such stream.",
};

const TOLD: Partial<Record<EndReason, PlayEnd>> = {
  "no stream": STREAM_NOT_FOUND,
  "duration over": { code: "NetStream.Play.Stop", description: "The duration is over." },
  "server stops": { code: "NetStream.Play.Stop", description: "The server stops." },
};

/** What is said when a play ends; undefined: nothing. */
export function playEndOf(reason: EndReason): PlayEnd | undefined {
  return TOLD[reason];
}
