/** The life of the server process: where it runs, that it runs once, its log, its start, its end. */
import { Worker } from "node:worker_threads";
import { type Config, resolveVhost } from "../../protocol/conf/config.ts";
import { ConfigError, ControlError, messageOf, TransportError } from "../../protocol/errors.ts";
import { Admin, type AdminOptions } from "../admin/admin.ts";
import type { Environment, ServerPlan } from "../cli-arguments.ts";
import type { Reloader } from "../config/reload.ts";
import { HangUps, openReloading } from "../config/reloading.ts";
import { dumpWarning } from "../guard/dumps.ts";
import { describeHost, readSystemFile } from "../limits-of-host.ts";
import { LineLog } from "../log/logger.ts";
import { Server } from "../server.ts";
import {
  isBackgroundChild,
  type StartTeller,
  startInBackground,
  startTeller,
} from "./background.ts";
import { makeFolderOf } from "./folder.ts";
import { takePidFile } from "./pid-file.ts";
import { serverIdOf } from "./server-id.ts";
import { drain, type StopKind, StopOrders } from "./stop-orders.ts";

const EXIT_FAILED = 1;
/** A stop that hangs ends the process. */
const CLOSE_TIMEOUT_MS = 4500;
/** Shards have this long to end their sessions when the stop is urgent. */
const URGENT_STOP_TIMEOUT_MS = 500;

const NOT_LOCKED = "the pid file is not locked: neither koffi nor flock(1) is to be had";

/** Runs the server until it is told to stop. @returns exit code. */
export async function runServer(plan: ServerPlan, version: string): Promise<number> {
  const { config, source } = plan;
  const isChild = isBackgroundChild(source.environment);
  if (!isChild) {
    tellBefore(plan);
  }
  if (config.daemon && !isChild) {
    return startInBackground(config, source.environment);
  }
  const teller = startTeller(isChild);
  let isLocked: boolean;
  try {
    enter(config.workDir);
    isLocked = takePidFile(config.pid);
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof TransportError)) {
      throw error;
    }
    await teller.failed(error.message);
    return EXIT_FAILED;
  }
  const more = [isLocked ? undefined : NOT_LOCKED, dumpsOf(source.environment)];
  const warnings = [...plan.warnings, ...more.filter((warning) => warning !== undefined)];
  return serve({ ...plan, warnings }, version, teller);
}

function dumpsOf({ NODE_OPTIONS: nodeOptions }: Environment): string | undefined {
  const limits = readSystemFile("/proc/self/limits");
  return dumpWarning({ limits, flags: process.execArgv, nodeOptions });
}

/** What the terminal should hear, because the log goes elsewhere. */
function tellBefore({ config, warnings }: ServerPlan): void {
  if (config.log.tank === "file") {
    for (const warning of warnings) {
      process.stderr.write(`${warning}\n`);
    }
    process.stdout.write(`write log to file ${config.log.file}\n`);
  }
}

/** @throws ConfigError */
function enter(directory: string): void {
  try {
    process.chdir(directory);
  } catch (error) {
    const reason = messageOf(error);
    const place = { file: "work_dir", line: 0, directive: "work_dir" };
    throw new ConfigError("ERR_WORK_DIR", `cannot enter ${directory}: ${reason}`, place);
  }
}

function openLog({ log }: Config): LineLog {
  if (log.tank === "file") {
    try {
      makeFolderOf(log.file);
    } catch {
      // A log that cannot be written stops nobody.
    }
  }
  return new LineLog(log);
}

async function serve(plan: ServerPlan, version: string, teller: StartTeller): Promise<number> {
  const { config } = plan;
  const log = openLog(config);
  const hangUps = new HangUps();
  for (const warning of plan.warnings) {
    log.warn("config", warning);
  }
  const serverId = serverIdOf(config.serverId, config.pid);
  log.info("server", `weir ${version}, Node ${process.versions.node}, server_id ${serverId}`);
  log.info("server", describeHost(config.maxConnections));
  let reloader: Reloader | undefined;
  // From before the first client: an order that comes while the server starts counts when it runs.
  const orders = openOrders(() => reloader?.config ?? config, log);
  let started: Started;
  try {
    started = await start(plan, { log, version, serverId, reloader: () => reloader });
  } catch (error) {
    if (!isExpected(error)) {
      throw error;
    }
    log.error("server", error.message, error.code);
    log.close();
    await teller.failed(error.message);
    return EXIT_FAILED;
  }
  const { server, admin } = started;
  const demo = plan.isDemo ? startDemo(config.listen[0]?.port ?? 0) : undefined;
  tellUrls(server, plan.isDemo, log);
  reloader = openReloading({ plan, server, log, hangUps, parts: [admin] });
  log.flush();
  teller.listening();
  const kind = await orders.given;
  await stopped({ server, admin, config: reloader.config, log, orders }, kind);
  await demo?.terminate();
  log.info("server", "stopped");
  log.close();
  return 0;
}

