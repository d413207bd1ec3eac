/** The block `cluster` of a vhost as the servers of a cluster use it. */
import { ConfigError } from "../errors.ts";
import { decodeOriginAddress, isHttpUrl, type OriginAddress, shownAddress } from "./endpoint.ts";
import type { SectionReader } from "./section-reader.ts";

/** How an edge pulls. */
export type PullProtocol = "rtmp" | "flv" | "flvs";

/** One vhost's place in a cluster. Times in milliseconds. */
export interface ClusterConfig {
  /** True for an edge. */
  readonly isEdge: boolean;
  /** At least one for an edge. */
  readonly origins: readonly OriginAddress[];
  readonly protocol: PullProtocol;
  readonly followClient: boolean;
  readonly tokenTraverse: boolean;
  /** With `[vhost]` for the client's. */
  readonly vhost: string;
  readonly debugUpnode: boolean;
  readonly originCluster: boolean;
  /** `host:port` of the APIs of a mesh's other origins. */
  readonly coworkers: readonly string[];
  /** Certificates are checked. */
  readonly tlsVerify: boolean;
  readonly balance: "hash" | "round_robin";
  readonly redirectAllow: readonly string[];
  readonly connectTimeoutMs: number;
  readonly replyTimeoutMs: number;
  readonly firstMediaTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly lingerMs: number;
  /** 0 = for ever. */
  readonly waitMs: number;
  /** 0 = not remembered. */
  readonly notFoundMs: number;
  readonly holdMs: number;
  readonly holdBytes: number;
}

/** @throws ConfigError for one that no request could reach. */
function decodeCoworkers(section: SectionReader): readonly string[] {
  const coworkers = section.list("coworkers");
  const wrong = coworkers.find((word) => !isHttpUrl(`http://${word}`));
  if (section.isOn("origin_cluster") && wrong !== undefined) {
    const message = `coworkers "${shownAddress(wrong)}" is not host, host:port or [v6]:port`;
    throw new ConfigError("ERR_CONF_ORIGIN", message, section.placeOf("coworkers"));
  }
  return coworkers;
}

/** @throws ConfigError when an edge names no origin, or one that cannot be. */
export function decodeCluster(section: SectionReader): ClusterConfig {
  const isEdge = section.choice("mode") === "remote";
  const written = section.list("origin");
  const place = section.placeOf("origin");
  if (isEdge && written.length === 0) {
    throw new ConfigError("ERR_CONF_ORIGIN", "an edge (mode remote) needs an origin", place);
  }
  const origins = written.map((word) => {
    const address = decodeOriginAddress(word);
    if (address === undefined) {
      const message = `origin "${shownAddress(word)}" is not host, host:port or [v6]:port`;
      throw new ConfigError("ERR_CONF_ORIGIN", message, place);
    }
    return address;
  });
  return {
    isEdge,
    origins,
    protocol: section.choice("protocol") as PullProtocol,
    followClient: section.isOn("follow_client"),
    tokenTraverse: section.isOn("token_traverse"),
    vhost: section.text("vhost"),
    debugUpnode: section.isOn("debug_srs_upnode"),
    originCluster: section.isOn("origin_cluster"),
    coworkers: decodeCoworkers(section),
    tlsVerify: section.isOn("origin_tls_verify"),
    balance: section.choice("origin_balance") as ClusterConfig["balance"],
    redirectAllow: section.list("redirect_allow"),
    connectTimeoutMs: section.milliseconds("origin_connect_timeout"),
    replyTimeoutMs: section.milliseconds("origin_reply_timeout"),
    firstMediaTimeoutMs: section.milliseconds("origin_first_media_timeout"),
    stallTimeoutMs: section.milliseconds("origin_stall_timeout"),
    lingerMs: section.milliseconds("origin_linger"),
    waitMs: section.milliseconds("origin_wait"),
    notFoundMs: section.milliseconds("origin_not_found"),
    holdMs: section.milliseconds("publish_hold"),
    holdBytes: section.number("publish_hold_bytes"),
  };
}
