/** Playlists made ready for many viewers: each text is looked through once, then filled for each of them. */
import type { HlsPlaylist } from "../../protocol/control/hls.ts";
import { openTemplate, type PlaylistTemplate } from "../../protocol/hls/playlist-text.ts";

/** Texts of a playlist: whole and without what a viewer has, each as it is and with what it names in groups. */
type Templates = (PlaylistTemplate | undefined)[];

/** To which group each file belongs, by its URI. */
export type Groups = () => ReadonlyMap<string, number>;

/** Of all playlists that are served. Memory: a template goes with its playlist. */
export class PlaylistTemplates {
  readonly #made = new WeakMap<HlsPlaylist, Templates>();

  /**
   * @param isDelta Without what a viewer has already, where there is such a text.
   * @param groups Asked once for each text; null: what it names is not signed.
   */
  of(playlist: HlsPlaylist, isDelta: boolean, groups: Groups | null): PlaylistTemplate {
    const made: Templates = this.#made.get(playlist) ?? [];
    this.#made.set(playlist, made);
    const delta = isDelta ? playlist.deltaText : null;
    const place = (delta === null ? 0 : 1) + (groups === null ? 0 : 2);
    const known = made[place];
    if (known !== undefined) {
      return known;
    }
    const found = groups?.();
    const groupOf = found && ((uri: string): number => found.get(uri) ?? playlist.group);
    const template = openTemplate(delta ?? playlist.text, groupOf);
    made[place] = template;
    return template;
  }
}
