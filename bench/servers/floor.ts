/** The kernel floor as a server. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { endProcess, trackProcess } from "./processes.ts";
import {
  MERGE_FRAMES,
  type RunningServer,
  type ServeRequest,
  type ServerAdapter,
} from "./server.ts";

const ENTRY: string = fileURLToPath(import.meta.resolve("../floor/main.js"));

function heardPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("message", (message: { readonly port: number }) => {
      resolve(message.port);
    });
    child.once("exit", () => {
      reject(new Error("the floor ended before it listened"));
    });
  });
}

async function start(request: ServeRequest): Promise<RunningServer> {
  const factor = request.mode === "merged" ? MERGE_FRAMES : 1;
  const parameters = request.kind === "ingest" ? ["receive"] : ["send", String(factor)];
  const child = trackProcess(
    fork(ENTRY, parameters, { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
  );
  return {
    pid: child.pid ?? -1,
    port: await heardPort(child),
    wire: "raw",
    hasOwnStream: request.kind === "fan-out",
    stop: () => endProcess(child),
  };
}

export const floorServer: ServerAdapter = {
  name: "floor",
  absence: "",
  modes: ["merged", "realtime"],
  playerShare: 1,
  start,
};
