/** Viewers of HLS, and what they do to the threads that serve players. */
import { type Scenario, termsOf } from "./scenario.ts";

const GATEWAYS = 2;
/** RTMP players of the same stream that ping, spread over the threads. */
const PROBES = 20;

/** HLS viewers on two gateways beside two shards. */
export const hlsViewers: Scenario = {
  id: "hls-viewers",
  name: "hls-viewers",
  title: "HLS viewers of one stream on 2 gateways; RTMP players on 2 shards ping meanwhile",
  isDefault: false,
  jobs: (plan) => [
    {
      id: "viewers",
      work: {
        ...termsOf(plan, { protocol: "hls", workers: GATEWAYS }),
        kind: "fan-out",
        players: plan.players + PROBES,
        streams: 1,
        probes: PROBES,
      },
      servers: ["weir"],
    },
  ],
  criteria: [
    { what: "requests refused", job: "viewers", figure: "refusals", max: 0 },
    { what: "connections lost", job: "viewers", figure: "lost", max: 0 },
    { what: "segment fetched, p50", job: "viewers", figure: "fetchP50Ms" },
    { what: "segment fetched, p99", job: "viewers", figure: "fetchP99Ms", max: 200 },
    { what: "ping answered, p50", job: "viewers", figure: "pingP50Ms" },
    { what: "ping answered, p99 (delay and tick)", job: "viewers", figure: "pingP99Ms", max: 20 },
    { what: "segments a second", job: "viewers", figure: "segmentsPerSecond" },
    { what: "CPU of 1000", job: "viewers", figure: "cpuPer1000Percent" },
  ],
};
