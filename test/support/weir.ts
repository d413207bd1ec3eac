/** Starts the real weir: the command line with its real threads, on a free loopback port. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ProcessEnd, TestProcess } from "./process.ts";
import { startProcess } from "./process.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "./scratch.ts";

/** The repository, seen from dist/test/support. */
export const REPOSITORY: string = fileURLToPath(new URL("../../../", import.meta.url));
/** The command line under test. */
export const WEIR: string = join(REPOSITORY, "bin/weir");

/** For a machine that is busy with other things. */
const START_TIMEOUT_MS = 40_000;

export interface WeirOptions {
  /** The whole configuration text in place of the one made from the other options; `port` must fit it. */
  readonly conf?: string;
  /** Directives of the root level. */
  readonly directives?: string;
  /** Directives inside the default vhost. */
  readonly vhost?: string;
  /** Shards. */
  readonly workers?: number;
  readonly port?: number;
  /** Where the configuration is written; a file of its own by default. */
  readonly file?: string;
  /** Module that every thread of it loads first. */
  readonly preload?: URL;
}

/** A running server. */
export interface RunningServer {
  readonly port: number;
  readonly pid: number;
  readonly process: TestProcess;
  /** `rtmp://127.0.0.1:port/live/name` */
  url(name: string): string;
  /** Asks it to end (SIGTERM), after 6 s makes it end. */
  stop(): Promise<ProcessEnd>;
  /** All that it printed. */
  log(): string;
}

/** The configuration file text for tests: foreground, log on the console, files in `directory`. */
export function makeWeirConf(directory: string, port: number, options: WeirOptions = {}): string {
  return [
    `listen 127.0.0.1:${port};`,
    "daemon off;",
    "srs_log_tank console;",
    `pid ${join(directory, "weir.pid")};`,
    `workers ${options.workers ?? 1};`,
    options.directives ?? "",
    "vhost __defaultVhost__ {",
    options.vhost ?? "",
    "}",
    "",
  ].join("\n");
}

/** Starts weir and waits until it accepts connections. @throws Error with its log when it does not. */
export async function startWeir(options: WeirOptions = {}): Promise<RunningServer> {
  const directory = makeScratch();
  const port = options.port ?? (await findFreePort());
  const file = options.file ?? join(directory, "weir.conf");
  writeFileSync(file, options.conf ?? makeWeirConf(directory, port, options));
  const weir = startProcess(WEIR, ["-c", file], {
    cwd: directory,
    ...(options.preload === undefined ? {} : { preload: options.preload }),
  });
  return waitForServer("weir", weir, port);
}

/** Waits until a started server accepts connections on `port`. */
export async function waitForServer(
  name: string,
  server: TestProcess,
  port: number,
): Promise<RunningServer> {
  const log = (): string => server.stdout + server.stderr;
  try {
    await waitUntil(
      `${name} listens on ${port}`,
      async () => {
        if (!server.isRunning) {
          throw new Error(`${name} ended at start`);
        }
        return isListening(port);
      },
      START_TIMEOUT_MS,
    );
  } catch (error) {
    await server.stop("SIGKILL");
    throw new Error(`${String(error)}\n${log().slice(-4000)}`, { cause: error });
  }
  return {
    port,
    pid: server.pid,
    process: server,
    url: (name) => `rtmp://127.0.0.1:${port}/live/${name}`,
    stop: () => server.stop("SIGTERM", 6000),
    log,
  };
}
