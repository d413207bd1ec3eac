/** System calls of a process over a while, counted by strace: it slows the process down, so nothing else is measured. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../native/clock.ts";
import { trackProcess } from "../servers/processes.ts";

const STRACE = "/usr/bin/strace";
const COLUMN_CALLS = 3;

/** @returns all calls of a `strace -c` table. */
export function decodeCallCounts(table: string): number {
  let total = 0;
  for (const line of table.split("\n")) {
    const columns = line.trim().split(/\s+/);
    const isCall = /^\d/.test(columns[0] ?? "") && columns.at(-1) !== "total";
    total += isCall ? Number(columns[COLUMN_CALLS]) : 0;
  }
  return total;
}

/** @returns system calls of all threads in the time, or undefined where strace is not there or may not look. */
export async function countSyscalls(pid: number, durationMs: number): Promise<number | undefined> {
  if (!existsSync(STRACE)) {
    return undefined;
  }
  const directory = mkdtempSync(join(tmpdir(), "weir-bench-strace-"));
  const file = join(directory, "calls");
  try {
    const strace = trackProcess(
      spawn(STRACE, ["-f", "-q", "-c", "-o", file, "-p", String(pid)], { stdio: "ignore" }),
    );
    const ended = new Promise<void>((resolve) => {
      strace.once("exit", () => resolve());
      strace.once("error", () => resolve());
    });
    await Promise.race([sleep(durationMs), ended]);
    strace.kill("SIGINT");
    await ended;
    const total = existsSync(file) ? decodeCallCounts(readFileSync(file, "utf8")) : 0;
    return total > 0 ? total : undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
