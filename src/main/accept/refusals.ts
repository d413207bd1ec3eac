/** What the lobby says no with, and what the log hears of it. */
import { messageOf, ProtocolError, RejectedError } from "../../protocol/errors.ts";
import type { Logger } from "../log/logger.ts";

/** What refusals by the limits of a vhost are called. */
const LIMIT = /^ERR_LIMIT_/;

/** Tells of one who was refused. Those beyond a limit may come in thousands: a line tells of all, see `Seats`. */
export function logRefusal(log: Logger, id: string, code: string, text: string): void {
  const line = `refused: ${text}`;
  if (LIMIT.test(code)) {
    log.debug(id, line);
  } else {
    log.info(id, line);
  }
}

/** No shard, row, ring or descriptor is to be had. */
export function noRoom(status: string): RejectedError {
  return new RejectedError("no_room", status, "The server has no room.");
}

/** Short text of an error for the log; never a stack. */
export function describeError(error: unknown): string {
  if (error instanceof ProtocolError) {
    return `${error.code}: ${error.message}`;
  }
  return messageOf(error);
}
