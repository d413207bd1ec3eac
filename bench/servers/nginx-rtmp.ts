/** nginx with the rtmp module, as Debian packs them: one process, one write per message. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { segmentSeconds, windowSeconds } from "../media/stream-shape.ts";
import { endProcess, findFreePort, spawnServer } from "./processes.ts";
import {
  makeWorkDirectory,
  playAddress,
  type RunningServer,
  rtmpAddress,
  type ServeRequest,
  type ServerAdapter,
} from "./server.ts";
import type { Ports } from "./srs-like.ts";

const BINARY = "/usr/sbin/nginx";
const MODULES = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"] as const;
const MODULE_FILE = "ngx_rtmp_module.so";

const moduleFile: string | undefined = MODULES.map((path) => `${path}/${MODULE_FILE}`).find(
  existsSync,
);

const configuration = (path: string, ports: Ports, request: ServeRequest): string => {
  const hasHls = request.hasHls || request.protocol === "hls";
  const [fragmentMs, windowMs] = [segmentSeconds(request.shape), windowSeconds(request.shape)].map(
    (seconds) => Math.round(seconds * 1000),
  );
  const hls = `hls on; hls_path ${path}/html/live; hls_fragment ${fragmentMs}ms; hls_playlist_length ${windowMs}ms;`;
  return `
load_module ${moduleFile};
daemon off;
master_process off;
worker_processes 1;
pid ${path}/nginx.pid;
error_log ${path}/error.log warn;
events { worker_connections 65536; }
rtmp {
  access_log off;
  server {
    listen 127.0.0.1:${ports.rtmp};
    chunk_size 60000;
    application live { live on; wait_key on; drop_idle_publisher 0; ${hasHls ? hls : ""} }
  }
}
http {
  access_log off;
  keepalive_requests 1000000;
  types { application/vnd.apple.mpegurl m3u8; video/mp2t ts; }
  server { listen 127.0.0.1:${ports.http}; root ${path}/html; }
}
`;
};

async function start(request: ServeRequest): Promise<RunningServer> {
  const directory = makeWorkDirectory("nginx");
  const ports = { rtmp: await findFreePort(), http: await findFreePort() };
  mkdirSync(`${directory.path}/html/live`, { recursive: true });
  const file = `${directory.path}/nginx.conf`;
  writeFileSync(file, configuration(directory.path, ports, request));
  const parameters = ["-c", file, "-p", directory.path, "-e", `${directory.path}/error.log`];
  const child = await spawnServer({
    command: BINARY,
    parameters,
    directory: directory.path,
    port: ports.rtmp,
  });
  return {
    pid: child.pid ?? -1,
    publish: rtmpAddress(ports.rtmp),
    play: playAddress(request.protocol, ports),
    hasOwnStream: false,
    stop: async () => {
      await endProcess(child);
      directory.remove();
    },
  };
}

export const nginxServer: ServerAdapter = {
  name: "nginx-rtmp",
  absence:
    existsSync(BINARY) && moduleFile !== undefined
      ? ""
      : "needs nginx and libnginx-mod-rtmp (apt-get install nginx libnginx-mod-rtmp)",
  modes: ["realtime"],
  protocols: ["rtmp", "hls"],
  playerShare: 1,
  start,
};
