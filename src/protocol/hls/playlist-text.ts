/**
 * Playlists as text.
 *
 * Spec: RFC 8216 §4.3; RFC 8216bis §4.4 (LL-HLS).
 */
import type { MediaPlaylist, PlaylistPart, SegmentHead, SegmentKey } from "./media-playlist.ts";

/** How a media playlist is written. */
export interface PlaylistForm {
  /** LL-HLS: where the next part will be. */
  readonly nextPartUri?: string;
  /** LL-HLS: leave old segments out, as `_HLS_skip=YES` asks. */
  readonly isDelta?: boolean;
}

const VERSION_TS = 3;
const VERSION_FMP4 = 7;
const VERSION_DELTA = 9;
/** PART-HOLD-BACK in part targets. **Spec**: at least two, three are recommended. */
const HOLD_BACK_PARTS = 3;
/** CAN-SKIP-UNTIL in target durations: the least allowed. */
const SKIP_TARGETS = 6;
/** Parts older than so many target durations are not listed. */
const PART_TARGETS = 3;

/**
 * Write a media playlist.
 *
 * **Shape**: version 3 for MPEG-TS, 7 with an init segment, 9 for LL-HLS. Live: never EXT-X-ENDLIST.
 * EXT-X-PROGRAM-DATE-TIME, which SRS does not write, stands before each segment whose date is known.
 */
export function encodeMediaPlaylist(playlist: MediaPlaylist, form: PlaylistForm = {}): string {
  const { segments } = playlist;
  const isLowLatency = playlist.partTargetMs > 0;
  const hasInit = segments.some((segment) => segment.initUri !== null);
  const plain = hasInit ? VERSION_FMP4 : VERSION_TS;
  const lines = [
    "#EXTM3U",
    `#EXT-X-VERSION:${isLowLatency ? VERSION_DELTA : plain}`,
    `#EXT-X-MEDIA-SEQUENCE:${playlist.mediaSequence}`,
    `#EXT-X-TARGETDURATION:${playlist.targetSeconds}`,
  ];
  if (playlist.discontinuitySequence > 0) {
    lines.push(`#EXT-X-DISCONTINUITY-SEQUENCE:${playlist.discontinuitySequence}`);
  }
  if (isLowLatency) {
    writeServerControl(lines, playlist);
  }
  const skipped = isLowLatency && form.isDelta === true ? skippable(playlist) : 0;
  if (skipped > 0) {
    lines.push(`#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}`);
  }
  const last = writeSegments(lines, playlist, skipped);
  if (playlist.openHead !== null) {
    writeHead(lines, playlist.openHead, last);
  }
  writeParts(lines, playlist.openParts);
  if (isLowLatency && form.nextPartUri !== undefined) {
    lines.push(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${form.nextPartUri}"`);
  }
  return `${lines.join("\n")}\n`;
}

/**
 * The playlist that gives a viewer its session (`hls_ctx`).
 *
 * **Peers**: the text that SRS answers; its bandwidths are placeholders.
 */
export function encodeSessionPlaylist(mediaUri: string, session: string): string {
  const uri = addQuery(mediaUri, `hls_ctx=${session}`);
  return `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1\n${uri}\n`;
}

/** A URI with one more query parameter. */
export function addQuery(uri: string, parameters: string): string {
  const query = safeQuery(parameters);
  return query === "" ? uri : `${uri}${uri.includes("?") ? "&" : "?"}${query}`;
}

/** A media playlist, and the places in it where every viewer has something of its own. */
export interface PlaylistTemplate {
  readonly text: string;
  /** The text, cut where parameters go, with the sign that begins or goes on a query before each cut. */
  readonly pieces: readonly string[];
  /** What each cut is for, e.g. a group of files that are signed alike; all the same where nobody asked. */
  readonly groups: readonly number[];
}

/**
 * Finds where segments, parts and init segments carry a viewer's parameters (`hls_ts_ctx`): once for all viewers.
 *
 * Keys are left as they are where `hls_key_url` names another server or path, unless groups are asked for.
 * @param groupOf What a URI belongs to.
 */
export function openTemplate(text: string, groupOf?: (uri: string) => number): PlaylistTemplate {
  const pieces: string[] = [];
  const groups: number[] = [];
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const feed = text.indexOf("\n", at);
    const end = feed < 0 ? text.length : feed;
    const uri = uriIn(text.slice(at, end), groupOf !== undefined);
    if (uri !== undefined) {
      const cut = at + uri.end;
      pieces.push(text.slice(from, cut) + (uri.text.includes("?") ? "&" : "?"));
      groups.push(groupOf?.(uri.text) ?? 0);
      from = cut;
    }
    at = end + 1;
  }
  pieces.push(text.slice(from));
  return { text, pieces, groups };
}

/**
 * The playlist for one viewer.
 * @param parameters e.g. `hls_ctx=1a2b`; what has no place in a URI's query is left out.
 * @param ofGroup More of them, for what belongs to a group.
 */
