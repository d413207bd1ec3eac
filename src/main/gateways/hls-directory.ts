/**
 * The outputs of HLS on the whole host: packagers tell the primary what they made, and the primary tells every gateway,
 * also one that comes later. Media is passed on by reference.
 */

import type { HlsLeft, HlsNews, HlsSegmentNews } from "../../protocol/control/hls.ts";
import { type HlsHoldings, HlsWindows } from "../../protocol/control/hls-windows.ts";
import type { ShardLink } from "../shards/shard-link.ts";
import { postToGateways } from "../shards/to-gateways.ts";

/** Players hold older playlists: what a packager left that died is served for so long. */
const ORPHAN_MS = 120_000;

/** What the directory works with. */
export interface HlsDirectoryHost {
  /** Live table of all threads. */
  readonly links: readonly (ShardLink | undefined)[];
  /** Milliseconds, monotonic. */
  now(): number;
  /** A segment is finished and told to all gateways: here is where those hear of it who want to (`on_hls`). */
  segmentFinished(key: string, segment: HlsSegmentNews): void;
}

interface Orphans {
  readonly key: string;
  readonly ids: readonly number[];
  /** The playlist leaves as well, if nobody went on with it. */
  readonly hasPlaylist: boolean;
  readonly untilMs: number;
}

/** All outputs. */
export class HlsDirectory {
  readonly #host: HlsDirectoryHost;
  readonly #windows = new HlsWindows();
  /** Number of the thread that made a key's output last. */
  readonly #makers = new Map<string, number>();
  #orphans: Orphans[] = [];

  constructor(host: HlsDirectoryHost) {
    this.#host = host;
  }

  /** What is held for viewers. */
  get holdings(): HlsHoldings {
    return this.#windows.holdings;
  }

  /** A stream's output has something to fetch. */
  hasPlaylist(key: string): boolean {
    return this.#windows.find(key)?.playlist != null;
  }

  /** News of a packager. */
  take(packager: ShardLink, news: HlsNews): void {
    const { key } = news;
    if (news.isFirst) {
      this.#abandon(key, false);
    }
    this.#apply(news);
    if (this.#windows.find(key) === undefined) {
      this.#makers.delete(key);
    } else {
      this.#makers.set(key, packager.index);
    }
    if (news.segment !== null) {
      this.#host.segmentFinished(key, news.segment);
    }
  }

  /** A thread is ready; a gateway learns of all there is. */
  ready(link: ShardLink): void {
    if (link.role === "gateway") {
      for (const news of this.#windows.tell()) {
        link.post(news);
      }
      link.post({ kind: "hls-told" });
    }
  }

  /** Playlists that viewers have, of keys that are of a packager's which knows nothing of them. */
  left(isIts: (key: string) => boolean): HlsLeft["outputs"] {
    return [...this.#windows.keys].filter(isIts).flatMap((key) => {
      const text = this.#windows.find(key)?.playlist?.text;
      return text === undefined ? [] : [{ key, text }];
    });
  }

  /** A thread is gone. What a packager made is served for a while; its successor goes on with the playlists. */
  died(index: number): void {
    for (const [key, maker] of [...this.#makers]) {
      if (maker === index) {
        this.#makers.delete(key);
        this.#abandon(key, true);
      }
    }
  }

  /** Every second. */
  tick(): void {
    const now = this.#host.now();
    const due = this.#orphans.filter(({ untilMs }) => untilMs <= now);
    if (due.length === 0) {
      return;
    }
    this.#orphans = this.#orphans.filter(({ untilMs }) => untilMs > now);
    for (const { key, ids, hasPlaylist } of due) {
      const isOver = hasPlaylist && !this.#makers.has(key);
      this.#apply({
        ...{ kind: "hls", key, path: "", playlist: isOver ? null : undefined },
        ...{ added: [], dropped: ids, segment: null, isFirst: false },
      });
    }
  }

  #abandon(key: string, hasPlaylist: boolean): void {
    const window = this.#windows.find(key);
    if (window !== undefined) {
      const untilMs = this.#host.now() + ORPHAN_MS;
      this.#orphans.push({ key, ids: [...window.files.keys()], hasPlaylist, untilMs });
    }
  }

  #apply(news: HlsNews): void {
    this.#windows.take(news);
    postToGateways(this.#host.links, news);
  }
}
