/** The scenarios of docs/performance.md, P1 to P9 as far as they exist, and `STREAMS`. */
import { absolute, ratio, type Scenario } from "./scenario.ts";

const PEERS = ["floor", "weir", "nginx-rtmp", "nms", "srs"] as const;
const RTMP_PEERS = ["weir", "nginx-rtmp", "nms", "srs"] as const;
const CPU = "cpuPer1000Percent";

const merged: Scenario = {
  id: "P1",
  title: "players of one stream, merge 350 ms: CPU",
  jobs: ({ players }) => [
    {
      id: "merged",
      work: { kind: "players", players, mode: "merged", workers: 1 },
      servers: PEERS,
    },
  ],
  criteria: [
    ratio("merged", CPU, { over: "floor", target: 1.25 }),
    ratio("merged", CPU, { over: "nginx-rtmp", target: 0.25 }),
    ratio("merged", CPU, { over: "srs", target: 0.6 }),
    ratio("merged", CPU, { over: "nms" }),
    ratio("merged", CPU, { of: "nginx-rtmp", over: "floor" }),
    ratio("merged", CPU, { of: "nms", over: "floor" }),
  ],
};

const realtime: Scenario = {
  id: "P2",
  title: "players of one stream, realtime: CPU, latency",
  jobs: ({ players, latencyPlayers }) => [
    {
      id: "realtime",
      work: { kind: "players", players, mode: "realtime", workers: 1 },
      servers: PEERS,
    },
    {
      id: "latency",
      work: { kind: "players", players: latencyPlayers, mode: "realtime", workers: 1 },
      servers: PEERS,
    },
  ],
  criteria: [
    ratio("realtime", CPU, { over: "floor", target: 1.25 }),
    ratio("realtime", CPU, { over: "nginx-rtmp", target: 0.75 }),
    ratio("realtime", CPU, { over: "srs", target: 0.75 }),
    ratio("realtime", CPU, { over: "nms" }),
    ratio("realtime", CPU, { of: "nginx-rtmp", over: "floor" }),
    absolute("latency", "latencyP50Ms", { what: "latency p50", unit: "ms" }),
    absolute("latency", "latencyP99Ms", { what: "latency p99", unit: "ms", target: 12 }),
    ratio("latency", "latencyP99Ms", { over: "floor" }),
    ratio("latency", "latencyP99Ms", { over: "nginx-rtmp" }),
    ratio("latency", "latencyP99Ms", { over: "nms" }),
    ratio("latency", "latencyP99Ms", { over: "srs" }),
  ],
};

const ingest: Scenario = {
  id: "P5",
  title: "publishers of 1.1 Mbit/s, no players: CPU, memory",
  jobs: ({ publishers }) => [
    { id: "ingest", work: { kind: "publishers", publishers }, servers: PEERS },
  ],
  criteria: [
    ratio("ingest", CPU, { over: "floor" }),
    ratio("ingest", CPU, { over: "nginx-rtmp" }),
    ratio("ingest", CPU, { over: "nms", target: 0.3 }),
    ratio("ingest", CPU, { over: "srs", target: 1 }),
    ratio("ingest", CPU, { of: "nms", over: "floor" }),
    absolute("ingest", "rssMb", { what: "RSS", unit: "MB", target: 350 }),
    ratio("ingest", "rssMb", { over: "nms" }),
  ],
};

const growth: Scenario = {
  id: "P6",
  title: "memory of an added player (twice the players against once)",
  jobs: ({ players }) => [
    {
      id: "growth",
      work: { kind: "growth", players },
      servers: ["floor", "weir", "nginx-rtmp", "srs"],
    },
  ],
  criteria: [
    absolute("growth", "rssPerPlayerKb", { what: "RSS a player", unit: "KiB", target: 4 }),
    absolute("growth", "tcpPerPlayerKb", { what: "kernel TCP a player", unit: "KiB" }),
    ratio("growth", "rssPerPlayerKb", { over: "nginx-rtmp" }),
    ratio("growth", "rssPerPlayerKb", { over: "srs" }),
    absolute("growth", "rssPerPlayerKb", {
      what: "floor: RSS a player",
      unit: "KiB",
      server: "floor",
    }),
  ],
};

