/** Where the figures were taken. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { ROOT_DIRECTORY } from "../servers/paths.ts";

export interface Environment {
  readonly date: string;
  readonly commit: string;
  /** The working tree had changes beyond the commit. */
  readonly isDirty: boolean;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMb: number;
  readonly kernel: string;
  readonly node: string;
  readonly nginx: string;
  readonly nodeMediaServer: string;
  /** Load of the machine before the first run: above about 0.5 others are at work on it. */
  readonly loadBefore: number;
  readonly descriptorsMax: number;
}

function output(command: string, parameters: readonly string[]): string {
  try {
    return execFileSync(command, parameters, {
      cwd: ROOT_DIRECTORY,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    }).trim();
  } catch {
    return "";
  }
}

function nodeMediaServerVersion(): string {
  try {
    const text = readFileSync(`${ROOT_DIRECTORY}/bench/package.json`, "utf8");
    return String(JSON.parse(text).dependencies["node-media-server"]);
  } catch {
    return "";
  }
}

/** Soft limit of open files; Node raises its own to the hard limit at start and its children inherit it. */
export function descriptorsMax(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

export function describeEnvironment(): Environment {
  return {
    date: new Date().toISOString(),
    commit: output("git", ["rev-parse", "HEAD"]) || "none",
    isDirty: output("git", ["--no-optional-locks", "status", "--porcelain"]) !== "",
    cpu: cpus()[0]?.model ?? "",
    cores: availableParallelism(),
    memoryMb: Math.round(totalmem() / 1024 / 1024),
    kernel: release(),
    node: process.version,
    nginx: output("sh", ["-c", "/usr/sbin/nginx -v 2>&1"]),
    nodeMediaServer: nodeMediaServerVersion(),
    loadBefore: loadavg()[0] ?? 0,
    descriptorsMax: descriptorsMax(),
  };
}
