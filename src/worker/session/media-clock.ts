/** When a publishing connection has sent media, and when its streams had players: the limits on both. */
import type { EndReason } from "../../protocol/control/calls.ts";
import type { Published } from "./published-streams.ts";

/** Times of one connection. Milliseconds, monotonic. */
export class MediaClock {
  #lastMediaMs: number;
  #idleSinceMs: number;
  #hasMedia = false;

  constructor(now: number) {
    this.#lastMediaMs = now;
    this.#idleSinceMs = now;
  }

  /** A stream begins: its first media is waited for. */
  begin(now: number): void {
    this.#hasMedia = false;
    this.#lastMediaMs = now;
  }

  /** A message came. @param isMedia audio or video. */
  took(isMedia: boolean, now: number): void {
    this.#lastMediaMs = now;
    this.#hasMedia ||= isMedia;
  }

  /** Why the connection is to be ended; undefined while all is well. */
  overdue(
    published: Iterable<Published>,
    playersOf: (streamId: number) => number,
    now: number,
  ): { readonly reason: EndReason; readonly detail: string } | undefined {
    const silentMs = now - this.#lastMediaMs;
    for (const { stream, settings } of published) {
      const limit = this.#hasMedia ? settings.normalTimeoutMs : settings.firstPacketTimeoutMs;
      if (silentMs > limit) {
        return { reason: "no media", detail: `nothing for ${Math.round(silentMs)} ms` };
      }
      const idleMs = now - this.#idleSinceMs;
      if (playersOf(stream.streamId) > 0) {
        this.#idleSinceMs = now;
      } else if (settings.kickoffForIdleMs > 0 && idleMs > settings.kickoffForIdleMs) {
        return { reason: "nobody watches", detail: `for ${Math.round(idleMs)} ms` };
      }
    }
    return undefined;
  }
}
