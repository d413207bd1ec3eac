/** What the lobby says no with, and what the log hears of it. */
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";

/** No shard, row, ring or descriptor is to be had. */
export function noRoom(status: string): RejectedError {
  return new RejectedError("no_room", status, "The server has no room.");
}

/** Short text of an error for the log; never a stack. */
export function describeError(error: unknown): string {
  if (error instanceof ProtocolError) {
    return `${error.code}: ${error.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}
