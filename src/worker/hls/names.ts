/** Names of one stream's HLS files: on disk, in URLs, and in playlists. */
import type { HlsSettings } from "../../protocol/control/hls.ts";
import { wallTime } from "../../protocol/date-variables.ts";
import { expandPath, segmentUri } from "../../protocol/hls/path-template.ts";

/** Where a file is found. */
export interface FileName {
  /** Decoded path of its URL; begins with a slash. */
  readonly path: string;
  /** As playlists name it. */
  readonly uri: string;
  /** On disk. */
  readonly file: string;
}

/** What a segment's name is made of. */
export interface SegmentMoment {
  readonly sequence: number;
  readonly durationMs: number;
  /** Wall clock at its first frame. */
  readonly startWallMs: number;
  /** With `hls_ts_floor`: what `[timestamp]` is instead. */
  readonly timestamp: number | undefined;
}

/** The parts of a stream's key. */
export interface StreamNames {
  readonly vhost: string;
  readonly app: string;
  readonly stream: string;
}

/** Takes `vhost/app/stream` apart; only apps have several segments. */
export function namesOf(key: string): StreamNames {
  const first = key.indexOf("/");
  const last = key.lastIndexOf("/");
  return {
    vhost: key.slice(0, first),
    app: key.slice(first + 1, last),
    stream: key.slice(last + 1),
  };
}

/** All names of one stream under one configuration. */
export class HlsNames {
  /** The playlist. */
  readonly playlist: FileName;
  readonly #settings: HlsSettings;
  readonly #names: StreamNames;

  constructor(key: string, settings: HlsSettings) {
    this.#settings = settings;
    this.#names = namesOf(key);
    const relative = this.#expand(settings.playlistFile);
    this.playlist = {
      path: `/${relative}`,
      uri: encodePath(relative),
      file: this.#below(relative),
    };
  }

  segment(moment: SegmentMoment): FileName {
    const { isFmp4, fmp4File, tsFile } = this.#settings;
    return this.#beside(this.#expandAt(isFmp4 ? fmp4File : tsFile, moment));
  }

  /** A part has a name of its own: what a segment is called is known only at its end. */
  part(sequence: number, part: number): FileName {
    const base = this.playlist.path.slice(1).replace(/\.[^./]*$/, "");
    return this.#beside(`${base}-${sequence}.${part}.${this.#settings.isFmp4 ? "m4s" : "ts"}`);
  }

  /** @param version Of the tracks: the first one has the name that the template says. */
  init(version: number): FileName {
    const name = this.#expand(this.#settings.initFile);
    return this.#beside(version <= 1 ? name : name.replace(/(\.[^./]*)?$/, `-${version}$1`));
  }

  key(moment: SegmentMoment): FileName {
    const { keyFile, keyPath, keyUrl } = this.#settings;
    const relative = this.#expandAt(keyFile, moment);
    const name = this.#beside(relative);
    const uri =
      keyUrl === null
        ? encodePath(segmentUri(this.playlist.path.slice(1), relative, ""))
        : `${keyUrl}${encodePath(relative)}`;
    const file = keyPath === null ? name.file : `${keyPath}/${relative}`;
    return { ...name, uri, file };
  }

  #beside(relative: string): FileName {
    const uri = segmentUri(this.playlist.path.slice(1), relative, "");
    const { entryPrefix } = this.#settings;
    return {
      path: `/${relative}`,
      uri:
        entryPrefix === ""
          ? encodePath(uri)
          : segmentUri(encodePath(this.playlist.path.slice(1)), encodePath(relative), entryPrefix),
      file: this.#below(relative),
    };
  }

  #expand(template: string): string {
    return relativePath(expandPath(template, this.#names));
  }

  #expandAt(template: string, moment: SegmentMoment): string {
    const { sequence, durationMs, startWallMs, timestamp } = moment;
    const time = wallTime(startWallMs);
    const at = { sequence, durationMs, time };
    return relativePath(
      expandPath(template, {
        ...this.#names,
        ...at,
        ...(timestamp === undefined ? {} : { timestamp }),
      }),
    );
  }

  #below(relative: string): string {
    return `${this.#settings.path}/${relative}`;
  }
}

function relativePath(path: string): string {
  return path.replace(/^(\.?\/)+/, "");
}

/** A stream's name may hold what a URL or a playlist's line may not. */
function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
