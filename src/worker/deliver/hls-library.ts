/**
 * What this gateway can serve of HLS: segments, keys and init segments by their paths, playlists by their streams. All of
 * it is in memory that packagers made and nobody writes any more.
 */
import type { HlsFile, HlsNews, HlsPlaylist } from "../../protocol/control/hls.ts";
import { HlsWindows } from "../../protocol/control/hls-windows.ts";
import { DEFAULT_VHOST } from "../../protocol/rtmp/stream-url.ts";

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

  /** Takes news of a stream. */
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
