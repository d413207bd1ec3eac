/** Entry of the process: command line in, exit code out. */
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { TransportError } from "../protocol/errors.ts";
import { runCli, type ServerPlan } from "./cli-arguments.ts";
import { loadConfig } from "./config/load.ts";
import { LineLog } from "./log/logger.ts";
import { Server } from "./server.ts";

/** Version of SRS whose files, API and callbacks weir follows. */
const SRS_SIGNATURE = "SRS/7.0.18(Hang)";
const EXIT_FAILED = 1;
/** A second signal, or a close that hangs, ends the process. */
const CLOSE_TIMEOUT_MS = 4500;

function readVersion(): string {
  const text = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

function startDemo(port: number): Worker {
  return new Worker(new URL("../worker/demo.js", import.meta.url), { workerData: { port } });
}

async function start(plan: ServerPlan, version: string): Promise<number> {
  const { config, warnings } = plan;
  const log = new LineLog(config.log);
  for (const warning of warnings) {
    log.warn("config", warning);
  }
  let server: Server;
  try {
    // A test harness that names this variable may break shards on purpose.
    const { WEIR_ALLOW_FAULTS: faults } = plan.source.environment;
    server = await Server.start({
      config,
      log,
      version,
      allowFaults: faults === "on",
      isRehearsed: true,
    });
  } catch (error) {
    if (!(error instanceof TransportError)) {
      throw error;
    }
    log.error("server", error.message, error.code);
    log.close();
    return EXIT_FAILED;
  }
  const demo = plan.isDemo ? startDemo(config.listen[0]?.port ?? 0) : undefined;
  tellUrls(server, plan.isDemo, log);
  await untilSignal(log);
  await demo?.terminate();
  const guard = setTimeout(() => process.exit(EXIT_FAILED), CLOSE_TIMEOUT_MS);
  await server.close();
  clearTimeout(guard);
  log.info("server", "stopped");
  log.close();
  return 0;
}

function tellUrls(server: Server, isDemo: boolean, log: LineLog): void {
  for (const url of server.urls()) {
    log.info("server", `publish to ${url}/live/livestream, play ${url}/live/livestream`);
    if (isDemo) {
      log.info("server", `demo stream: play ${url}/live/demo`);
    }
  }
}

function untilSignal(log: LineLog): Promise<void> {
  return new Promise((resolve) => {
    let hasSignal = false;
    const take = (signal: NodeJS.Signals): void => {
      if (hasSignal) {
        process.exit(EXIT_FAILED);
      }
      hasSignal = true;
      log.info("server", `${signal}: stopping`);
      resolve();
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGQUIT"] as const) {
      process.on(signal, take);
    }
    process.on("SIGUSR1", () => log.reopen());
    // Reload comes with the configuration work; without a handler the signal would end the process.
    process.on("SIGHUP", () => log.warn("server", "SIGHUP: reload is not supported yet"));
  });
}

const version = readVersion();
const code = await runCli(process.argv.slice(2), process.env, {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  load: loadConfig,
  start: (plan) => start(plan, version),
  version,
  signature: SRS_SIGNATURE,
});
process.exit(code);
