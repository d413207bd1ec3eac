/** weir started in ways that {@link startWeir} does not know: in the background, from its own folder, with its log in a file. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CommandResult, runCommand } from "./process.ts";
import { findFreePort, makeScratch } from "./scratch.ts";
import { WEIR } from "./weir.ts";

/** A folder with a configuration that is about to be run in it. */
export interface Run {
  readonly folder: string;
  readonly file: string;
  readonly port: number;
  /** Text of a file in the folder, empty when there is none. */
  read(name: string): string;
  /** Runs the command line to its end. */
  weir(...args: string[]): Promise<CommandResult>;
}

/** Writes `weir.conf`: a listen on a free port, `directives`, and the default vhost unless they have one. */
export async function makeRun(directives: string): Promise<Run> {
  const folder = makeScratch();
  const port = await findFreePort();
  const file = join(folder, "weir.conf");
  const vhost = directives.includes("vhost ") ? "" : "vhost __defaultVhost__ { }";
  // The tests may run in a container, where SRS's defaults differ.
  const host = "disable_daemon_for_docker off; workers 1;";
  writeFileSync(file, `listen 127.0.0.1:${port};\n${host}\n${directives}\n${vhost}\n`);
  return {
    folder,
    file,
    port,
    read: (name) => {
      try {
        return readFileSync(join(folder, name), "utf8");
      } catch {
        return "";
      }
    },
    weir: (...args) => runCommand(WEIR, args, { cwd: folder, timeoutMs: 20_000 }),
  };
}

/** Whether a process runs; one that ended and was not waited for does not. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
