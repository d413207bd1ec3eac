/** How a stream is treated unless a test says otherwise: the defaults of the directives. */
import type { StreamSettings } from "../../src/protocol/control/calls.ts";

export const settings: StreamSettings = {
  chunkSize: 60_000,
  minLatency: false,
  tcpNodelay: null,
  gopCache: true,
  gopCacheMaxFrames: 2500,
  queueLengthMs: 10_000,
  timeJitter: "full",
  atc: false,
  atcAuto: false,
  mixCorrect: false,
  mwLatencyMs: 350,
  mwMsgs: 0,
  mwAdaptive: true,
  sendMinIntervalMs: 0,
  reduceSequenceHeader: false,
  playWaitMs: 0,
  keptForm: null,
  playerStallMs: 10_000,
  firstPacketTimeoutMs: 20_000,
  normalTimeoutMs: 5000,
  kickoffForIdleMs: 0,
  ringBudgetBytes: 8 * 1024 * 1024,
  upstream: null,
  hls: null,
};
