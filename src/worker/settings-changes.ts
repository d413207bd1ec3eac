/** What a reload changes for the streams of this shard: kept until its version is in force, then applied at once. */
import type { SettingsChange, SettingsNews } from "../protocol/control/calls.ts";
import type { VersionWord } from "../protocol/control/version-word.ts";

/** The changes that wait. A later version replaces one that never came into force. */
export class SettingsChanges {
  readonly #word: VersionWord;
  readonly #apply: (change: SettingsChange) => void;
  #waiting: SettingsNews | undefined;

  constructor(word: VersionWord, apply: (change: SettingsChange) => void) {
    this.#word = word;
    this.#apply = apply;
  }

  /** Takes news; of a version in force they count at once. */
  take(news: SettingsNews): void {
    this.follow();
    this.#waiting = news;
    this.follow();
  }

  /** Before each turn: applies what is in force by now. */
  follow(): void {
    const news = this.#waiting;
    if (news !== undefined && this.#word.isInForce(news.version)) {
      this.#waiting = undefined;
      for (const change of news.changes) {
        this.#apply(change);
      }
    }
  }
}