interface Started {
  readonly server: Server;
  readonly admin: Admin;
}

/** Opens everything. @throws what {@link isExpected} knows when something cannot be had; nothing is left open then. */
async function start(
  plan: ServerPlan,
  around: Omit<AdminOptions, "server" | "log"> & { readonly log: LineLog },
): Promise<Started> {
  const { log, version, serverId } = around;
  // A test harness that names this variable may break shards on purpose.
  const { WEIR_ALLOW_FAULTS: faults } = plan.source.environment;
  const server = await Server.start({
    config: plan.config,
    log,
    version,
    serverId,
    allowFaults: faults === "on",
    isRehearsed: true,
    stuck: () => endStuck(log),
  });
  try {
    return { server, admin: await Admin.open({ ...around, server }) };
  } catch (error) {
    await server.close(URGENT_STOP_TIMEOUT_MS);
    throw error;
  }
}

/** What the host or the operator is told of; anything else is a fault of the server's own. */
function isExpected(error: unknown): error is TransportError | ControlError | ConfigError {
  return (
    error instanceof TransportError || error instanceof ControlError || error instanceof ConfigError
  );
}

/** The thread that hangs cannot be ended alone, and an exit in order would wait for it. */
function endStuck(log: LineLog): void {
  log.close();
  process.kill(process.pid, "SIGKILL");
}

function startDemo(port: number): Worker {
  return new Worker(new URL("../../worker/demo.js", import.meta.url), { workerData: { port } });
}

function tellUrls(server: Server, isDemo: boolean, log: LineLog): void {
  for (const url of urlsOf(server.config)) {
    log.info("server", `publish to ${url}/live/livestream, play ${url}/live/livestream`);
    if (isDemo) {
      log.info("server", `demo stream: play ${url}/live/demo`);
    }
  }
}

function openOrders(config: () => Config, log: LineLog): StopOrders {
  const orders = new StopOrders({
    isGraceForced: () => config().forceGraceQuit,
    tell: (text) => log.info("server", text),
    exit: () => process.exit(EXIT_FAILED),
  });
  orders.listen();
  if (config().asprocess) {
    orders.watchParent();
  }
  process.on("SIGUSR1", () => log.reopen());
  return orders;
}

interface Running extends Started {
  readonly config: Config;
  readonly log: LineLog;
  readonly orders: StopOrders;
}

/** Stops the server as it was ordered. */
async function stopped(
  { server, admin, config, log, orders }: Running,
  kind: StopKind,
): Promise<void> {
  let isUrgent = false;
  if (kind === "graceful") {
    void orders.hurry.then(() => {
      isUrgent = true;
    });
    await drain({
      startWaitMs: config.graceStartWaitMs,
      finalWaitMs: config.graceFinalWaitMs,
      drainMaxMs: config.graceDrainMs,
      close: () => server.drain(),
      count: () => server.connections,
      tell: (text) => log.info("server", text),
      hurry: orders.hurry,
    });
  }
  admin.close();
  const guard = setTimeout(() => process.exit(EXIT_FAILED), CLOSE_TIMEOUT_MS);
  await server.close(isUrgent ? URGENT_STOP_TIMEOUT_MS : undefined);
  clearTimeout(guard);
  if (server.isStuck) {
    log.error("server", "a disk does not answer: the process is killed", "ERR_HLS_FILES");
    endStuck(log);
  }
}

/** URLs for people: what to publish to and to play. */
function urlsOf(config: Config): string[] {
  if (resolveVhost(config, "localhost") === undefined) {
    return [];
  }
  return config.listen.map(
    ({ host, port }) => `rtmp://${host === "" ? "localhost" : host}:${port}`,
  );
}
