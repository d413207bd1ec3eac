/** What a shard needs to know of an edge's upstream. */
import type { ClusterConfig } from "../../protocol/conf/cluster.ts";
import type { UpstreamSettings } from "../../protocol/control/upstream.ts";

/** The slice of a vhost's `cluster`. */
export function upstreamOf(cluster: ClusterConfig): UpstreamSettings {
  const { connectTimeoutMs, replyTimeoutMs, firstMediaTimeoutMs, stallTimeoutMs } = cluster;
  const { holdMs, holdBytes } = cluster;
  return {
    connectTimeoutMs,
    replyTimeoutMs,
    firstMediaTimeoutMs,
    stallTimeoutMs,
    holdMs,
    holdBytes,
  };
}
