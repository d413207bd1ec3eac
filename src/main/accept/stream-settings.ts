/** What of a vhost's configuration the shards that serve its streams need. */
import type { ClusterConfig } from "../../protocol/conf/cluster.ts";
import type { Config, VhostConfig } from "../../protocol/conf/config.ts";
import type { StreamSettings } from "../../protocol/control/calls.ts";
import type { UpstreamSettings } from "../../protocol/control/upstream.ts";
import { keptFormOf } from "../gateways/remux.ts";

/** A vhost's settings as a shard needs them. @param isToRecord For a stream that is recorded. */
export function settingsOf(
  config: Config,
  vhost: VhostConfig,
  isToRecord: boolean,
): StreamSettings {
  const { play, publish, cluster, hls, dvr } = vhost;
  return {
    chunkSize: vhost.chunkSize,
    minLatency: vhost.minLatency,
    tcpNodelay: vhost.tcpNodelay,
    gopCache: play.gopCache,
    gopCacheMaxFrames: play.gopCacheMaxFrames,
    queueLengthMs: play.queueLengthMs,
    timeJitter: play.timeJitter,
    atc: play.atc,
    atcAuto: play.atcAuto,
    mixCorrect: play.mixCorrect,
    mwLatencyMs: play.mwLatencyMs,
    mwMsgs: play.mwMsgs,
    mwAdaptive: play.mwAdaptive,
    sendMinIntervalMs: play.sendMinIntervalMs,
    reduceSequenceHeader: play.reduceSequenceHeader,
    playWaitMs: cluster.isEdge && play.waitMs === 0 ? cluster.waitMs : play.waitMs,
    playerStallMs: config.limits.playerStallMs,
    firstPacketTimeoutMs: publish.firstPacketTimeoutMs,
    normalTimeoutMs: publish.normalTimeoutMs,
    kickoffForIdleMs: publish.kickoffForIdleMs,
    ringBudgetBytes: config.limits.ringBudgetBytes,
    upstream: cluster.isEdge ? upstreamOf(cluster) : null,
    hls: hls.enabled ? hls : null,
    dvr: isToRecord ? dvr : null,
    keptForm: keptFormOf(vhost),
  };
}

function upstreamOf(cluster: ClusterConfig): UpstreamSettings {
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
