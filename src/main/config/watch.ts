/**
 * Watches the configuration file for changes (`inotify_auto_reload`): its directory, because editors and volume mounts
 * put a new file in the place of the old one, and Kubernetes swaps the link `..data` beside it.
 */

import { type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { Config } from "../../protocol/conf/config.ts";
import { messageOf } from "../../protocol/errors.ts";
import type { Logger } from "../log/logger.ts";
import type { ConfigSource } from "./load.ts";
import type { Prepared, ReloadPart } from "./parts.ts";

const KUBERNETES_LINK = "..data";
/** Writes that follow each other closely are one change. */
const QUIET_MS = 200;

/** Calls back when the file has changed, while the configuration in force asks for it. */
export class ConfigWatch implements ReloadPart {
  readonly #path: string;
  readonly #directory: string;
  readonly #names: readonly string[];
  readonly #changed: () => void;
  readonly #log: Logger;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    { file, directory = "" }: Pick<ConfigSource, "file" | "directory">,
    log: Logger,
    changed: () => void,
  ) {
    this.#path = resolve(directory, file);
    this.#directory = dirname(this.#path);
    this.#names = [basename(this.#path), KUBERNETES_LINK];
    this.#log = log;
    this.#changed = changed;
  }

  prepare({ autoReload }: Pick<Config, "autoReload">): Prepared {
    return { commit: () => this.set(autoReload), abort: () => undefined };
  }

  /** Watches, or stops. A directory that cannot be watched is told; the server runs on. */
  set(isOn: boolean): void {
    if (!isOn) {
      this.close();
    } else if (this.#watcher === undefined) {
      try {
        this.#open();
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  /** Stops watching. */
  close(): void {
    clearTimeout(this.#timer);
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #open(): void {
    const watcher = watch(this.#directory, { persistent: false }, (_event, name) => {
      if (name === null || this.#names.includes(name)) {
        this.#tell();
      }
    });
    watcher.on("error", (error) => this.#failed(error));
    this.#watcher = watcher;
    if (this.#isYoung()) {
      this.#tell();
    }
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#changed, QUIET_MS).unref();
  }

  /** Written since this process began: perhaps after it was read, and before it was watched. */
  #isYoung(): boolean {
    return (statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > performance.timeOrigin;
  }

  #failed(error: unknown): void {
    this.close();
    const reason = messageOf(error);
    this.#log.warn("reload", `cannot watch ${this.#directory}: ${reason}`, "ERR_CONF_WATCH");
  }
}
