/** The little of an HLS playlist (RFC 8216) that a plain player looks at. */

export interface Playlist {
  /** URI of the first variant when this is a multivariant playlist, else ''. */
  readonly variant: string;
  readonly targetDurationMs: number;
  /** Media sequence number of the first segment. */
  readonly firstSequence: number;
  readonly segments: readonly string[];
  readonly isEnded: boolean;
}

function numberAfter(lines: readonly string[], tag: string, fallback: number): number {
  const line = lines.find((text) => text.startsWith(tag));
  return line === undefined ? fallback : Number(line.slice(tag.length));
}

/** @throws Error on what is no playlist. */
export function decodePlaylist(text: string): Playlist {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  if (lines[0] !== "#EXTM3U") {
    throw new Error("no playlist");
  }
  const uris = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const isMaster = lines.some((line) => line.startsWith("#EXT-X-STREAM-INF"));
  return {
    variant: isMaster ? (uris[0] ?? "") : "",
    targetDurationMs: numberAfter(lines, "#EXT-X-TARGETDURATION:", 1) * 1000,
    firstSequence: numberAfter(lines, "#EXT-X-MEDIA-SEQUENCE:", 0),
    segments: isMaster ? [] : uris,
    isEnded: lines.includes("#EXT-X-ENDLIST"),
  };
}

/** @returns path and query of a URI that stands in the playlist at `base`. */
export function resolveUri(base: string, uri: string): string {
  const { pathname, search } = new URL(uri, `http://127.0.0.1${base}`);
  return pathname + search;
}
