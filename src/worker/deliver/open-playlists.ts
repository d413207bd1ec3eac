/**
 * Playlists that anybody may have: their vhost has no sessions, and no rule of it looks at who asks. The primary has
 * said so a moment ago, so that requests for them are answered here, and it hears of one in a second instead of each.
 */
import type { HlsAnswer } from "../../protocol/control/hls.ts";
import { HLS_OPEN_PLAYLISTS_MAX } from "../../protocol/limits.ts";

/** So long an answer counts: what changes at the primary without anybody's telling is heard of by then. */
const OPEN_MS = 1000;

/** The answer for a viewer that gets a playlist. */
export type AdmittedViewer = Extract<HlsAnswer, { kind: "admitted" }>;

/** What they are kept with. */
export interface OpenPlaylistsHost {
  /** Milliseconds, monotonic. */
  now(): number;
  /** Of the configuration in force: after a reload everything is asked about again. */
  version(): number;
}

interface OpenPlaylist {
  readonly answer: AdmittedViewer;
  readonly version: number;
  untilMs: number;
}

/** By host and path, as they were asked for. */
export class OpenPlaylists {
  readonly #host: OpenPlaylistsHost;
  readonly #open = new Map<string, OpenPlaylist>();

  constructor(host: OpenPlaylistsHost) {
    this.#host = host;
  }

  /** @returns null: the primary is to be asked. Of many that come at once one asks, and the others go on meanwhile. */
  find(place: string): AdmittedViewer | null {
    const open = this.#open.get(place);
    if (open?.version !== this.#host.version()) {
      return null;
    }
    const now = this.#host.now();
    if (open.untilMs > now) {
      return open.answer;
    }
    open.untilMs = now + OPEN_MS;
    return null;
  }

  /** @param version What was in force when the primary was asked. */
  learn(place: string, version: number, answer: HlsAnswer): void {
    const isOpen = answer.kind === "admitted" && answer.isForAll;
    if (isOpen && (this.#open.size < HLS_OPEN_PLAYLISTS_MAX || this.#open.has(place))) {
      this.#open.set(place, { answer, version, untilMs: this.#host.now() + OPEN_MS });
    } else {
      this.#open.delete(place);
    }
  }

  /** Sessions are over, that of all viewers of a stream perhaps among them. */
  ended(sessions: readonly string[]): void {
    for (const [place, { answer }] of this.#open) {
      if (sessions.includes(answer.session)) {
        this.#open.delete(place);
      }
    }
  }

  /** Every second: what nobody asked for meanwhile is asked about again. */
  prune(): void {
    const now = this.#host.now();
    for (const [place, { untilMs }] of this.#open) {
      if (untilMs <= now) {
        this.#open.delete(place);
      }
    }
  }
}

/** Whatever may name another vhost than the Host header, in any spelling. */
const NAMING = /vhost|domain|[%+]/i;

/** Where requests for a playlist meet; null where the query may say more than which version is wanted. */
export function openPlaceOf(host: string, path: string, query: string): string | null {
  return NAMING.test(query) ? null : `${host} ${path}`;
}
