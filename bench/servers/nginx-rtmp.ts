/** nginx with the rtmp module, as Debian packs them: one process, one write per message. */
import { existsSync, writeFileSync } from "node:fs";
import { endProcess, findFreePort, spawnServer } from "./processes.ts";
import { makeWorkDirectory, type RunningServer, type ServerAdapter } from "./server.ts";

const BINARY = "/usr/sbin/nginx";
const MODULES = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"] as const;
const MODULE_FILE = "ngx_rtmp_module.so";

const moduleFile: string | undefined = MODULES.map((path) => `${path}/${MODULE_FILE}`).find(
  existsSync,
);

const configuration = (path: string, port: number): string => `
load_module ${moduleFile};
daemon off;
master_process off;
worker_processes 1;
pid ${path}/nginx.pid;
error_log ${path}/error.log warn;
events { worker_connections 16384; }
rtmp {
  access_log off;
  server {
    listen 127.0.0.1:${port};
    chunk_size 60000;
    application live { live on; wait_key on; drop_idle_publisher 0; }
  }
}
`;

async function start(): Promise<RunningServer> {
  const directory = makeWorkDirectory("nginx");
  const port = await findFreePort();
  const file = `${directory.path}/nginx.conf`;
  writeFileSync(file, configuration(directory.path, port));
  const parameters = ["-c", file, "-p", directory.path, "-e", `${directory.path}/error.log`];
  const child = await spawnServer({ command: BINARY, parameters, directory: directory.path, port });
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
}

export const nginxServer: ServerAdapter = {
  name: "nginx-rtmp",
  absence:
    existsSync(BINARY) && moduleFile !== undefined
      ? ""
      : "needs nginx and libnginx-mod-rtmp (apt-get install nginx libnginx-mod-rtmp)",
  modes: ["realtime"],
  playerShare: 1,
  start,
};
