/** Which gateways are started: how many, on which HTTP library, and where they listen. */
import { Worker } from "node:worker_threads";
import type { Config } from "../../protocol/conf/config.ts";
import type { HttpServerConfig } from "../../protocol/conf/config-types.ts";
import { addressOf, type ListenEndpoint } from "../../protocol/conf/endpoint.ts";
import type {
  CertificateNews,
  HttpListen,
  StaticMount,
  StaticNews,
} from "../../protocol/control/calls.ts";
import { listenOn, whenListening } from "../accept/listening.ts";
import { closeDescriptor, isNative } from "../accept/native.ts";
import type { Prepared, ReloadPart } from "../config/parts.ts";
import { coresOfHost, httpConnectionsMax } from "../limits-of-host.ts";
import type { Logger } from "../log/logger.ts";
import type { GatewayPlace } from "../shards/shard-link.ts";
import { SharedCertificate } from "./shared-certificate.ts";
import { staticMounts } from "./static-mounts.ts";

const PROBE_URL = new URL("../../worker/probe-uws.js", import.meta.url);
const CORES_PER_GATEWAY = 4;

/** Gateways to be started. */
export interface GatewayPlan {
  readonly places: readonly GatewayPlace[];
  /** What a reload changes. @param post Tells it to every gateway that runs. */
  part(post: (news: CertificateNews | StaticNews) => void): ReloadPart;
  /** Gives the shared sockets back. */
  close(): void;
}

const NOTHING: Prepared = { commit: () => undefined, abort: () => undefined };

/** Where gateways listen. */
interface Address extends ListenEndpoint {
  /** **Owned**; null: each gateway opens its own. */
  readonly descriptor: number | null;
  readonly isSecure: boolean;
}

/**
 * Decides, and takes the ports that gateways share.
 * @throws TransportError that names an address that cannot be had, ConfigError of a certificate that cannot be used
 */
export async function planGateways(config: Config, log: Logger): Promise<GatewayPlan> {
  const { enabled, crossdomain, gateways, backend: wanted, https } = config.httpServer;
  if (!enabled) {
    return { places: [], part: () => ({ prepare: () => NOTHING }), close: () => undefined };
  }
  const certificate = https.enabled ? new SharedCertificate(https, log) : null;
  const backend = await chooseBackend(wanted, log);
  // Without the C library there is no socket to share: the one gateway opens its own.
  const isShared = backend === "node" && isNative;
  const addresses: Address[] = [];
  const closeAll = (): void => {
    certificate?.close();
    addresses.forEach(close);
  };
  try {
    openAddresses(config.httpServer, addresses);
    await whenListening();
  } catch (error) {
    closeAll();
    throw error;
  }
  if (!isShared) {
    // Gateways open sockets of their own; one here that nobody accepts on would take its share of clients. That the
    // addresses are to be had is known now: a thread that dies of it could not say it as clearly.
    for (const address of addresses.splice(0)) {
      close(address);
      addresses.push({ ...address, descriptor: null });
    }
  }
  const count = backend === "node" && !isShared ? 1 : countOf(gateways);
  log.info("gateway", `${count} gateways on ${backend === "uws" ? "uWebSockets.js" : "node:http"}`);
  for (const { isSecure, ...endpoint } of addresses) {
    log.info("gateway", `HTTP on ${isSecure ? "https" : "http"}://${addressOf(endpoint)}`);
  }
  let mounts = staticMounts(config);
  const place: GatewayPlace = {
    backend,
    connectionsMax: httpConnectionsMax(config.maxConnections, count),
    crossdomain,
    get mounts(): readonly StaticMount[] {
      return mounts;
    },
    // Asked for by each thread that starts: a certificate may be another by then.
    get listen(): HttpListen[] {
      const tls = certificate?.files ?? null;
      return addresses.map(({ isSecure, ...address }) => ({
        ...address,
        tls: isSecure ? tls : null,
      }));
    },
  };
  return {
    places: new Array<GatewayPlace>(count).fill(place),
    part: (post) => ({
      prepare: (next) => {
        const renewal = certificate?.prepare(next.httpServer.https, post) ?? NOTHING;
        const commit = (): void => {
          renewal.commit();
          mounts = staticMounts(next);
          post({ kind: "static", mounts });
        };
        return { commit, abort: renewal.abort };
      },
    }),
    close: closeAll,
  };
}

async function chooseBackend(
  wanted: HttpServerConfig["backend"],
  log: Logger,
): Promise<GatewayPlace["backend"]> {
  if (wanted === "node") {
    return "node";
  }
  const reason = await whyNoUws();
  if (reason === "") {
    return "uws";
  }
  const text = "uWebSockets.js does not load here: HTTP is served by node:http, at a higher cost";
  log.warn("gateway", `${text} (${reason})`);
  return "node";
}

/** @param addresses Gets those that were opened, also when a later one cannot be. @throws TransportError */
function openAddresses({ listen, https }: HttpServerConfig, addresses: Address[]): void {
  const secure = https.enabled ? https.listen : [];
  for (const endpoint of [...listen, ...secure]) {
    const descriptor = listenOn(endpoint);
    addresses.push({ ...endpoint, descriptor, isSecure: secure.includes(endpoint) });
  }
}

function close({ descriptor }: Address): void {
  if (descriptor !== null) {
    closeDescriptor(descriptor);
  }
}

/** @param wanted 0: as many as the host's cores ask for. */
function countOf(wanted: number): number {
  return wanted > 0 ? wanted : Math.max(1, Math.floor(coresOfHost() / CORES_PER_GATEWAY));
}

/** @returns an empty text where it loads. */
function whyNoUws(): Promise<string> {
  return new Promise((resolve) => {
    const probe = new Worker(PROBE_URL);
    probe.once("message", (reason: string) => resolve(reason));
    probe.once("error", (error) => resolve(String(error)));
    probe.once("exit", (code) => resolve(`the thread that tried ended with ${code}`));
  });
}
