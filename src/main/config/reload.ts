/**
 * Reloading: the file is read until it stands still, validated as at start, compared with what is in force, prepared in
 * every part and applied in one turn of the loop. Whatever fails on the way changes nothing and is logged.
 */
import type { Config, DecodedConfig } from "../../protocol/conf/config.ts";
import {
  checkPlan,
  configInForce,
  describeStep,
  type PlanStep,
  planReload,
  type Settings,
  settingsInForce,
} from "../../protocol/conf/reload-plan.ts";
import type { Logger } from "../log/logger.ts";
import { maskSecrets } from "../log/secrets.ts";
import { type ConfigSource, loadSettledConfig } from "./load.ts";
import { prepareParts, type ReloadPart } from "./parts.ts";

/** What a reloader works with. */
export interface ReloaderOptions {
  readonly source: ConfigSource;
  /** What the server was started with. */
  readonly running: DecodedConfig;
  /** In the order in which they are prepared and go over. */
  readonly parts: readonly ReloadPart[];
  readonly log: Logger;
  /** Reads and validates; the file system's by default. @throws ConfigError */
  readonly load?: (source: ConfigSource) => Promise<DecodedConfig>;
}

/** Where the last reload stands, with the numbers of SRS's `rpc=reload-fetch`. */
export const ReloadState = {
  None: 0,
  Parsing: 10,
  Transforming: 20,
  Applying: 30,
  Finished: 90,
} as const;
export type ReloadState = (typeof ReloadState)[keyof typeof ReloadState];

/** What came of a reload. */
export interface ReloadReport {
  /** Counts reloads from 1. */
  readonly id: number;
  readonly state: ReloadState;
  /** undefined while it runs and when it succeeded. Nothing has changed then. */
  readonly error: Error | undefined;
  /** What differed; empty until it is known. */
  readonly steps: readonly PlanStep[];
}

/** Reloads a running server, one at a time. */
export class Reloader {
  readonly #options: ReloaderOptions;
  readonly #source: ConfigSource;
  readonly #load: (source: ConfigSource) => Promise<DecodedConfig>;
  #running: DecodedConfig;
  #report: ReloadReport = { id: 0, state: ReloadState.None, error: undefined, steps: [] };
  #present: Promise<ReloadReport> | undefined;
  /** Asked for while one runs: what was read by then may be old. */
  #following: Promise<ReloadReport> | undefined;

  constructor(options: ReloaderOptions) {
    this.#options = options;
    this.#running = options.running;
    // The working directory may be another one by the time of a reload.
    this.#source = { directory: process.cwd(), ...options.source };
    this.#load = options.load ?? loadSettledConfig;
  }

  /** The last reload, or the one that runs. */
  get report(): ReloadReport {
    return this.#report;
  }

  /** Every value that counts. */
  get settings(): Settings {
    return this.#running.settings;
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#running.config;
  }

  /**
   * Reloads; those asked for while one runs are one more after it. Never rejects.
   * @param cause For the log: who asked.
   */
  reload(cause: string): Promise<ReloadReport> {
    if (this.#present !== undefined) {
      this.#following ??= this.#present.then(() => {
        this.#following = undefined;
        return this.reload(cause);
      });
      return this.#following;
    }
    this.#present = this.#reload(cause).finally(() => {
      this.#present = undefined;
    });
    return this.#present;
  }

  /** What a reload would change now; nothing is. @throws ConfigError as a reload would tell */
  async plan(): Promise<readonly PlanStep[]> {
    if (this.#source.isEnvironmentOnly) {
      return [];
    }
    const { settings } = await this.#load(this.#source);
    const steps = planReload(this.#running.settings, settings);
    checkPlan(steps, this.#source.file);
    return steps;
  }

  async #reload(cause: string): Promise<ReloadReport> {
    const { log } = this.#options;
    this.#report = {
      id: this.#report.id + 1,
      state: ReloadState.Parsing,
      error: undefined,
      steps: [],
    };
    try {
      if (this.#source.isEnvironmentOnly) {
        log.info("reload", `${cause}: there is no file to reload`);
      } else {
        await this.#goOver(cause);
      }
      this.#report = { ...this.#report, state: ReloadState.Finished };
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      const code = "code" in error && typeof error.code === "string" ? error.code : "ERR_RELOAD";
      log.error("reload", `${cause}: nothing is changed: ${error.message}`, code);
      this.#report = { ...this.#report, error };
    }
    return this.#report;
  }

  async #goOver(cause: string): Promise<void> {
    const { parts, log } = this.#options;
    const next = await this.#load(this.#source);
    this.#report = { ...this.#report, state: ReloadState.Transforming };
    const { settings, config: running, warnings: told } = this.#running;
    const steps = planReload(settings, next.settings);
    checkPlan(steps, this.#source.file);
    const config = configInForce(running, next.config);
    this.#report = { ...this.#report, state: ReloadState.Applying, steps };
    const prepared = await prepareParts(parts, config);
    prepared.commit();
    const { warnings } = next;
    this.#running = { ...next, config, settings: settingsInForce(settings, next.settings) };
    this.#tell(
      cause,
      steps,
      warnings.filter((warning) => !told.includes(warning)),
    );
    log.info("reload", `${cause}: done, ${steps.length} changes`);
  }

  #tell(cause: string, steps: readonly PlanStep[], warnings: readonly string[]): void {
    const { log } = this.#options;
    for (const warning of warnings) {
      log.warn("config", warning);
    }
    for (const step of steps) {
      const line = `${cause}: ${maskSecrets(describeStep(step))}`;
      if (step.effect === "restart") {
        log.warn("reload", line, "ERR_RELOAD_RESTART");
      } else {
        log.info("reload", line);
      }
    }
  }
}
