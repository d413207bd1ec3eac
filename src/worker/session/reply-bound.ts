/** How much a peer may leave unread of what it is answered. */
import { CONTROL_BACKLOG_BYTES_MAX } from "../../protocol/limits.ts";

/** Counts the replies of one connection; its media wait as well, within bounds of their own. */
export class ReplyBound {
  /** Bytes of replies queued since nothing was left to send. */
  #queued = 0;

  /** A reply was queued. @param before Bytes unsent before it, and `after` it. @returns false when it is too much. */
  add(bytes: number, before: number, after: number): boolean {
    this.#queued = (before === 0 ? 0 : this.#queued) + bytes;
    return Math.min(this.#queued, after) <= CONTROL_BACKLOG_BYTES_MAX;
  }

  /** All was sent. */
  clear(): void {
    this.#queued = 0;
  }
}
