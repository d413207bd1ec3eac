/** A weir that pulls from another weir: players at the edge, the publisher at its origin. */
import { writeFileSync } from "node:fs";
import { upstreamConnections } from "../measure/upstreams.ts";
import { ROOT_DIRECTORY } from "./paths.ts";
import { endProcess, findFreePort, spawnServer } from "./processes.ts";
import type { ServerAdapter } from "./server.ts";
import { makeWorkDirectory, type RunningServer, type ServeRequest } from "./server.ts";
import { configuration, weirServer } from "./srs-like.ts";

const BINARY = `${ROOT_DIRECTORY}/bin/weir`;

async function start(request: ServeRequest): Promise<RunningServer> {
  const origin = await weirServer.start({ ...request, workers: 1 });
  const directory = makeWorkDirectory("weir-edge");
  const port = await findFreePort();
  const file = `${directory.path}/edge.conf`;
  const cluster = `cluster { mode remote; origin 127.0.0.1:${origin.port}; }`;
  writeFileSync(file, configuration(request, port, { isWeir: true, vhost: cluster }));
  const child = await spawnServer({
    command: BINARY,
    parameters: ["-c", file],
    directory: directory.path,
    port,
  });
  const pid = child.pid ?? -1;
  return {
    pid,
    port,
    publishPort: origin.port,
    wire: "rtmp",
    hasOwnStream: false,
    upstreams: () => upstreamConnections(pid, origin.port),
    stop: async () => {
      await endProcess(child);
      directory.remove();
      await origin.stop();
    },
  };
}

export const weirEdge: ServerAdapter = {
  name: "weir-edge",
  absence: weirServer.absence,
  modes: ["merged", "realtime"],
  playerShare: 1,
  start,
};
