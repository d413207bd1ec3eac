/** Bytes that may wait unsent in the sockets of a stream's players: one second of the stream, within bounds. */
import type { SocketRows } from "../io/socket-rows.ts";
import type { RingView } from "./ring-view.ts";

const BYTES_MIN = 64 * 1024;
const BYTES_MAX = 1024 * 1024;
/** A change of the stream's rate by less than this share is not passed on to sockets. */
const CHANGE_MIN = 0.25;

/** The limit of one stream on one shard. */
export class UnsentLimit {
  /** In force now. */
  bytes: number = BYTES_MIN;

  /** The current view's stream is measured anew: its players' sockets follow. */
  follow(views: readonly RingView[], rows: SocketRows): void {
    const rate = views.at(-1)?.reader.bytesPerSecond ?? 0;
    const wanted = Math.min(BYTES_MAX, Math.max(BYTES_MIN, rate));
    if (Math.abs(wanted - this.bytes) <= this.bytes * CHANGE_MIN) {
      return;
    }
    this.bytes = wanted;
    for (const view of views) {
      for (let at = 0; at < view.count; at += 1) {
        rows.limitUnsent(view.list[at] ?? -1, wanted);
      }
    }
  }
}
