/** Debian's nginx as a reverse proxy, as one foreground process. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startProcess } from "./process.ts";
import { findFreePort, makeScratch } from "./scratch.ts";
import type { RunningServer } from "./weir.ts";
import { waitForServer } from "./weir.ts";

/** Starts it in front of a loopback port. `directives` go into its location. */
export async function startNginxProxy(port: number, directives: string): Promise<RunningServer> {
  const directory = makeScratch();
  const front = await findFreePort();
  const file = join(directory, "nginx.conf");
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  writeFileSync(
    file,
    `daemon off; master_process off; worker_processes 1;
pid ${join(directory, "nginx.pid")};
error_log stderr info;
events { worker_connections 256; }
http {
  access_log off;
  ${paths.map((name) => `${name}_temp_path ${join(directory, name)};`).join("\n  ")}
  server {
    listen 127.0.0.1:${front};
    location / { proxy_pass http://127.0.0.1:${port}; ${directives} }
  }
}
`,
  );
  const nginx = startProcess("nginx", ["-e", "stderr", "-p", directory, "-c", file]);
  return waitForServer("nginx", nginx, front);
}