export function fillTemplate(
  { text, pieces, groups }: PlaylistTemplate,
  parameters: string,
  ofGroup?: (group: number) => string,
): string {
  const query = safeQuery(parameters);
  if (ofGroup === undefined) {
    return query === "" ? text : pieces.join(query);
  }
  const queries = new Map<number, string>();
  let filled = "";
  for (const [index, group] of groups.entries()) {
    const known = queries.get(group);
    const own = known ?? [query, ofGroup(group)].filter((part) => part !== "").join("&");
    if (known === undefined) {
      queries.set(group, own);
    }
    filled += (pieces[index] ?? "") + own;
  }
  return filled + (pieces.at(-1) ?? "");
}

/** A key that does not stand beside the playlist. */
const ELSEWHERE = /^#EXT-X-KEY:.*URI="(?:\/|[a-z][a-z\d+.-]*:)/i;

/** @returns the URI in a line that carries parameters, and where it ends. */
function uriIn(
  line: string,
  isWithKeys: boolean,
): { readonly end: number; readonly text: string } | undefined {
  if (line === "" || (!isWithKeys && ELSEWHERE.test(line))) {
    return undefined;
  }
  if (!line.startsWith("#")) {
    return { end: line.length, text: line };
  }
  const found = /URI="([^"]*)/.exec(line);
  const end = found === null ? -1 : found.index + found[0].length;
  return line[end] === '"' ? { end, text: found?.[1] ?? "" } : undefined;
}

/** Only what a query may hold: a viewer's text must not become a line or end a quoted string. */
function safeQuery(parameters: string): string {
  return parameters.replace(/[^\w.~%&=+\-:@/?!$'()*,;]/g, "");
}

function writeServerControl(lines: string[], playlist: MediaPlaylist): void {
  const partSeconds = playlist.partTargetMs / 1000;
  const holdBack = (partSeconds * HOLD_BACK_PARTS).toFixed(3);
  const skipUntil = (playlist.targetSeconds * SKIP_TARGETS).toFixed(1);
  lines.push(
    `#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=${holdBack},CAN-SKIP-UNTIL=${skipUntil}`,
    `#EXT-X-PART-INF:PART-TARGET=${partSeconds.toFixed(3)}`,
  );
}

/** Segments that a delta update leaves out: those wholly before the skip boundary. */
function skippable(playlist: MediaPlaylist): number {
  const boundaryMs = playlist.targetSeconds * SKIP_TARGETS * 1000;
  let fromEndMs = playlist.openParts.reduce((sum, part) => sum + part.durationMs, 0);
  let count = playlist.segments.length;
  while (count > 0 && fromEndMs < boundaryMs) {
    count -= 1;
    fromEndMs += playlist.segments[count]?.durationMs ?? 0;
  }
  return count;
}

/** @returns the last of them. */
function writeSegments(
  lines: string[],
  playlist: MediaPlaylist,
  skipped: number,
): SegmentHead | null {
  const { segments } = playlist;
  let afterMs = segments.slice(skipped).reduce((sum, segment) => sum + segment.durationMs, 0);
  let last: SegmentHead | null = null;
  for (const segment of segments.slice(skipped)) {
    writeHead(lines, segment, last);
    afterMs -= segment.durationMs;
    if (afterMs < playlist.targetSeconds * PART_TARGETS * 1000) {
      writeParts(lines, segment.parts);
    }
    lines.push(`#EXTINF:${(segment.durationMs / 1000).toFixed(3)}, no desc`, segment.uri);
    last = segment;
  }
  return last;
}

/** Tags before a segment; those that hold from there on only where they change. */
function writeHead(lines: string[], segment: SegmentHead, last: SegmentHead | null): void {
  if (segment.isDiscontinuity) {
    lines.push("#EXT-X-DISCONTINUITY");
  }
  const { key, initUri } = segment;
  let inForce = last?.key ?? null;
  if (initUri !== null && (initUri !== last?.initUri || segment.isDiscontinuity)) {
    // A key that stands before it would count for it as well; init segments are not encrypted.
    inForce = writeKey(lines, null, inForce);
    lines.push(`#EXT-X-MAP:URI="${initUri}"`);
  }
  writeKey(lines, key, inForce);
  if (segment.startWallMs !== null) {
    lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(segment.startWallMs).toISOString()}`);
  }
}

/** @returns the key in force from here on. */
function writeKey(
  lines: string[],
  key: SegmentKey | null,
  inForce: SegmentKey | null,
): SegmentKey | null {
  if (key === null && inForce !== null) {
    lines.push("#EXT-X-KEY:METHOD=NONE");
  } else if (key !== null && (key.uri !== inForce?.uri || key.iv !== inForce.iv)) {
    lines.push(`#EXT-X-KEY:METHOD=AES-128,URI="${key.uri}",IV=0x${key.iv}`);
  }
  return key;
}

function writeParts(lines: string[], parts: readonly PlaylistPart[]): void {
  for (const part of parts) {
    const independent = part.isIndependent ? ",INDEPENDENT=YES" : "";
    const seconds = (part.durationMs / 1000).toFixed(3);
    lines.push(`#EXT-X-PART:DURATION=${seconds},URI="${part.uri}"${independent}`);
  }
}
