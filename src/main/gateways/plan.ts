/** Which gateways are started: how many, on which HTTP library, and where they listen. */
import { Worker } from "node:worker_threads";
import type { Config } from "../../protocol/conf/config.ts";
import type { HttpListen } from "../../protocol/control/calls.ts";
import { listenOn } from "../accept/listening.ts";
import { closeDescriptor, isNative } from "../accept/native.ts";
import { coresOfHost } from "../limits-of-host.ts";
import type { Logger } from "../log/logger.ts";
import type { GatewayPlace } from "../shards/shard-link.ts";

const PROBE_URL = new URL("../../worker/probe-uws.js", import.meta.url);
const CORES_PER_GATEWAY = 4;

/** Gateways to be started. */
export interface GatewayPlan {
  readonly places: readonly GatewayPlace[];
  /** Gives the shared sockets back. */
  close(): void;
}

/** Decides, and takes the ports that gateways share. @throws TransportError that names an address that cannot be had */
export async function planGateways(config: Config, log: Logger): Promise<GatewayPlan> {
  const { enabled, listen, crossdomain, gateways, backend: wanted } = config.httpServer;
  if (!enabled) {
    return { places: [], close: () => undefined };
  }
  const loads = wanted !== "node" && (await doesUwsLoad());
  if (wanted !== "node" && !loads) {
    log.warn(
      "gateway",
      "uWebSockets.js does not load here: HTTP is served by node:http, at a higher cost",
    );
  }
  const backend = loads ? "uws" : "node";
  // Without the C library there is no socket to share: the one gateway opens its own.
  const isShared = backend === "node" && isNative;
  const endpoints: HttpListen[] = [];
  const close = (): void => {
    for (const { descriptor } of endpoints) {
      if (descriptor !== null) {
        closeDescriptor(descriptor);
      }
    }
  };
  try {
    for (const { host, port } of listen) {
      // uWebSockets.js opens sockets of its own; one here that nobody accepts on would take its share of clients.
      const descriptor = isShared ? listenOn({ host, port }) : null;
      endpoints.push({ host, port, descriptor, tls: null });
    }
  } catch (error) {
    close();
    throw error;
  }
  const count = backend === "node" && !isShared ? 1 : countOf(gateways);
  log.info("gateway", `${count} gateways on ${backend === "uws" ? "uWebSockets.js" : "node:http"}`);
  const place: GatewayPlace = { backend, listen: endpoints, crossdomain };
  return { places: new Array<GatewayPlace>(count).fill(place), close };
}

/** @param wanted 0: as many as the host's cores ask for. */
function countOf(wanted: number): number {
  return wanted > 0 ? wanted : Math.max(1, Math.floor(coresOfHost() / CORES_PER_GATEWAY));
}

function doesUwsLoad(): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = new Worker(PROBE_URL);
    probe.once("message", (loads: boolean) => resolve(loads));
    probe.once("error", () => resolve(false));
    probe.once("exit", () => resolve(false));
  });
}
