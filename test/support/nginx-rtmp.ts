/** Debian's nginx with the RTMP module, as one foreground process: a peer origin or edge. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startProcess } from "./process.ts";
import { findFreePort, makeScratch } from "./scratch.ts";
import type { RunningServer } from "./weir.ts";
import { waitForServer } from "./weir.ts";

const MODULE = "/usr/lib/nginx/modules/ngx_rtmp_module.so";

/** Starts nginx-rtmp with an application `live`. `directives` go into it, e.g. `pull rtmp://…;`. */
export async function startNginxRtmp(directives: string): Promise<RunningServer> {
  const directory = makeScratch();
  const port = await findFreePort();
  const file = join(directory, "nginx.conf");
  writeFileSync(
    file,
    `load_module ${MODULE};
daemon off; master_process off; worker_processes 1;
pid ${join(directory, "nginx.pid")};
error_log stderr info;
events { worker_connections 256; }
rtmp {
  access_log off;
  server {
    listen 127.0.0.1:${port};
    chunk_size 4096;
    application live { live on; wait_key on; wait_video on; ${directives} }
  }
}
`,
  );
  const nginx = startProcess("nginx", ["-e", "stderr", "-p", directory, "-c", file]);
  return waitForServer("nginx-rtmp", nginx, port);
}
