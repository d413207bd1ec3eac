/** Publishers, many streams, memory, shards, edge, a thread's delay. */
import type { FanOutWork, Terms } from "../works/work.ts";
import {
  COMPILED_SETTLE_TIMES,
  type Plan,
  RTMP_SERVERS,
  type Scenario,
  serversOf,
  termsOf,
} from "./scenario.ts";

const fanOutWork = (
  plan: Plan,
  size: Pick<FanOutWork, "players"> & Partial<FanOutWork>,
  about: Partial<Terms>,
): FanOutWork => ({ ...termsOf(plan, about), kind: "fan-out", streams: 1, probes: 0, ...size });

/** P5. */
export const ingest: Scenario = {
  id: "P5",
  name: "publishers",
  title: "publishers, nobody watches",
  isDefault: true,
  jobs: (plan) => [
    {
      id: "ingest",
      work: { ...termsOf(plan), kind: "ingest", publishers: plan.publishers },
      servers: RTMP_SERVERS,
    },
  ],
  criteria: [
    {
      what: "CPU of 1000",
      job: "ingest",
      figure: "cpuPer1000Percent",
      maxOver: { nms: 0.3, srs: 1 },
    },
    { what: "RSS", job: "ingest", figure: "rssMb", max: 350 },
    { what: "RSS a publisher", job: "ingest", figure: "rssPerPlayerKb" },
  ],
};

/** P6. */
export const growth: Scenario = {
  id: "P6",
  name: "memory",
  title: "memory of an added player (twice the players against once)",
  isDefault: true,
  jobs: (plan) => [
    {
      id: "growth",
      work: { ...termsOf(plan), kind: "growth", players: plan.players },
      servers: ["floor", "weir", "nginx-rtmp"],
    },
  ],
  criteria: [
    { what: "RSS a player", job: "growth", figure: "rssPerPlayerKb", max: 4 },
    { what: "kernel TCP a player", job: "growth", figure: "tcpPerPlayerKb" },
  ],
};

/** P8. */
export const shards: Scenario = {
  id: "P8",
  name: "shards",
  title: "one hot stream on 2 shards against 1",
  isDefault: true,
  jobs: (plan) => [
    {
      id: "one",
      work: fanOutWork(plan, { players: plan.players, settleTimes: COMPILED_SETTLE_TIMES }, {}),
      servers: ["weir"],
      isWeirsOwn: true,
    },
    {
      id: "two",
      work: fanOutWork(
        plan,
        { players: plan.players, settleTimes: COMPILED_SETTLE_TIMES },
        { workers: 2 },
      ),
      servers: ["weir"],
      isWeirsOwn: true,
    },
  ],
  criteria: [
    { what: "busier shard’s share", job: "two", figure: "busiestShare", max: 0.6 },
    {
      what: "CPU of 2 shards ÷ 1",
      job: "two",
      figure: "cpuPer1000Percent",
      per: { server: "weir", job: "one", figure: "cpuPer1000Percent" },
      max: 1.15,
    },
  ],
};

/** Cost over the number of shards. */
export const scaling: Scenario = {
  id: "scaling",
  name: "scaling",
  title: "players of one stream over 1, 2, 4 … shards, as many as there are cores",
  isDefault: false,
  jobs: (plan) => {
    const counts: number[] = [];
    for (let workers = 1; workers <= Math.max(plan.cores, 2); workers *= 2) {
      counts.push(workers);
    }
    return counts.map((workers) => ({
      id: `on-${workers}`,
      size: workers,
      work: fanOutWork(plan, { players: plan.players }, { workers }),
      servers: ["weir"],
      isWeirsOwn: true,
    }));
  },
  criteria: [],
  curve: { title: "CPU over shards", x: "shards", figure: "cpuPercent", servers: ["weir"] },
};

/** P9. */
export const edge: Scenario = {
  id: "P9",
  name: "edge",
  title: "players on an edge of 2 shards",
  isDefault: true,
  jobs: (plan) => [
    {
      id: "edge",
      work: fanOutWork(
        plan,
        { players: Math.ceil(plan.players / 2) },
        { mode: "realtime", workers: 2 },
      ),
      servers: ["weir", "weir-edge"],
      isWeirsOwn: true,
    },
  ],
  criteria: [
    {
      what: "upstream connections",
      job: "edge",
      figure: "upstreams",
      server: "weir-edge",
      max: 1,
    },
    {
      what: "added latency p99",
      job: "edge",
      figure: "latencyP99Ms",
      server: "weir-edge",
      less: { server: "weir", job: "edge", figure: "latencyP99Ms" },
      max: 10,
    },
    {
      what: "added latency p50",
      job: "edge",
      figure: "latencyP50Ms",
      server: "weir-edge",
      less: { server: "weir", job: "edge", figure: "latencyP50Ms" },
    },
  ],
};

/** Players that ping; spread over the threads like the others. */
const PROBES = 20;

/** P10. */
export const loopDelay: Scenario = {
  id: "P10",
  name: "loop-delay",
  title: "delay of the thread that serves the players, HLS on",
  isDefault: true,
  jobs: (plan) => [
    {
      id: "loop",
      work: fanOutWork(plan, { players: plan.players, probes: PROBES }, { hasHls: true }),
      servers: ["weir", "nginx-rtmp"],
    },
  ],
  criteria: [
    { what: "ping answered, p50", job: "loop", figure: "pingP50Ms" },
    { what: "ping answered, p99", job: "loop", figure: "pingP99Ms" },
    { what: "loop delay, the largest", job: "loop", figure: "loopDelayMaxMs", max: 20 },
  ],
};

/** Many streams. */
export const streams: Scenario = {
  id: "streams",
  name: "streams",
  title: "many streams with two players each",
  isDefault: false,
  jobs: (plan) => {
    const count = Math.ceil((plan.publishers * 2) / 3);
    const about = { workers: plan.shards, protocol: plan.protocol };
    return [
      {
        id: "streams",
        work: fanOutWork(plan, { players: count * 2, streams: count }, about),
        servers: serversOf(plan.protocol).filter((name) => name !== "floor"),
      },
    ];
  },
  criteria: [
    { what: "CPU of 1000 players", job: "streams", figure: "cpuPer1000Percent" },
    { what: "RSS", job: "streams", figure: "rssMb" },
    { what: "latency p99", job: "streams", figure: "latencyP99Ms" },
  ],
};
