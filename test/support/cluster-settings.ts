/** Coded defaults of `cluster`. */
import type { ClusterConfig } from "../../src/protocol/conf/cluster.ts";

export const CLUSTER_DEFAULTS: ClusterConfig = {
  isEdge: false,
  origins: [],
  protocol: "rtmp",
  followClient: false,
  tokenTraverse: false,
  vhost: "[vhost]",
  debugUpnode: true,
  originCluster: false,
  coworkers: [],
  tlsVerify: true,
  balance: "hash",
  redirectAllow: [],
  connectTimeoutMs: 2000,
  replyTimeoutMs: 3000,
  firstMediaTimeoutMs: 5000,
  stallTimeoutMs: 5000,
  lingerMs: 3000,
  waitMs: 15_000,
  notFoundMs: 3000,
  holdMs: 5000,
  holdBytes: 8_388_608,
};
