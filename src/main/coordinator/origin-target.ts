/** What an edge asks of an origin: the URL and identity that SRS's edges send. */
import type { ClusterConfig, PullProtocol } from "../../protocol/conf/cluster.ts";
import type { UpstreamIdentity } from "../../protocol/control/upstream.ts";
import { encodeRtmpUrl, type StreamRequest } from "../../protocol/rtmp/stream-url.ts";

const DEFAULT_PORTS: Readonly<Record<PullProtocol, number>> = { rtmp: 1935, flv: 80, flvs: 443 };

/** For whom and how. */
export interface TargetOptions {
  /** Name of the vhost that serves the client here. */
  readonly vhost: string;
  readonly cluster: ClusterConfig;
  readonly demand: { readonly id: string; readonly request: StreamRequest; readonly path: string };
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

/** @param origin Where to; port 0 stands for the protocol's own. */
export function originTarget(
  origin: { readonly host: string; readonly port: number },
  { vhost, cluster, demand, isPull }: TargetOptions,
  names: ServerNames,
): Target {
  // Players come by RTMP only so far: that is what `follow_client` follows.
  const isFollowing = cluster.followClient || !isPull;
  const protocol: PullProtocol = isFollowing ? "rtmp" : cluster.protocol;
  const port = origin.port === 0 ? DEFAULT_PORTS[protocol] : origin.port;
  const { serverId, version, pid } = names;
  const { id, request } = demand;
  return {
    protocol,
    port,
    url:
      protocol === "rtmp"
        ? rtmpUrl({ ...origin, port }, cluster.vhost.replaceAll("[vhost]", vhost), request)
        : flvUrl(protocol, { ...origin, port }, request),
    identity: cluster.debugUpnode ? { server: "weir", version, pid, id } : null,
    tlsVerify: cluster.tlsVerify,
    path: demand.path === "" ? serverId : `${demand.path},${serverId}`,
  };
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
