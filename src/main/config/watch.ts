/**
 * Watches the configuration file for changes (`inotify_auto_reload`): its directory, because editors and volume mounts
 * put a new file in the place of the old one, and Kubernetes swaps the link `..data` beside it.
 */
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import type { Config } from "../../protocol/conf/config.ts";
import type { Logger } from "../log/logger.ts";
import type { Prepared, ReloadPart } from "./parts.ts";

const KUBERNETES_LINK = "..data";
/** Writes that follow each other closely are one change. */
const QUIET_MS = 200;

/** Calls back when the file has changed, while the configuration in force asks for it. */
export class ConfigWatch implements ReloadPart {
  readonly #directory: string;
  readonly #names: readonly string[];
  readonly #changed: () => void;
  readonly #log: Logger;
  #watcher: FSWatcher | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(file: string, log: Logger, changed: () => void) {
    const path = resolve(file);
    this.#directory = dirname(path);
    this.#names = [basename(path), KUBERNETES_LINK];
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
        clearTimeout(this.#timer);
        this.#timer = setTimeout(this.#changed, QUIET_MS).unref();
      }
    });
    watcher.on("error", (error) => this.#failed(error));
    this.#watcher = watcher;
  }

  #failed(error: unknown): void {
    this.close();
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn("reload", `cannot watch ${this.#directory}: ${reason}`, "ERR_CONF_WATCH");
  }
}
