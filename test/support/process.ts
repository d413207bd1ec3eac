/**
 * Outside programs under test: started with a hard end, never left behind.
 *
 * Each is started through `setpriv --pdeathsig KILL`, so that the kernel ends it with the test process,
 * however that ends; each is also killed by its own pid at this process's exit.
 */

import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

/** Output kept of one program, per stream. */
const OUTPUT_CHARS_MAX = 8 * 1024 * 1024;

export interface ProcessOptions {
  readonly cwd?: string;
  /** Module that every thread of a Node program loads first. */
  readonly preload?: URL;
  /** Run as Debian's unprivileged user, with `home` as its home (VLC refuses to run as root). */
  readonly unprivilegedHome?: string;
}

/** How a program ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a program printed and how it ended. */
export interface CommandResult extends ProcessEnd {
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<TestProcess>();

process.on("exit", () => {
  for (const one of running) {
    one.kill("SIGKILL");
  }
});

/** One started program. Ends by itself, by {@link TestProcess.stop}, or with this process. */
export class TestProcess {
  readonly pid: number;
  /** Fulfilled once, after the program ended and its output was read. */
  readonly ended: Promise<ProcessEnd>;
  stdout = "";
  stderr = "";
  isRunning = true;
  readonly #child: ChildProcess;
  readonly #name: string;

  constructor(command: string, args: readonly string[], options: ProcessOptions = {}) {
    this.#name = [command, ...args].join(" ");
    const wrapped = wrapCommand(command, args, options);
    this.#child = spawn("setpriv", wrapped, {
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout = (this.stdout + text).slice(-OUTPUT_CHARS_MAX);
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-OUTPUT_CHARS_MAX);
    });
    if (this.#child.pid === undefined) {
      throw new Error(`cannot start: ${this.#name}`);
    }
    this.pid = this.#child.pid;
    running.add(this);
    this.ended = this.#watchEnd();
  }

  async #watchEnd(): Promise<ProcessEnd> {
    const [code, signal] = (await once(this.#child, "close")) as [
      number | null,
      NodeJS.Signals | null,
    ];
    this.isRunning = false;
    running.delete(this);
    return { code, signal };
  }

  /** Sends a signal to the program, by its pid, while it runs. */
  kill(signal: NodeJS.Signals): void {
    if (this.isRunning) {
      this.#child.kill(signal);
    }
  }

  /** Ends the program with `signal`, after `graceMs` with SIGKILL. @returns how it ended. */
  async stop(signal: NodeJS.Signals = "SIGTERM", graceMs = 3000): Promise<ProcessEnd> {
    this.kill(signal);
    const timer = setTimeout(() => this.kill("SIGKILL"), graceMs);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  /** Waits until it ended by itself. @throws Error after `timeoutMs`, having killed it, with its output. */
  async waitEnd(timeoutMs: number): Promise<CommandResult> {
    const timeout = new AbortController();
    const end = await Promise.race([
      this.ended,
      delay(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined),
    ]);
    timeout.abort();
    if (end === undefined) {
      await this.stop("SIGKILL");
      throw new Error(
        `still running after ${timeoutMs} ms: ${this.#name}\n${this.stderr.slice(-2000)}`,
      );
    }
    return { ...end, stdout: this.stdout, stderr: this.stderr };
  }
}

function wrapCommand(
  command: string,
  args: readonly string[],
  options: ProcessOptions,
): readonly string[] {
  if (options.unprivilegedHome === undefined) {
    const preload = options.preload?.href;
    const wrapped = preload === undefined ? [] : ["env", `NODE_OPTIONS=--import ${preload}`];
    return ["--pdeathsig", "KILL", ...wrapped, command, ...args];
  }
  const environment = ["env", `HOME=${options.unprivilegedHome}`];
  if (process.getuid?.() !== 0) {
    return ["--pdeathsig", "KILL", ...environment, command, ...args];
  }
  const user = ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig", "KILL"];
  return [...user, ...environment, command, ...args];
}

/** Starts a program that runs until stopped. */
export function startProcess(
  command: string,
  args: readonly string[],
  options: ProcessOptions = {},
): TestProcess {
  return new TestProcess(command, args, options);
}

/** Runs a program to its end. @throws Error after `timeoutMs`, having killed it. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: ProcessOptions & { readonly timeoutMs: number },
): Promise<CommandResult> {
  return startProcess(command, args, options).waitEnd(options.timeoutMs);
}

/** Runs a program to its end. @throws Error with what it printed when it fails or takes too long. */
export async function runChecked(
  command: string,
  args: readonly string[],
  options: ProcessOptions & { readonly timeoutMs: number },
): Promise<CommandResult> {
  const result = await runCommand(command, args, options);
  if (result.code !== 0) {
    throw new Error(
      `${command} ended with ${result.code ?? result.signal}: ${args.join(" ")}\n${result.stderr.slice(-4000)}`,
    );
  }
  return result;
}
