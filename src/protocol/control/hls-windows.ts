/** What packagers have made of all streams, as the primary and every gateway know it by their news. */
import type { HlsFile, HlsNews, HlsPlaylist } from "./hls.ts";

/** One stream's output. */
export interface HlsWindow {
  /** `vhost/app/stream`. */
  readonly key: string;
  /** Decoded path of the playlist's URL. */
  path: string;
  playlist: HlsPlaylist | null;
  /** By their numbers; **shared** memory. */
  readonly files: Map<number, HlsFile>;
}

/** What is held for viewers. */
export interface HlsHoldings {
  readonly streams: number;
  /** Segments, parts, keys and init segments. */
  readonly files: number;
  /** Of their shared memory: each counts once, however many threads know it. */
  readonly bytes: number;
}

/** All windows by key. Taking the same news twice changes nothing. */
export class HlsWindows {
  readonly #windows = new Map<string, HlsWindow>();
  #files = 0;
  #bytes = 0;

  /** Streams that have one. */
  get keys(): Iterable<string> {
    return this.#windows.keys();
  }

  get holdings(): HlsHoldings {
    return { streams: this.#windows.size, files: this.#files, bytes: this.#bytes };
  }

  find(key: string): HlsWindow | undefined {
    return this.#windows.get(key);
  }

  /** @returns files that left. */
  take({ key, path, playlist, added, dropped }: HlsNews): HlsFile[] {
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = { key, path, playlist: null, files: new Map() };
      this.#windows.set(key, window);
    }
    for (const file of added.filter(({ id }) => !window?.files.has(id))) {
      window.files.set(file.id, file);
      this.#files += 1;
      this.#bytes += file.bytes.byteLength;
    }
    if (playlist !== undefined) {
      window.playlist = playlist;
      window.path = path;
    }
    const left: HlsFile[] = [];
    for (const id of dropped) {
      const file = window.files.get(id);
      if (file !== undefined) {
        window.files.delete(id);
        this.#files -= 1;
        this.#bytes -= file.bytes.byteLength;
        left.push(file);
      }
    }
    if (window.playlist === null && window.files.size === 0) {
      this.#windows.delete(key);
    }
    return left;
  }

  /** What a thread must be told that knows nothing. */
  tell(): HlsNews[] {
    return [...this.#windows.values()].map(({ key, path, playlist, files }) => ({
      kind: "hls",
      key,
      path,
      playlist,
      added: [...files.values()],
      dropped: [],
      segment: null,
      isFirst: false,
    }));
  }
}
