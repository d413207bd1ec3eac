/**
 * What a player asks of an LL-HLS playlist in its query.
 *
 * Spec: RFC 8216bis §6.2.5 (delivery directives).
 */
import { PLAYLIST_QUERY_BYTES_MAX } from "../limits.ts";
import type { ReloadPoint } from "./media-playlist.ts";

/** A playlist request. */
export interface ReloadQuery {
  /** Answer not before this is in the playlist; null: answer at once. */
  readonly point: ReloadPoint | null;
  /** A delta update is welcome (`_HLS_skip=YES` or `v2`). */
  readonly isDelta: boolean;
}

/** What most ask for. */
const PLAIN: ReloadQuery = { point: null, isDelta: false };

/**
 * Decode the query of a playlist request; other parameters are passed over.
 *
 * **Shape**: `query` without the question mark.
 * @returns null for a request to be answered with 400: a part without a segment, or no decimal number.
 */
export function decodeReloadQuery(query: string): ReloadQuery | null {
  if (query.length > PLAYLIST_QUERY_BYTES_MAX) {
    return null;
  }
  if (!query.includes("_HLS_")) {
    return PLAIN;
  }
  const found = new Map<string, string>();
  for (const pair of query.split("&")) {
    if (pair.startsWith("_HLS_")) {
      const [name = "", value = ""] = pair.split("=", 2);
      found.set(name, value);
    }
  }
  const sequence = decodeNumber(found.get("_HLS_msn"));
  const part = decodeNumber(found.get("_HLS_part"));
  if (Number.isNaN(sequence) || Number.isNaN(part) || (sequence === null && part !== null)) {
    return null;
  }
  const skip = found.get("_HLS_skip");
  const point = sequence === null ? null : { sequence, part };
  return { point, isDelta: skip === "YES" || skip === "v2" };
}

/** @returns null when absent, NaN when no decimal number of at most 15 digits. */
function decodeNumber(text: string | undefined): number | null {
  if (text === undefined) {
    return null;
  }
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}
