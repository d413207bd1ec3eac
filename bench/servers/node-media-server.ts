/** Node-Media-Server out of the bench's own package, installed on demand. */
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { BENCH_DIRECTORY } from "./paths.ts";
import { endProcess, findFreePort, spawnServer } from "./processes.ts";
import {
  makeWorkDirectory,
  playAddress,
  type RunningServer,
  rtmpAddress,
  type ServeRequest,
  type ServerAdapter,
} from "./server.ts";

const PACKAGE = `${BENCH_DIRECTORY}/node_modules/node-media-server`;
const INSTALL_TIMEOUT_MS = 300_000;

function install(): void {
  if (!existsSync(PACKAGE)) {
    process.stderr.write("installing the peers of the bench (npm ci in bench/) …\n");
    const parameters = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    execFileSync("npm", parameters, {
      cwd: BENCH_DIRECTORY,
      timeout: INSTALL_TIMEOUT_MS,
      stdio: "ignore",
    });
  }
}

async function start(request: ServeRequest): Promise<RunningServer> {
  install();
  const directory = makeWorkDirectory("nms");
  const ports = { rtmp: await findFreePort(), http: await findFreePort() };
  const file = `${directory.path}/config.json`;
  const configuration = {
    bind: "127.0.0.1",
    notify: { url: "" },
    store: { path: "./data", maxHistory: 100 },
    auth: { play: false, publish: false, secret: "unused" },
    rtmp: { port: ports.rtmp },
    ...(request.protocol === "rtmp" ? {} : { http: { port: ports.http } }),
    webadmin: { enable: false },
    record: { auto: false, path: "./record" },
  };
  writeFileSync(file, JSON.stringify(configuration));
  const child = await spawnServer({
    command: process.execPath,
    parameters: [`${PACKAGE}/bin/app.js`, "-c", file],
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

export const nodeMediaServer: ServerAdapter = {
  name: "nms",
  absence: "",
  modes: ["realtime"],
  protocols: ["rtmp", "http-flv", "ws-flv"],
  playerShare: 0.5,
  start,
};
