/** What happens to a running stream: joins, slow readers, republishes, reloads, time. */
import { RTMP_SERVERS, type Scenario, serversOf, termsOf } from "./scenario.ts";

/** P7. */
export const joins: Scenario = {
  id: "P7",
  name: "join-storm",
  title: "storm of joins: connect → first keyframe",
  isDefault: true,
  jobs: (plan) => [
    {
      id: "storm",
      work: { ...termsOf(plan), kind: "join", players: plan.players, overMs: 1000 },
      servers: RTMP_SERVERS,
    },
    {
      id: "rush",
      work: { ...termsOf(plan), kind: "join", players: plan.latencyPlayers, overMs: 200 },
      servers: RTMP_SERVERS,
    },
  ],
  criteria: [
    { what: "all in 1 s: join p99", job: "storm", figure: "joinP99Ms", max: 1000 },
    { what: "busiest thread’s CPU a join", job: "storm", figure: "joinThreadUs" },
    { what: "a quarter in 0.2 s: join p99", job: "rush", figure: "joinP99Ms", max: 150 },
  ],
};

/** A storm of viewers by any protocol. */
export const viewerJoins: Scenario = {
  id: "viewer-storm",
  name: "viewer-storm",
  title: "storm of joins by --protocol",
  isDefault: false,
  jobs: (plan) => [
    {
      id: "storm",
      work: {
        ...termsOf(plan, { protocol: plan.protocol, workers: plan.shards }),
        kind: "join",
        players: plan.players,
        overMs: 1000,
      },
      servers: serversOf(plan.protocol),
    },
  ],
  criteria: [{ what: "all in 1 s: join p99", job: "storm", figure: "joinP99Ms" }],
};

/** One in ten reads nothing, one in ten half of the rate. */
const SLOW_SHARE = 0.1;

export const slowReaders: Scenario = {
  id: "slow-readers",
  name: "slow-readers",
  title:
    "half of the players, and beside them one in ten that is stuck and one in ten that is slow",
  isDefault: false,
  jobs: (plan) => {
    const players = Math.ceil(plan.players / 2);
    const others = Math.ceil(players * SLOW_SHARE);
    const terms = termsOf(plan, { protocol: plan.protocol, workers: plan.shards });
    const servers = serversOf(plan.protocol).filter((name) => name !== "floor");
    return [
      {
        id: "alone",
        work: { ...terms, kind: "fan-out", players, streams: 1, probes: 0 },
        servers,
      },
      {
        id: "mixed",
        work: { ...terms, kind: "slow", players, stuck: others, slow: others },
        servers,
      },
    ];
  },
  criteria: [
    { what: "CPU of 1000 others", job: "mixed", figure: "cpuPer1000Percent" },
    { what: "latency p99 of the others", job: "mixed", figure: "latencyP99Ms" },
    {
      what: "latency p99, more than without them",
      job: "mixed",
      figure: "latencyP99Ms",
      less: { server: "weir", job: "alone", figure: "latencyP99Ms" },
    },
    { what: "RSS", job: "mixed", figure: "rssMb" },
    { what: "slow players still there", job: "mixed", figure: "slowLive" },
  ],
};

const REPUBLISH_EVERY_MS = 1000;

export const republish: Scenario = {
  id: "republish",
  name: "republish",
  title: "publishers break off and come again each second, players stay",
  isDefault: false,
  jobs: (plan) => {
    const publishers = Math.max(1, Math.ceil(plan.publishers / 10));
    return [
      {
        id: "republish",
        work: {
          ...termsOf(plan, { mode: "realtime", workers: plan.shards, protocol: plan.protocol }),
          kind: "republish",
          players: publishers * 10,
          publishers,
          everyMs: REPUBLISH_EVERY_MS,
        },
        servers: serversOf(plan.protocol).filter((name) => name !== "floor"),
      },
    ];
  },
  criteria: [
    { what: "without media, p50", job: "republish", figure: "outageP50Ms" },
    { what: "without media, p99", job: "republish", figure: "outageP99Ms" },
    { what: "republishes seen", job: "republish", figure: "resumedShare" },
    { what: "CPU of 1000 players", job: "republish", figure: "cpuPer1000Percent" },
  ],
};

const RELOAD_EVERY_MS = 500;

export const reload: Scenario = {
  id: "reload",
  name: "reload",
  title: "the configuration changes twice a second under load",
  isDefault: false,
  jobs: (plan) => {
    const terms = termsOf(plan, { workers: plan.shards, protocol: plan.protocol });
    const players = Math.ceil(plan.players / 2);
    return [
      {
        id: "alone",
        work: { ...terms, kind: "fan-out", players, streams: 1, probes: 0 },
        servers: ["weir"],
      },
      {
        id: "reload",
        work: { ...terms, kind: "reload", players, everyMs: RELOAD_EVERY_MS },
        servers: ["weir"],
      },
    ];
  },
  criteria: [
    { what: "latency p99", job: "reload", figure: "latencyP99Ms" },
    {
      what: "latency p99, more than without",
      job: "reload",
      figure: "latencyP99Ms",
      less: { server: "weir", job: "alone", figure: "latencyP99Ms" },
    },
    { what: "lost", job: "reload", figure: "lost", max: 0 },
    { what: "frames missing", job: "reload", figure: "gaps", max: 0 },
  ],
};

export const soak: Scenario = {
  id: "soak",
  name: "soak",
  title: "half of the players on ten streams for --soak seconds",
  isDefault: false,
  jobs: (plan) => [
    {
      id: "soak",
      isOnce: true,
      work: {
        ...termsOf(plan, { workers: plan.shards, protocol: plan.protocol, mode: "default" }),
        kind: "soak",
        players: Math.ceil(plan.players / 2),
        streams: Math.min(10, Math.ceil(plan.players / 2)),
      },
      servers: ["weir"],
    },
  ],
  criteria: [
    { what: "RSS growth in the second half", job: "soak", figure: "rssGrowthMbPerHour" },
    { what: "RSS", job: "soak", figure: "rssMb" },
    { what: "lost", job: "soak", figure: "lost", max: 0 },
    { what: "frames missing", job: "soak", figure: "gaps", max: 0 },
    { what: "latency p99", job: "soak", figure: "latencyP99Ms" },
  ],
};
