/** Servers that read SRS's configuration: weir, other builds of it, and SRS itself. */
import { existsSync, writeFileSync } from "node:fs";
import { descriptorsMax } from "../measure/environment.ts";
import {
  MERGE_MS,
  type StreamShape,
  segmentSeconds,
  windowSeconds,
} from "../media/stream-shape.ts";
import { ROOT_DIRECTORY } from "./paths.ts";
import { endProcess, findFreePort, spawnServer } from "./processes.ts";
import {
  makeWorkDirectory,
  playAddress,
  type RunningServer,
  rtmpAddress,
  type ServeRequest,
  type ServerAdapter,
} from "./server.ts";

const CONNECTIONS_MAX = 60_000;
/** Descriptors that a server needs beside its connections. */
const DESCRIPTORS_SPARE = 1000;

/** The ports a server is given. */
export interface Ports {
  readonly rtmp: number;
  readonly http: number;
  /** Of weir, where somebody asks. */
  readonly metrics?: number;
}

const METRICS_TIMEOUT_MS = 5000;
const SHARD_DELAY = /^weir_thread_loop_delay_seconds\{thread="shard-\d+"\} (\S+)$/gm;

/** Of the shards, from weir's metrics. */
async function askLoopDelayMs(port: number): Promise<number> {
  const signal = AbortSignal.timeout(METRICS_TIMEOUT_MS);
  const page = await fetch(`http://127.0.0.1:${port}/metrics`, { signal });
  const seconds = [...(await page.text()).matchAll(SHARD_DELAY)].map(([, value]) => Number(value));
  return Math.max(...seconds) * 1000;
}

/** What makes a configuration another one. */
export interface ConfigurationKind {
  readonly isWeir: boolean;
  /** Directives of the vhost. */
  readonly vhost?: string;
  /** Counts changes of the configuration; each is one of play's directives and a vhost more or less. */
  readonly round?: number;
}

const playDirectives = (
  request: ServeRequest,
  { isWeir, round = 0 }: ConfigurationKind,
): string => {
  const lines = ["gop_cache on;", `queue_length ${round % 2 === 0 ? 10 : 12};`];
  if (request.mode !== "default") {
    lines.push(`mw_latency ${request.mode === "realtime" ? 0 : MERGE_MS};`, "mw_msgs 0;");
  }
  // The merge is pinned in weir's own words: by default weir stretches it only as far as its load asks.
  if (isWeir && request.mode === "merged") {
    lines.push("mw_adaptive off;");
  }
  return lines.join(" ");
};

const hlsBlock = (shape: StreamShape): string =>
  `hls { enabled on; hls_path ./html; hls_fragment ${segmentSeconds(shape)}; hls_window ${windowSeconds(shape)}; }`;

/** @returns text of a configuration file. */
export function configuration(
  request: ServeRequest,
  ports: Ports,
  kind: ConfigurationKind,
): string {
  const { isWeir, vhost = "", round = 0 } = kind;
  const hasHls = request.hasHls || request.protocol === "hls";
  const hasHttp = request.protocol !== "rtmp" || hasHls;
  const threads = `workers ${request.workers}; ${hasHttp ? `gateways ${request.workers};` : ""}`;
  return `
listen 127.0.0.1:${ports.rtmp};
max_connections ${Math.min(CONNECTIONS_MAX, descriptorsMax() - DESCRIPTORS_SPARE)};
daemon off;
srs_log_tank console;
srs_log_level ${isWeir ? "warn" : "error"};
${isWeir ? threads : "pid ./server.pid;"}
${ports.metrics === undefined ? "" : `exporter { enabled on; listen 127.0.0.1:${ports.metrics}; }`}
${hasHttp ? `http_server { enabled on; listen 127.0.0.1:${ports.http}; dir ./html; }` : ""}
vhost __defaultVhost__ {
  tcp_nodelay on;
  ${request.mode === "default" ? "" : `min_latency ${request.mode === "realtime" ? "on" : "off"};`}
  play { ${playDirectives(request, kind)} }
  ${hasHttp ? "http_remux { enabled on; mount [vhost]/[app]/[stream].flv; }" : ""}
  ${hasHls ? hlsBlock(request.shape) : ""}
  ${vhost}
}
${round % 2 === 0 ? "" : "vhost bench.example.com { }"}
`;
}

/** A program that takes `-c FILE`. */
export interface SrsLikeProgram {
  readonly name: string;
  /** Path whose absence means that it cannot run. */
  readonly binary: string;
  readonly isWeir: boolean;
  /** Command and parameters before `-c FILE`; the binary by default. */
  readonly command?: readonly [string, ...string[]];
  /** How to end it, when SIGTERM is not right. */
  readonly end?: typeof endProcess;
}

export function srsLikeServer(program: SrsLikeProgram): ServerAdapter {
  const { name, binary, isWeir, end = endProcess } = program;
  const [command, ...before] = program.command ?? [binary];
  const start = async (request: ServeRequest): Promise<RunningServer> => {
    const directory = makeWorkDirectory(name);
    const hasHls = request.hasHls || request.protocol === "hls";
    const metrics = isWeir && hasHls ? await findFreePort() : undefined;
    const ports = {
      ...{ rtmp: await findFreePort(), http: await findFreePort() },
      ...(metrics === undefined ? {} : { metrics }),
    };
    const file = `${directory.path}/${name}.conf`;
    const configure = (round: number): void => {
      writeFileSync(file, configuration(request, ports, { isWeir, round }));
    };
    configure(0);
    const child = await spawnServer({
      command,
      parameters: [...before, "-c", file],
      directory: directory.path,
      port: ports.rtmp,
    });
    return {
      pid: child.pid ?? -1,
      publish: rtmpAddress(ports.rtmp),
      play: playAddress(request.protocol, ports),
      ...(metrics === undefined ? {} : { loopDelayMs: () => askLoopDelayMs(metrics) }),
      hasOwnStream: false,
      reload: (round) => {
        configure(round);
        child.kill("SIGHUP");
      },
      stop: async () => {
        await end(child);
        directory.remove();
      },
    };
  };
  return {
    name,
    absence: existsSync(binary) ? "" : `${binary} does not exist`,
    modes: ["merged", "realtime", "default"],
    protocols: ["rtmp", "http-flv", isWeir ? "ws-flv" : "hls", "hls"],
    playerShare: 1,
    start,
  };
}

export const WEIR_BINARY: string = `${ROOT_DIRECTORY}/bin/weir`;
export const WEIR_ENTRY: string = `${ROOT_DIRECTORY}/dist/src/main/cli.js`;

export const weirServer: ServerAdapter = srsLikeServer({
  name: "weir",
  binary: WEIR_BINARY,
  isWeir: true,
});
