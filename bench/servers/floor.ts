/** The kernel floor as a server. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Wire } from "../generator/calls.ts";
import { endProcess, trackProcess } from "./processes.ts";
import type { RunningServer, ServeRequest, ServerAdapter } from "./server.ts";

const ENTRY: string = fileURLToPath(import.meta.resolve("../floor/main.js"));

/** What a floor process is told. */
export interface FloorTask {
  readonly kind: "send" | "receive";
  readonly wire: Wire;
  readonly mergeFrames: number;
  readonly shape: ServeRequest["shape"];
}

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
  const { protocol, mergeFrames, shape } = request;
  const wire = protocol === "rtmp" ? "raw" : protocol;
  const kind = request.kind === "ingest" ? "receive" : "send";
  const task: FloorTask = { kind, wire, mergeFrames, shape };
  const child = trackProcess(
    fork(ENTRY, [JSON.stringify(task)], { stdio: ["ignore", "inherit", "inherit", "ipc"] }),
  );
  const port = await heardPort(child);
  const address = { port, wire, app: "live", path: "/live/{stream}.flv" } as const;
  return {
    pid: child.pid ?? -1,
    publish: { ...address, wire: "raw" },
    play: address,
    hasOwnStream: request.kind === "fan-out",
    stop: () => endProcess(child),
  };
}

export const floorServer: ServerAdapter = {
  name: "floor",
  absence: "",
  modes: ["merged", "realtime", "default"],
  protocols: ["rtmp", "http-flv", "ws-flv"],
  playerShare: 1,
  start,
};
