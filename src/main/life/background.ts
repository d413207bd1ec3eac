/**
 * `daemon on`. Node cannot fork, so the command starts itself once more, detached, and stays until that one listens:
 * its exit code is the start's. The child says over its channel to the parent how the start went.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { resolve } from "node:path";
import type { Config } from "../../protocol/conf/config.ts";
import type { Environment } from "../cli-arguments.ts";
import { makeFolderOf } from "./folder.ts";

/** Marks the child. */
const MARK = "WEIR_BACKGROUND";
/** A start that takes longer counts as failed. */
const START_TIMEOUT_MS = 60_000;
const EXIT_FAILED = 1;
const LOG_MODE = 0o640;

/** What the child says. */
type News = { readonly kind: "listening" } | { readonly kind: "failed"; readonly text: string };

/** How a start is told to whoever asked for it. */
export interface StartTeller {
  /** The server listens. */
  listening(): void;
  /** It does not, and why; the process ends next. */
  failed(text: string): Promise<void>;
}

/** Whether this process is the child of {@link startInBackground}. Asked once, at the start. */
export function isBackgroundChild({ [MARK]: mark }: Environment): boolean {
  return mark === "on" && process.send !== undefined;
}

/** Tells the parent, or the terminal when there is none. */
export function startTeller(isChild: boolean): StartTeller {
  if (!isChild) {
    return {
      listening: () => undefined,
      failed: (text) => {
        process.stderr.write(`${text}\n`);
        return Promise.resolve();
      },
    };
  }
  const send = (news: News): Promise<void> =>
    new Promise((resolveSent) => {
      // A parent that is gone has nobody to tell.
      process.send?.(news, undefined, undefined, () => {
        if (process.connected) {
          process.disconnect();
        }
        resolveSent();
      });
    });
  return {
    listening: () => void send({ kind: "listening" }),
    failed: (text) => send({ kind: "failed", text }),
  };
}

/**
 * Starts this very command again in a session of its own.
 * @returns 0 when it listens, else its exit code; its reason was printed.
 */
export async function startInBackground(config: Config, environment: Environment): Promise<number> {
  const output = openOutput(config);
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ["ignore", output, output, "ipc"],
    env: { ...environment, [MARK]: "on" },
  });
  if (typeof output === "number") {
    closeSync(output);
  }
  const end = await untilStarted(child);
  if (end.text !== "") {
    process.stderr.write(`${end.text}\n`);
  }
  if (end.code === 0) {
    process.stdout.write(`weir runs in the background as process ${child.pid}\n`);
    child.unref();
  }
  return end.code;
}

interface StartEnd {
  readonly code: number;
  readonly text: string;
}

function untilStarted(child: ChildProcess): Promise<StartEnd> {
  return new Promise((resolveEnd) => {
    let text = "";
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      resolveEnd({ code: EXIT_FAILED, text: "weir does not listen yet: given up" });
    }, START_TIMEOUT_MS);
    child.on("message", (news: News) => {
      if (news.kind === "listening") {
        clearTimeout(timer);
        resolveEnd({ code: 0, text: "" });
      } else {
        ({ text } = news);
      }
    });
    child.on("error", (error) => {
      clearTimeout(timer);
      resolveEnd({ code: EXIT_FAILED, text: error.message });
    });
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      const end = text === "" ? `weir ended at its start with ${code ?? signal}` : text;
      resolveEnd({ code: code === null || code === 0 ? EXIT_FAILED : code, text: end });
    });
  });
}

/** What the process itself prints when it breaks belongs to the log. */
function openOutput({ log, workDir }: Config): "inherit" | "ignore" | number {
  if (log.tank === "console") {
    return "inherit";
  }
  const file = resolve(workDir, log.file);
  try {
    makeFolderOf(file);
    return openSync(file, "a", LOG_MODE);
  } catch {
    return "ignore";
  }
}
