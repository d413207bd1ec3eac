/** A whole server with real shards inside the test's own process, so that a test can look into it and break it. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { Reloader, type ReloadReport } from "../../../src/main/config/reload.ts";
import { LineLog } from "../../../src/main/log/logger.ts";
import { Server } from "../../../src/main/server.ts";
import type { SupervisorLimits } from "../../../src/main/shards/supervisor.ts";
import { type DecodedConfig, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { findFreePort, makeScratch, waitUntil } from "../../support/scratch.ts";

export interface InProcessOptions {
  readonly workers?: number;
  /** Directives of the root level. */
  readonly directives?: string;
  /** Directives inside the default vhost. */
  readonly vhost?: string;
  readonly limits?: Partial<SupervisorLimits>;
  /** More addresses to listen on. */
  readonly listen?: readonly string[];
}

/** A server in this process. */
export interface InProcess {
  readonly server: Server;
  readonly port: number;
  /** All that it logged. */
  log(): string;
  /** Reloads to what the server would have been started with by these options. */
  reload(options: InProcessOptions): Promise<ReloadReport>;
  close(): Promise<void>;
}

/** Starts a server on a free loopback port; faults are allowed. */
export async function startInProcess(options: InProcessOptions = {}): Promise<InProcess> {
  const directory = makeScratch();
  const port = await findFreePort();
  const file = join(directory, "weir.log");
  const decode = (now: InProcessOptions): DecodedConfig => {
    const text = [
      `listen 127.0.0.1:${port} ${now.listen?.join(" ") ?? ""};`,
      "daemon off;",
      now.directives?.includes("max_connections") ? "" : "max_connections 15000;",
      "srs_log_tank file;",
      `srs_log_file ${file};`,
      `pid ${join(directory, "weir.pid")};`,
      `workers ${now.workers ?? 2};`,
      now.directives ?? "",
      `vhost __defaultVhost__ { ${now.vhost ?? ""} }`,
    ];
    const include = (): string => "";
    return decodeConfig(text.join("\n"), "test.conf", { include, environment: {} });
  };
  const running = decode(options);
  const { config } = running;
  const log = new LineLog(config.log);
  const server = await Server.start({
    config,
    log,
    version: "0.0.0",
    allowFaults: true,
    supervisorLimits: options.limits ?? {},
  });
  let next = options;
  const reloader = new Reloader({
    source: { file: "test.conf", isEnvironmentOnly: false, environment: {} },
    running,
    parts: server.parts,
    log,
    load: async () => decode(next),
  });
  return {
    server,
    port,
    reload: (to) => {
      next = to;
      return reloader.reload("test");
    },
    log: () => {
      log.flush();
      return readFileSync(file, "utf8");
    },
    close: async () => {
      await server.close();
      log.close();
    },
  };
}

/** The process's open descriptors but files (the log opens its own when it has something to say), each by what it is. */
export function openDescriptors(): string[] {
  const found: string[] = [];
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      const what = readlinkSync(`/proc/self/fd/${name}`);
      if (!what.startsWith("/")) {
        // A thread's own pipes are others after it was replaced; a connection is the same socket or a lost one.
        found.push(what.replace(/^pipe:.*/, "pipe"));
      }
    } catch {
      // The directory's own descriptor: closed again by now.
    }
  }
  return found.sort();
}

/** What is in `one` more often than in `other`. */
function surplusOf(one: readonly string[], other: readonly string[]): string {
  const left = [...other];
  const surplus = one.filter((what) => {
    const at = left.indexOf(what);
    if (at >= 0) {
      left.splice(at, 1);
    }
    return at < 0;
  });
  return surplus.join(" ");
}

/** Waits until exactly the descriptors of `before` are open again. @throws Error with the difference. */
export async function waitDescriptors(before: readonly string[], timeoutMs: number): Promise<void> {
  let difference = "";
  try {
    await waitUntil(
      "descriptors are back",
      () => {
        const now = openDescriptors();
        const [extra, missing] = [surplusOf(now, before), surplusOf(before, now)];
        difference = `${before.length} before, ${now.length} now, new: ${extra}, gone: ${missing}`;
        return extra === "" && missing === "";
      },
      timeoutMs,
    );
  } catch (error) {
    throw new Error(`${String(error)}: ${difference}`, { cause: error });
  }
}

/** Fault of the shard that publishes `name`; -1 when nobody does. */
export function shardOf(server: Server, name: string): number {
  return server.coordinator.find(`__defaultVhost__/live/${name}`)?.publisher?.shard ?? -1;
}

/** Names of which each is at home on another shard, in the order of the shards. */
export function namesByShard(server: Server, prefix: string): string[] {
  const names: string[] = [];
  const shards = server.supervisor.links.filter((link) => link?.isShard).length;
  for (let index = 0; Object.keys(names).length < shards && index < 1000; index += 1) {
    const name = `${prefix}${index}`;
    const home = server.coordinator.placePublisher(`__defaultVhost__/live/${name}`);
    names[home] ??= name;
  }
  return names;
}
