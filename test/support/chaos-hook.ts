/**
 * Preloaded into a server under test: each of its threads does what a file tells it that has the thread's name and lies
 * in the folder which this module's URL names in `?folder=`. `throw` ends the thread, `stall 300` keeps it busy so many
 * milliseconds.
 */
import { readFileSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isMainThread, workerData } from "node:worker_threads";

const LOOK_MS = 25;
const folder = new URL(import.meta.url).searchParams.get("folder") ?? "";

/** As the log names it; empty for threads that no fault is meant for. */
function nameOfThread(): string {
  if (isMainThread) {
    return "main";
  }
  const [, role] = /worker\/(shard|gateway|packager)\.js$/.exec(process.argv[1] ?? "") ?? [];
  const start = (workerData as { readonly start?: { readonly index?: number } } | null)?.start;
  return role === undefined ? "" : `${role}-${start?.index ?? ""}`;
}

function takeOrder(file: string): string {
  try {
    const order = readFileSync(file, "utf8");
    unlinkSync(file);
    return order;
  } catch {
    return "";
  }
}

function obey(order: string): void {
  if (order === "throw") {
    throw new Error("broken for a test");
  }
  const [, milliseconds] = /^stall (\d+)$/.exec(order) ?? [];
  const until = performance.now() + Number(milliseconds ?? 0);
  while (performance.now() < until) {
    // Spins: neither events nor timers run.
  }
}

const name = nameOfThread();
if (name !== "") {
  setInterval(() => obey(takeOrder(join(folder, name))), LOOK_MS).unref();
}
