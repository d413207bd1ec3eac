/** Every process the bench starts, so that each is ended by its own id whatever happens. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { createServer, connect as openSocket } from "node:net";
import { sleep } from "../native/clock.ts";

const TERM_TIMEOUT_MS = 3000;
const START_TIMEOUT_MS = 30_000;
const LOG_TAIL_BYTES = 2000;
const SETPRIV = "/usr/bin/setpriv";

const running = new Set<ChildProcess>();

export function trackProcess(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once("exit", () => {
    running.delete(child);
  });
  return child;
}

/** Ends what still runs when this process does, on its own signals too. */
export function endAllOnExit(): void {
  process.on("exit", () => {
    for (const child of running) {
      child.kill("SIGKILL");
    }
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      process.exit(130);
    });
  }
}

/** SIGTERM, then SIGKILL when it takes too long. */
export async function endProcess(
  child: ChildProcess,
  timeoutMs: number = TERM_TIMEOUT_MS,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => {
      resolve();
    });
  });
  child.kill("SIGTERM");
  const timer = setTimeout(() => {
    child.kill("SIGKILL");
  }, timeoutMs);
  await ended;
  clearTimeout(timer);
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}

export interface SpawnRequest {
  readonly command: string;
  readonly parameters: readonly string[];
  readonly directory: string;
  readonly port: number;
}

/** Let the kernel end the server when the bench dies without a chance to; setpriv keeps the process id. */
function withDeathSignal(request: SpawnRequest): [string, readonly string[]] {
  const { command, parameters } = request;
  return existsSync(SETPRIV)
    ? [SETPRIV, ["--pdeathsig", "KILL", "--", command, ...parameters]]
    : [command, parameters];
}

/** Start a server with its output in `server.log` of its directory, and wait until its port takes connections. */
export async function spawnServer(request: SpawnRequest): Promise<ChildProcess> {
  const logFile = `${request.directory}/server.log`;
  const [command, parameters] = withDeathSignal(request);
  const log = openSync(logFile, "a");
  const child = trackProcess(
    spawn(command, parameters, {
      cwd: request.directory,
      stdio: ["ignore", log, log],
    }),
  );
  closeSync(log);
  let failure = "";
  child.once("error", (error) => {
    failure = error.message;
  });
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!(await canConnect(request.port))) {
    const isDead = child.exitCode !== null || child.signalCode !== null || failure !== "";
    if (isDead || performance.now() > deadline) {
      await (failure === "" ? endProcess(child) : Promise.resolve());
      const tail = readFileSync(logFile, "utf8").slice(-LOG_TAIL_BYTES);
      throw new Error(`${request.command} does not listen. ${failure}\n${tail}`);
    }
    await sleep(50);
  }
  return child;
}
