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
    { what: "playlist answered, p50", job: "viewers", figure: "pollP50Ms" },
    { what: "playlist answered, p99", job: "viewers", figure: "pollP99Ms" },
    { what: "ping answered, p50", job: "viewers", figure: "pingP50Ms" },
    { what: "ping answered, p99 (delay and tick)", job: "viewers", figure: "pingP99Ms" },
    { what: "loop delay, the largest", job: "viewers", figure: "loopDelayMaxMs", max: 20 },
    { what: "segments a second", job: "viewers", figure: "segmentsPerSecond" },
    { what: "playlists a second", job: "viewers", figure: "playlistsPerSecond" },
    { what: "kept connections opened again", job: "viewers", figure: "reconnects" },
    { what: "payload", job: "viewers", figure: "gbitPerSecond" },
    { what: "viewers that read every frame", job: "viewers", figure: "viewersChecked" },
    { what: "CPU of 1000", job: "viewers", figure: "cpuPer1000Percent" },
    { what: "CPU of 1 Gbit/s", job: "viewers", figure: "cpuPerGbitPercent" },
    { what: "generator’s CPU", job: "viewers", figure: "generatorCpuPercent" },
    { what: "generator’s lag p99", job: "viewers", figure: "generatorLagP99Ms" },
    { what: "generator’s backlog", job: "viewers", figure: "generatorBacklogMaxMs" },
  ],
};
