/** A weir that pulls from another weir: players at the edge, the publisher at its origin. */
import { writeFileSync } from "node:fs";
import { upstreamConnections } from "../measure/upstreams.ts";
import { endProcess, findFreePort, spawnServer } from "./processes.ts";
import {
  makeWorkDirectory,
  playAddress,
  type RunningServer,
  type ServeRequest,
  type ServerAdapter,
} from "./server.ts";
import { configuration, WEIR_BINARY, weirServer } from "./srs-like.ts";

async function start(request: ServeRequest): Promise<RunningServer> {
  const origin = await weirServer.start({ ...request, protocol: "rtmp", workers: 1 });
  const directory = makeWorkDirectory("weir-edge");
  const ports = { rtmp: await findFreePort(), http: await findFreePort() };
  const file = `${directory.path}/edge.conf`;
  const cluster = `cluster { mode remote; origin 127.0.0.1:${origin.publish.port}; }`;
  writeFileSync(file, configuration(request, ports, { isWeir: true, vhost: cluster }));
  try {
    const child = await spawnServer({
      command: WEIR_BINARY,
      parameters: ["-c", file],
      directory: directory.path,
      port: ports.rtmp,
    });
    const pid = child.pid ?? -1;
    return {
      pid,
      publish: origin.publish,
      play: playAddress(request.protocol, ports),
      hasOwnStream: false,
      upstreams: () => upstreamConnections(pid, origin.publish.port),
      stop: async () => {
        await endProcess(child);
        directory.remove();
        await origin.stop();
      },
    };
  } catch (error) {
    await origin.stop();
    throw error;
  }
}

export const weirEdge: ServerAdapter = {
  name: "weir-edge",
  absence: weirServer.absence,
  modes: ["merged", "realtime", "default"],
  protocols: ["rtmp", "http-flv", "ws-flv"],
  playerShare: 1,
  start,
};
