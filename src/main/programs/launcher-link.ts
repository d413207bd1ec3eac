/** The primary's end of the launcher: starts it when it is needed, and again when it has died. */
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { messageOf } from "../../protocol/errors.ts";
import type { Logger } from "../log/logger.ts";
import type { Command } from "./command.ts";
import type { Launcher } from "./keeper.ts";
import type { LauncherNews, LauncherOrder, RunEnd } from "./launcher-messages.ts";

const PATH = fileURLToPath(new URL("./launcher.js", import.meta.url));
/** What is weir's own and nobody else's: directives by environment may hold secrets. */
const OWN_VARIABLES = /^(?:SRS_|WEIR_|NODE_CHANNEL_|NODE_OPTIONS$)/;
/** One that does not leave by itself is killed. */
const LEAVE_MS = 1800;

/** Who hears of runs. */
export interface LauncherLinkHost {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Variables that hold secrets of the configuration. */
  readonly secretVariables: () => readonly string[];
  readonly log: Logger;
  started(run: number, pid: number): void;
  unlogged(run: number, text: string): void;
  ended(run: number, end: RunEnd): void;
}

/** The launcher, as the primary sees it. */
export class LauncherLink implements Launcher {
  readonly #host: LauncherLinkHost;
  /** Process ids of runs; 0 until known. */
  readonly #runs = new Map<number, number>();
  /** Once a secret, always a secret. */
  readonly #secrets = new Set<string>();
  #child: ChildProcess | undefined;
  /** Withheld variables that the launcher knows of; undefined when it knows nothing yet. */
  #told: string | undefined;
  #isClosed = false;

  constructor(host: LauncherLinkHost) {
    this.#host = host;
  }

  /** Its process id; undefined when it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it ahead of its first use: the smaller this process, the shorter that takes. */
  open(): void {
    try {
      this.#child ??= this.#spawn();
    } catch (error) {
      this.#failed(messageOf(error));
    }
  }

  start(run: number, command: Command): void {
    this.#runs.set(run, 0);
    this.open();
    if (this.#child?.connected !== true) {
      // Later: whoever starts a run does not expect its end already.
      setImmediate(() => this.#over(run));
      return;
    }
    this.#tellEnvironment();
    this.#send({ kind: "start", run, command });
  }

  stop(run: number, killAfterMs: number): void {
    this.#send({ kind: "stop", run, killAfterMs });
  }

  /** Lets it go: it ends what still runs, and itself. Resolves when it has, or was killed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const child = this.#child;
    if (child === undefined) {
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), LEAVE_MS);
      child.once("exit", () => {
        clearTimeout(timer);
        resolve();
      });
      if (child.connected) {
        child.disconnect();
      }
    });
  }

  /** Of programs. */
  #environment(): Record<string, string> {
    const kept: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#host.environment)) {
      if (value !== undefined && !OWN_VARIABLES.test(name) && !this.#secrets.has(name)) {
        kept[name] = value;
      }
    }
    return kept;
  }

  /** Also after a reload that takes secrets from more variables. */
  #tellEnvironment(): void {
    for (const name of this.#host.secretVariables()) {
      this.#secrets.add(name);
    }
    const key = [...this.#secrets].join(" ");
    if (key !== this.#told) {
      this.#told = key;
      this.#send({ kind: "environment", environment: this.#environment() });
    }
  }

  #spawn(): ChildProcess {
    for (const name of this.#host.secretVariables()) {
      this.#secrets.add(name);
    }
    const child = spawn(process.execPath, [PATH], {
      detached: true,
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      env: this.#environment(),
    });
    child.on("message", (news: LauncherNews) => this.#take(news));
    child.on("error", (error) => this.#failed(error.message));
    child.once("exit", (code, signal) => this.#died(child, signal ?? `exit code ${code}`));
    if (child.pid === undefined) {
      // It tells so by an error, and has no exit.
      child.once("error", (error) => this.#died(child, error.message));
    }
    return child;
  }

  #send(order: LauncherOrder): void {
    if (this.#child?.connected === true) {
      // What could not be sent is found by its exit.
      this.#child.send(order, () => undefined);
    }
  }

  #take(news: LauncherNews): void {
    switch (news.kind) {
      case "started":
        this.#runs.set(news.run, news.pid);
        this.#host.started(news.run, news.pid);
        break;
      case "unlogged":
        this.#host.unlogged(news.run, news.text);
        break;
      case "ended":
        this.#runs.delete(news.run);
        this.#host.ended(news.run, news);
        break;
      case "failed":
        this.#failed(news.text);
        break;
    }
  }

  #failed(text: string): void {
    this.#host.log.error("programs", `the launcher of programs: ${text}`, "ERR_PROGRAM");
  }

  /** Its programs are nobody's children now: they end, so that none runs twice. */
  #died(child: ChildProcess, how: string): void {
    if (this.#child !== child) {
      return;
    }
    this.#child = undefined;
    this.#told = undefined;
    if (!this.#isClosed) {
      this.#failed(`ended: ${how}`);
    }
    for (const [run, pid] of [...this.#runs]) {
      if (pid > 0) {
        killGroup(pid);
      }
      this.#over(run);
    }
  }

  /** Nobody will tell any more how it ends. */
  #over(run: number): void {
    if (this.#runs.delete(run)) {
      this.#host.ended(run, { code: null, signal: null, fault: "its launcher has ended" });
    }
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
