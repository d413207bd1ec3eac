/** Recordings in the primary: who published what a file holds, and who hears of it (`on_dvr`). */
import type { RecordingNews } from "../../protocol/control/recording.ts";
import type { Hooks } from "../hooks/hooks.ts";
import type { HookSubject } from "../hooks/payload.ts";
import type { Publishers } from "../hooks/publishers.ts";
import type { Logger } from "../log/logger.ts";
import type { ShardLink } from "../shards/shard-link.ts";

const SECOND_MS = 1000;

/** What recordings work with. */
export interface RecordingsHost {
  readonly log: Logger;
  readonly hooks: Pick<Hooks, "recording">;
  readonly publishers: Publishers;
}

/** All recordings that are open. */
export class Recordings {
  readonly #host: RecordingsHost;
  /** By packager: who publishes what is recorded under a number. */
  readonly #open = new Map<number, Map<number, HookSubject>>();

  constructor(host: RecordingsHost) {
    this.#host = host;
  }

  /** News of a packager. */
  take({ index, name }: Pick<ShardLink, "index" | "name">, news: RecordingNews): void {
    const { log, publishers, hooks } = this.#host;
    const { key } = news;
    if (news.event === "trouble") {
      log.warn(name, `recording of ${key}: ${news.text}`, "ERR_DVR_FILES");
      return;
    }
    const open = this.#open.get(index) ?? new Map<number, HookSubject>();
    this.#open.set(index, open);
    const { id } = news;
    if (news.event === "begun") {
      open.set(id, publishers.of(key));
      return;
    }
    const subject = open.get(id) ?? publishers.of(key);
    open.delete(id);
    if (news.file !== "") {
      const { file, bytes, durationMs } = news;
      const seconds = (durationMs / SECOND_MS).toFixed(1);
      log.info(name, `recorded ${key}: ${file}, ${seconds} s, ${bytes} bytes`);
      hooks.recording(subject, { id, file });
    }
  }

  /** A packager is gone: its files keep the names that they have. */
  died(index: number): void {
    this.#open.delete(index);
  }
}