const join: Scenario = {
  id: "P7",
  title: "storm of joins: connect → first keyframe",
  jobs: ({ players, latencyPlayers }) => [
    {
      id: "storm",
      work: { kind: "join", players, overMs: 1000 },
      servers: ["floor", ...RTMP_PEERS],
    },
    {
      id: "rush",
      work: { kind: "join", players: latencyPlayers, overMs: 200 },
      servers: ["floor", ...RTMP_PEERS],
    },
  ],
  criteria: [
    absolute("storm", "joinP99Ms", { what: "all in 1 s: join p99", unit: "ms", target: 1000 }),
    ratio("storm", "joinP99Ms", { over: "floor" }),
    ratio("storm", "joinP99Ms", { over: "nginx-rtmp" }),
    ratio("storm", "joinP99Ms", { over: "nms" }),
    ratio("storm", "joinP99Ms", { over: "srs" }),
    absolute("rush", "joinP99Ms", {
      what: "a quarter in 0.2 s: join p99",
      unit: "ms",
      target: 150,
    }),
    ratio("rush", "joinP99Ms", { over: "floor" }),
    ratio("rush", "joinP99Ms", { over: "nginx-rtmp" }),
    ratio("rush", "joinP99Ms", { over: "nms" }),
    ratio("rush", "joinP99Ms", { over: "srs" }),
  ],
};

const shards: Scenario = {
  id: "P8",
  title: "one hot stream on 2 shards against 1",
  jobs: ({ players }) => [
    {
      id: "merged",
      work: { kind: "players", players, mode: "merged", workers: 1 },
      servers: ["weir"],
    },
    {
      id: "two-shards",
      work: { kind: "players", players, mode: "merged", workers: 2 },
      servers: ["weir"],
    },
  ],
  criteria: [
    absolute("two-shards", "busiestShare", { what: "busier shard’s share", unit: "", target: 0.6 }),
    {
      what: "CPU of 2 shards ÷ 1",
      of: { server: "weir", job: "two-shards", figure: CPU },
      over: { server: "weir", job: "merged", figure: CPU },
      unit: "×",
      target: 1.15,
    },
  ],
};

const edge: Scenario = {
  id: "P9",
  title: "players on an edge of 2 shards: one upstream connection, added latency",
  jobs: ({ players }) => [
    {
      id: "edge",
      work: {
        kind: "players",
        players: Math.ceil(players / 2),
        mode: "realtime",
        workers: 2,
      },
      servers: ["weir", "weir-edge"],
    },
  ],
  criteria: [
    absolute("edge", "upstreams", {
      what: "upstream connections",
      unit: "",
      target: 1,
      server: "weir-edge",
    }),
    {
      what: "added latency p99",
      of: { server: "weir-edge", job: "edge", figure: "latencyP99Ms" },
      minus: { server: "weir", job: "edge", figure: "latencyP99Ms" },
      unit: "ms",
      target: 10,
    },
    {
      what: "added latency p50",
      of: { server: "weir-edge", job: "edge", figure: "latencyP50Ms" },
      minus: { server: "weir", job: "edge", figure: "latencyP50Ms" },
      unit: "ms",
    },
  ],
};

const streams: Scenario = {
  id: "STREAMS",
  title: "many streams with two players each on 2 shards: CPU, gaps",
  jobs: ({ publishers }) => [
    {
      id: "streams",
      work: {
        kind: "streams",
        publishers: Math.ceil((publishers * 2) / 3),
        playersEach: 2,
        workers: 2,
      },
      servers: ["weir", "nginx-rtmp", "nms", "srs"],
    },
  ],
  criteria: [
    ratio("streams", CPU, { over: "nginx-rtmp" }),
    ratio("streams", CPU, { over: "nms" }),
    ratio("streams", CPU, { over: "srs" }),
  ],
};

export const scenarios: readonly Scenario[] = [
  merged,
  realtime,
  ingest,
  growth,
  join,
  shards,
  edge,
  streams,
];
