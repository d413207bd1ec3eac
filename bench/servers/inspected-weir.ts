/** weir under a profiler: a CPU profile of each thread, or clinic's doctor or flame. */
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { sleep } from "../native/clock.ts";
import { BENCH_DIRECTORY } from "./paths.ts";
import { endProcess } from "./processes.ts";
import type { ServerAdapter } from "./server.ts";
import { srsLikeServer, WEIR_ENTRY } from "./srs-like.ts";

const CLINIC = `${BENCH_DIRECTORY}/node_modules/.bin/clinic`;
const CLINIC_TIMEOUT_MS = 180_000;
const PROFILE_TIMEOUT_MS = 20_000;
const POLL_MS = 100;

/** weir with `--cpu-prof`: one file for each of its threads, written as it ends. */
export function profiledWeir(directory: string): ServerAdapter {
  mkdirSync(directory, { recursive: true });
  return srsLikeServer({
    name: "weir",
    binary: WEIR_ENTRY,
    isWeir: true,
    command: [process.execPath, "--cpu-prof", `--cpu-prof-dir=${directory}`, WEIR_ENTRY],
    end: (child) => endProcess(child, PROFILE_TIMEOUT_MS),
  });
}

/** Processes that one has started. */
function childrenOf(pid: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        const stat = readFileSync(`/proc/${one}/stat`, "utf8");
        return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === pid;
      } catch {
        return false; // ended meanwhile
      }
    });
}

/** Clinic makes its report when the program that it watches ends. */
async function endWatched(clinic: ChildProcess): Promise<void> {
  for (const child of childrenOf(clinic.pid ?? -1)) {
    process.kill(child, "SIGINT");
  }
  const deadline = performance.now() + CLINIC_TIMEOUT_MS;
  while (clinic.exitCode === null && clinic.signalCode === null && performance.now() < deadline) {
    await sleep(POLL_MS);
  }
  await endProcess(clinic);
}

/** weir under clinic; the report is a page in the directory. CPU figures are then clinic's, not weir's. */
export function clinicWeir(tool: string, directory: string): ServerAdapter {
  mkdirSync(directory, { recursive: true });
  const adapter = srsLikeServer({
    name: "weir",
    binary: CLINIC,
    isWeir: true,
    command: [
      CLINIC,
      tool,
      "--open=false",
      "--dest",
      directory,
      "--",
      process.execPath,
      WEIR_ENTRY,
    ],
    end: endWatched,
  });
  const absence = existsSync(CLINIC) ? "" : "needs clinic (npm ci in bench/)";
  return { ...adapter, absence };
}
