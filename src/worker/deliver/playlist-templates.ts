/** Playlists made ready for many viewers: each text is looked through once, then filled for each of them. */
import type { HlsPlaylist } from "../../protocol/control/hls.ts";
import { openTemplate, type PlaylistTemplate } from "../../protocol/hls/playlist-text.ts";

/** Templates of a playlist's two texts, once somebody asked for them. */
interface Templates {
  whole: PlaylistTemplate | undefined;
  delta: PlaylistTemplate | undefined;
}

/** Of all playlists that are served. Memory: a template goes with its playlist. */
export class PlaylistTemplates {
  readonly #made = new WeakMap<HlsPlaylist, Templates>();

  /** @param isDelta Without what a viewer has already, where there is such a text. */
  of(playlist: HlsPlaylist, isDelta: boolean): PlaylistTemplate {
    const made = this.#made.get(playlist) ?? { whole: undefined, delta: undefined };
    this.#made.set(playlist, made);
    if (isDelta && playlist.deltaText !== null) {
      made.delta ??= openTemplate(playlist.deltaText);
      return made.delta;
    }
    made.whole ??= openTemplate(playlist.text);
    return made.whole;
  }
}
