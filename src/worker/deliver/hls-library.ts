/**
 * What this gateway can serve of HLS: segments, keys and init segments by their paths, playlists by their streams, and
 * who waits for either. All of it is in memory that packagers made and nobody writes any more.
 */
import type { HlsFile, HlsNews, HlsPlaylist } from "../../protocol/control/hls.ts";
import { HlsWindows } from "../../protocol/control/hls-windows.ts";
import { HLS_WAITING_MAX } from "../../protocol/limits.ts";
import { DEFAULT_VHOST } from "../../protocol/rtmp/stream-url.ts";

/** Somebody who waits for more of a stream. */
export interface Waiter {
  readonly key: string;
  /** Milliseconds, monotonic. */
  readonly untilMs: number;
  /** Looks again. @returns true when it was answered. */
  look(): boolean;
  /** Its time is over. */
  expired(): void;
}

/** A file, and the stream that it is of. */
export interface FoundFile {
  readonly file: HlsFile;
  readonly key: string;
}

/** All streams. */
export class HlsLibrary {
  readonly #windows = new HlsWindows();
  /** By vhost and path; the newest of a name. */
  readonly #files = new Map<string, FoundFile>();
  /** Keys of streams by vhost and path of the part that comes next. */
  readonly #hints = new Map<string, string>();
  /** By key: news of one stream are nothing to those who wait for another. */
  readonly #waiters = new Map<string, Set<Waiter>>();
  #waiting = 0;

  /** Takes news of a stream, and answers who waited for them. */
  take(news: HlsNews): void {
    const vhost = vhostOf(news.key);
    this.#dropHint(news.key);
    const left = this.#windows.take(news);
    for (const file of left) {
      const name = placeOf(vhost, file.path);
      if (this.#files.get(name)?.file.id === file.id) {
        this.#files.delete(name);
      }
    }
    for (const file of news.added) {
      this.#files.set(placeOf(vhost, file.path), { file, key: news.key });
    }
    const hint = this.playlist(news.key)?.hint ?? "";
    if (hint !== "") {
      this.#hints.set(placeOf(vhost, hint), news.key);
    }
    this.#look(news.key);
  }

  /** @param host Names the vhost; another's is asked for where it has none of its own. */
  file(host: string, path: string): FoundFile | undefined {
    return this.#files.get(placeOf(host, path)) ?? this.#files.get(placeOf(DEFAULT_VHOST, path));
  }

  /** The stream whose next part has this path. */
  hinted(host: string, path: string): string | undefined {
    return this.#hints.get(placeOf(host, path)) ?? this.#hints.get(placeOf(DEFAULT_VHOST, path));
  }

  playlist(key: string): HlsPlaylist | null {
    return this.#windows.find(key)?.playlist ?? null;
  }

  /** There is HLS of the stream. */
  has(key: string): boolean {
    return this.#windows.find(key) !== undefined;
  }

  /** By what playlists call them: to which group of its files each of a stream's belongs. */
  groupsOf(key: string): ReadonlyMap<string, number> {
    const files = this.#windows.find(key)?.files.values() ?? [];
    return new Map([...files].map(({ uri, group }) => [uri, group]));
  }

  /** Waits, unless too many do. @returns what takes it back. */
  wait(waiter: Waiter): () => void {
    if (this.#waiting >= HLS_WAITING_MAX) {
      waiter.expired();
      return () => undefined;
    }
    const waiters = this.#waiters.get(waiter.key) ?? new Set();
    this.#waiters.set(waiter.key, waiters);
    waiters.add(waiter);
    this.#waiting += 1;
    return () => this.#remove(waiter);
  }

  /** Ends those whose time is over. `now` in milliseconds, monotonic. */
  expire(now: number): void {
    for (const waiters of [...this.#waiters.values()]) {
      for (const waiter of [...waiters]) {
        if (waiter.untilMs <= now) {
          this.#remove(waiter);
          waiter.expired();
        }
      }
    }
  }

  #look(key: string): void {
    for (const waiter of [...(this.#waiters.get(key) ?? [])]) {
      if (waiter.look()) {
        this.#remove(waiter);
      }
    }
  }

  #remove(waiter: Waiter): void {
    const waiters = this.#waiters.get(waiter.key);
    if (waiters?.delete(waiter) !== true) {
      return;
    }
    this.#waiting -= 1;
    if (waiters.size === 0) {
      this.#waiters.delete(waiter.key);
    }
  }

  #dropHint(key: string): void {
    const hint = this.playlist(key)?.hint ?? "";
    if (hint !== "") {
      this.#hints.delete(placeOf(vhostOf(key), hint));
    }
  }
}

function vhostOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}

function placeOf(vhost: string, path: string): string {
  return `${vhost} ${path}`;
}
