/**
 * The launcher: a small process of its own that starts programs for the primary and ends them. Starting a process copies
 * the page tables of the one that starts it, which would stop a large primary for tens of milliseconds, all its threads
 * would take page faults afterwards, and the program might inherit what is the server's. And it outlives the primary for
 * as long as it takes to end the programs, however that one ended.
 *
 * Each program leads a process group of its own, so that what it has started ends with it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, readdirSync, readFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { messageOf } from "../../protocol/errors.ts";
import { makeFolderOf } from "../life/folder.ts";
import { type Command, SAME_AS_OUTPUT } from "./command.ts";
import type { LauncherNews, LauncherOrder, RunEnd } from "./launcher-messages.ts";

/** When the primary is gone without having ended them. */
const ORPHAN_KILL_MS = 1500;
/** ffmpeg that waits for its input hears only the second one. A recording's end is written by then. */
const REMINDER_MS = 1000;
/** A pipe is opened without waiting for its reader. */
const APPEND: number = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
const FILE_MODE = 0o644;

/** A run; the process is there when its files are open. */
interface Run {
  child: ChildProcess | undefined;
  isStopped: boolean;
}

const runs = new Map<number, Run>();
/** A group that was told to end, until it is killed. */
interface Deadline {
  readonly timer: NodeJS.Timeout;
  /** By `performance.now()`. */
  readonly atMs: number;
}

/** By number of the group. */
const ending = new Map<number, Deadline>();
let environment: Readonly<Record<string, string>> = {};
let isOrphan = false;

function tell(news: LauncherNews): void {
  if (process.connected) {
    process.send?.(news);
  }
}

function ended(run: number, end: RunEnd): void {
  runs.delete(run);
  tell({ kind: "ended", run, ...end });
  leaveWhenDone();
}

function leaveWhenDone(): void {
  if (isOrphan && runs.size === 0 && ending.size === 0) {
    process.exit(0);
  }
}

/** Files of output, opened for one start. Closed by the caller. */
interface Outputs {
  readonly files: FileHandle[];
  readonly stdout: number | "ignore";
  readonly stderr: number | "ignore";
}

async function openOutputs({ stdout, stderr, isOnlyLogged }: Command): Promise<Outputs> {
  const files: FileHandle[] = [];
  const openFile = async (file: string): Promise<number | "ignore"> => {
    if (file === "") {
      return "ignore";
    }
    if (isOnlyLogged) {
      makeFolderOf(file);
    }
    const handle = await open(file, APPEND, FILE_MODE);
    files.push(handle);
    return handle.fd;
  };
  try {
    const output = await openFile(stdout);
    const isSame = stderr === SAME_AS_OUTPUT || stderr === stdout;
    return { files, stdout: output, stderr: isSame ? output : await openFile(stderr) };
  } catch (error) {
    await closeAll(files);
    throw error;
  }
}

async function closeAll(files: readonly FileHandle[]): Promise<void> {
  await Promise.all(files.map((file) => file.close()));
}

async function outputsOf(number: number, command: Command): Promise<Outputs> {
  try {
    return await openOutputs(command);
  } catch (error) {
    if (!command.isOnlyLogged) {
      throw error;
    }
    tell({ kind: "unlogged", run: number, text: messageOf(error) });
    return { files: [], stdout: "ignore", stderr: "ignore" };
  }
}

async function start(order: Extract<LauncherOrder, { kind: "start" }>): Promise<void> {
  const { run: number, command } = order;
  const run: Run = { child: undefined, isStopped: false };
  runs.set(number, run);
  const nothing = { code: null, signal: null };
  let outputs: Outputs;
  try {
    outputs = await outputsOf(number, command);
  } catch (error) {
    ended(number, { ...nothing, fault: messageOf(error) });
    return;
  }
  if (run.isStopped) {
    await closeAll(outputs.files);
    ended(number, { ...nothing, fault: "not started any more" });
    return;
  }
  try {
    const { stdout, stderr } = outputs;
    const stdio = ["ignore" as const, stdout, stderr];
    const child = spawn(command.file, command.args, { detached: true, stdio, env: environment });
    run.child = child;
    watch(number, child);
  } catch (error) {
    ended(number, { ...nothing, fault: messageOf(error) });
  }
  await closeAll(outputs.files);
}

function watch(number: number, child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) {
    child.once("error", (error) => {
      ended(number, { code: null, signal: null, fault: error.message });
    });
    return;
  }
  // Of signals that did not arrive.
  child.on("error", (error) => tell({ kind: "failed", text: error.message }));
  tell({ kind: "started", run: number, pid });
  child.once("exit", (code, signal) => {
    if (signalGroup(pid, "SIGTERM")) {
      // What it had started and left behind.
      killLater(pid, ORPHAN_KILL_MS);
    } else {
      clearTimeout(ending.get(pid)?.timer);
      ending.delete(pid);
    }
    ended(number, { code, signal, fault: "" });
  });
}

/** @returns whether there was anybody. */
function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** The earliest one counts. */
function killLater(pid: number, afterMs: number): void {
  const known = ending.get(pid);
  const atMs = performance.now() + afterMs;
  if (known !== undefined && known.atMs <= atMs) {
    return;
  }
  clearTimeout(known?.timer);
  const timer = setTimeout(() => {
    ending.delete(pid);
    signalGroup(pid, "SIGKILL");
    leaveWhenDone();
  }, afterMs);
  ending.set(pid, { timer, atMs });
}

function stop(number: number, killAfterMs: number): void {
  const run = runs.get(number);
  if (run === undefined) {
    return;
  }
  run.isStopped = true;
  const pid = run.child?.pid;
  if (pid !== undefined) {
    signalGroup(pid, "SIGTERM");
    killLater(pid, killAfterMs);
    setTimeout(() => {
      if (runs.has(number)) {
        signalGroup(pid, "SIGTERM");
      }
    }, REMINDER_MS).unref();
  }
}

const CLOSE_ON_EXEC = 0o200_0000;
const STANDARD_FILES = 3;

/** What whoever started the server has left open for it: Node's own descriptors all close when a program starts. */
function closeInherited(): void {
  for (const name of readdirSync("/proc/self/fd")) {
    const descriptor = Number(name);
    try {
      const info = readFileSync(`/proc/self/fdinfo/${name}`, "utf8");
      const [, flags = ""] = /^flags:\s+(\d+)/m.exec(info) ?? [];
      const isKept = (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
      if (descriptor >= STANDARD_FILES && !isKept) {
        closeSync(descriptor);
      }
    } catch {
      // The one that the folder was read by.
    }
  }
}

process.title = "weir: programs";
closeInherited();
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  // Whoever ends a whole group of processes ends the server by that, which then ends this one.
  process.on(signal, () => undefined);
}
process.on("uncaughtException", (error) => tell({ kind: "failed", text: messageOf(error) }));
process.on("message", (order: LauncherOrder) => {
  if (order.kind === "start") {
    void start(order);
  } else if (order.kind === "environment") {
    environment = order.environment;
  } else {
    stop(order.run, order.killAfterMs);
  }
});
process.on("disconnect", () => {
  isOrphan = true;
  for (const number of [...runs.keys()]) {
    stop(number, ORPHAN_KILL_MS);
  }
  leaveWhenDone();
});
