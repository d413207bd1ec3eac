/** A playlist as gateways get it. */

import type { HlsPlaylist } from "../../protocol/control/hls.ts";
import { KEYS_ELSEWHERE } from "../../protocol/control/hls-guards.ts";
import type { MediaPlaylist } from "../../protocol/hls/media-playlist.ts";
import { encodeMediaPlaylist } from "../../protocol/hls/playlist-text.ts";
import type { HlsNames } from "./names.ts";

/** @param group Of the segment in the making. @returns null while nothing is listed. */
export function encodePlaylist(
  playlist: MediaPlaylist,
  names: HlsNames,
  group: number,
): HlsPlaylist | null {
  if (playlist.segments.length === 0 && playlist.openParts.length === 0) {
    return null;
  }
  const isLowLatency = playlist.partTargetMs > 0;
  const next = names.part(playlist.nextSequence, playlist.openParts.length);
  const form = isLowLatency ? { nextPartUri: next.uri } : {};
  return {
    text: encodeMediaPlaylist(playlist, form),
    deltaText: isLowLatency ? encodeMediaPlaylist(playlist, { ...form, isDelta: true }) : null,
    mediaSequence: playlist.mediaSequence,
    parts: isLowLatency ? playlist.segments.map(({ parts }) => parts.length) : [],
    nextSequence: playlist.nextSequence,
    openParts: playlist.openParts.length,
    hint: isLowLatency ? next.path : "",
    group: isLowLatency ? group : KEYS_ELSEWHERE,
  };
}
