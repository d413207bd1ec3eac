/** What an edge asks of an origin: the URL and identity that SRS's edges send. */
import type { ClusterConfig, PullProtocol } from "../../protocol/conf/cluster.ts";
import type { UpstreamIdentity } from "../../protocol/control/upstream.ts";
import { encodeRtmpUrl, type StreamRequest } from "../../protocol/rtmp/stream-url.ts";
import { extendPassage } from "./passage.ts";

const DEFAULT_PORTS: Readonly<Record<PullProtocol, number>> = { rtmp: 1935, flv: 80, flvs: 443 };

/** For whom a stream is fetched or sent on. */
interface Demand {
  readonly id: string;
  readonly request: StreamRequest;
  readonly path: string;
  readonly isHttp?: boolean;
}

/** For whom and how. */
export interface TargetOptions {
  /** Name of the vhost that serves the client here. */
  readonly vhost: string;
  readonly cluster: ClusterConfig;
  readonly demand: Demand;
  /** A push is always RTMP. */
  readonly isPull: boolean;
}

/** Who this server is. */
export interface ServerNames {
  readonly serverId: string;
  readonly version: string;
  readonly pid: number;
}

/** A target, with its port for the log. */
export interface Target {
  readonly protocol: PullProtocol;
  readonly port: number;
  /** Holds user parameters: never log it. */
  readonly url: string;
  readonly identity: UpstreamIdentity | null;
  readonly path: string;
  readonly tlsVerify: boolean;
}

/** Where an attempt goes. */
interface Destination {
  readonly host: string;
  /** 0 stands for the protocol's own. */
  readonly port: number;
  /** What a redirect over HTTP named, as it stands; undefined: what the client asked for. */
  readonly url?: string | undefined;
}

/** What is asked of an origin, or of where it has redirected to. */
export function originTarget(
  origin: Destination,
  { vhost, cluster, demand, isPull }: TargetOptions,
  names: ServerNames,
): Target {
  const protocol = isPull ? pullProtocol(cluster, demand, origin.url) : "rtmp";
  const port = origin.port === 0 ? DEFAULT_PORTS[protocol] : origin.port;
  const { serverId, version, pid } = names;
  const { id, request } = demand;
  return {
    protocol,
    port,
    url:
      protocol === "rtmp"
        ? rtmpUrl({ ...origin, port }, cluster.vhost.replaceAll("[vhost]", vhost), request)
        : (origin.url ?? flvUrl(protocol, { ...origin, port }, request)),
    identity: cluster.debugUpnode ? { server: "weir", version, pid, id } : null,
    tlsVerify: cluster.tlsVerify,
    path: extendPassage(demand.path, serverId),
  };
}

/** A redirect decides, then with `follow_client` the client for whom the pull began, then the directive. */
function pullProtocol(
  { followClient, protocol }: ClusterConfig,
  { isHttp }: Demand,
  redirect: string | undefined,
): PullProtocol {
  if (redirect !== undefined) {
    return redirect.startsWith("https:") ? "flvs" : "flv";
  }
  if (!followClient) {
    return protocol;
  }
  if (isHttp !== true) {
    return "rtmp";
  }
  // A viewer does not say whether the way to the origin needs to be encrypted: the operator did.
  return protocol === "flvs" ? "flvs" : "flv";
}

function rtmpUrl(
  { host: server, port }: { readonly host: string; readonly port: number },
  vhost: string,
  { app, stream, param, host }: StreamRequest,
): string {
  return encodeRtmpUrl({ server, port, host, vhost, app, stream, param });
}

function flvUrl(
  protocol: "flv" | "flvs",
  { host, port }: { readonly host: string; readonly port: number },
  { app, stream, param }: StreamRequest,
): string {
  const scheme = protocol === "flv" ? "http" : "https";
  const name = host.includes(":") ? `[${host}]` : host;
  const segments = [...app.split("/"), `${stream}.flv`].map(encodeURIComponent).join("/");
  return `${scheme}://${name}:${port}/${segments}${param}`;
}
