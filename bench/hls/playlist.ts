/** The little of an HLS playlist (RFC 8216) that a plain player looks at. */

export interface Playlist {
  /** URI of the first variant when this is a multivariant playlist, else ''. */
  readonly variant: string;
  readonly targetDurationMs: number;
  /** Of the newest segment; 0 where there is none. */
  readonly lastDurationMs: number;
  /** Media sequence number of the first segment. */
  readonly firstSequence: number;
  readonly segments: readonly string[];
  readonly isEnded: boolean;
}

const MS = 1000;

/** @throws Error on what is no playlist. */
export function decodePlaylist(text: string): Playlist {
  if (!/^#EXTM3U\s/.test(text)) {
    throw new Error("no playlist");
  }
  const uris = uriLines(text);
  const isMaster = text.includes("\n#EXT-X-STREAM-INF");
  return {
    variant: isMaster ? (uris[0] ?? "") : "",
    targetDurationMs: numberAfter(text, "\n#EXT-X-TARGETDURATION:", 1) * MS,
    lastDurationMs: Math.round(numberAfter(text, "\n#EXTINF:", 0) * MS),
    firstSequence: numberAfter(text, "\n#EXT-X-MEDIA-SEQUENCE:", 0),
    segments: isMaster ? [] : uris,
    isEnded: text.includes("\n#EXT-X-ENDLIST"),
  };
}

/** @returns path and query of a URI that stands in the playlist at `base`. */
export function resolveUri(base: string, uri: string): string {
  const { pathname, search } = new URL(uri, `http://127.0.0.1${base}`);
  return pathname + search;
}

/** The number behind the last of these tags. */
function numberAfter(text: string, tag: string, fallback: number): number {
  const at = text.lastIndexOf(tag);
  return at < 0 ? fallback : Number.parseFloat(text.slice(at + tag.length));
}

function uriLines(text: string): string[] {
  const uris: string[] = [];
  for (let at = 0; at < text.length; ) {
    const feed = text.indexOf("\n", at);
    const end = feed < 0 ? text.length : feed;
    if (text[at] !== "#") {
      const line = text.slice(at, end).trim();
      if (line !== "") {
        uris.push(line);
      }
    }
    at = end + 1;
  }
  return uris;
}
