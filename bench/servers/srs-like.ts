/** Servers that read SRS's configuration: weir, and SRS itself by `--peer-bin srs=PATH`. */
import { existsSync, writeFileSync } from "node:fs";
import { ROOT_DIRECTORY } from "./paths.ts";
import { endProcess, findFreePort, spawnServer } from "./processes.ts";
import {
  MERGE_MS,
  makeWorkDirectory,
  type RunningServer,
  type ServeRequest,
  type ServerAdapter,
} from "./server.ts";

const CONNECTIONS_MAX = 16_000;

/** What makes a configuration another one. */
export interface ConfigurationKind {
  readonly isWeir: boolean;
  /** Directives of the vhost. */
  readonly vhost?: string;
}

export function configuration(
  request: ServeRequest,
  port: number,
  { isWeir, vhost = "" }: ConfigurationKind,
): string {
  const isRealtime = request.mode === "realtime";
  // The merge is pinned in weir's own words: by default weir stretches it only as far as its load asks.
  const own = isWeir ? "    mw_adaptive off;\n" : "";
  return `
listen 127.0.0.1:${port};
max_connections ${CONNECTIONS_MAX};
daemon off;
srs_log_tank console;
srs_log_level ${isWeir ? "warn" : "error"};
${isWeir ? `workers ${request.workers};` : "pid ./server.pid;"}
vhost __defaultVhost__ {
  tcp_nodelay on;
  min_latency ${isRealtime ? "on" : "off"};
  play {
    mw_latency ${isRealtime ? 0 : MERGE_MS};
    mw_msgs 0;
${own}    gop_cache on;
    queue_length 10;
  }
  ${vhost}
}
`;
}

/** An adapter of a binary that takes `-c FILE`. */
export function srsLikeServer(name: string, binary: string): ServerAdapter {
  const isWeir = name === "weir";
  const start = async (request: ServeRequest): Promise<RunningServer> => {
    const directory = makeWorkDirectory(name);
    const port = await findFreePort();
    const file = `${directory.path}/${name}.conf`;
    writeFileSync(file, configuration(request, port, { isWeir }));
    const child = await spawnServer({
      command: binary,
      parameters: ["-c", file],
      directory: directory.path,
      port,
    });
    return {
      pid: child.pid ?? -1,
      port,
      wire: "rtmp",
      hasOwnStream: false,
      stop: async () => {
        await endProcess(child);
        directory.remove();
      },
    };
  };
  return {
    name,
    absence: existsSync(binary) ? "" : `${binary} does not exist`,
    modes: ["merged", "realtime"],
    playerShare: 1,
    start,
  };
}

export const weirServer: ServerAdapter = srsLikeServer("weir", `${ROOT_DIRECTORY}/bin/weir`);
