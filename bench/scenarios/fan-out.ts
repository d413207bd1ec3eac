/** Players of one stream: merged, at once, as the load asks, and by HTTP. */

import type { FanOutWork, Terms } from "../works/work.ts";
import {
  COMPILED_SETTLE_TIMES,
  type Plan,
  RTMP_SERVERS,
  type Scenario,
  serversOf,
  termsOf,
} from "./scenario.ts";

const one = (plan: Plan, players: number, about: Partial<Terms>): FanOutWork => ({
  ...termsOf(plan, about),
  kind: "fan-out",
  players,
  streams: 1,
  probes: 0,
  settleTimes: COMPILED_SETTLE_TIMES,
});

/** P1. */
export const merged: Scenario = {
  id: "P1",
  name: "merged",
  title: "players of one stream, merged for 350 ms",
  isDefault: true,
  jobs: (plan) => [{ id: "merged", work: one(plan, plan.players, {}), servers: RTMP_SERVERS }],
  criteria: [
    {
      what: "CPU of 1000",
      job: "merged",
      figure: "cpuPer1000Percent",
      maxOver: { floor: 1.25, "nginx-rtmp": 0.25, srs: 0.6 },
    },
    { what: "CPU, user", job: "merged", figure: "userPercent" },
    { what: "CPU of 1 Gbit/s", job: "merged", figure: "cpuPerGbitPercent" },
    { what: "frames a send", job: "merged", figure: "framesPerSend" },
    { what: "latency p99", job: "merged", figure: "latencyP99Ms" },
  ],
};

/** P2. */
export const realtime: Scenario = {
  id: "P2",
  name: "realtime",
  title: "players of one stream, every frame at once",
  isDefault: true,
  jobs: (plan) => [
    { id: "realtime", work: one(plan, plan.players, { mode: "realtime" }), servers: RTMP_SERVERS },
    {
      id: "latency",
      work: one(plan, plan.latencyPlayers, { mode: "realtime" }),
      servers: RTMP_SERVERS,
    },
  ],
  criteria: [
    {
      what: "CPU of 1000",
      job: "realtime",
      figure: "cpuPer1000Percent",
      maxOver: { floor: 1.25, "nginx-rtmp": 0.75, srs: 0.75 },
    },
    { what: "latency p50, a quarter of them", job: "latency", figure: "latencyP50Ms" },
    { what: "latency p99, a quarter of them", job: "latency", figure: "latencyP99Ms", max: 12 },
  ],
};

/** P3. */
export const adaptive: Scenario = {
  id: "P3",
  name: "adaptive",
  title: "players of one stream, default policy",
  isDefault: true,
  jobs: (plan) => [
    {
      id: "light",
      work: one(plan, plan.latencyPlayers, { mode: "default" }),
      servers: ["weir", "nginx-rtmp", "nms"],
    },
    {
      id: "full",
      work: one(plan, plan.players, { mode: "default" }),
      servers: ["weir", "nginx-rtmp", "nms"],
    },
    {
      id: "full-floor",
      work: one(plan, plan.players, { mode: "default" }),
      servers: ["floor"],
      isWeirsOwn: true,
      mergeAsIn: "full",
    },
  ],
  criteria: [
    {
      what: "latency p99 while the thread uses ≤ 30 %",
      job: "light",
      figure: "latencyP99Ms",
      max: 15,
      onlyUpTo: { figure: "threadPercent", max: 30 },
    },
    {
      what: "CPU of 1000",
      job: "full",
      figure: "cpuPer1000Percent",
      floorJob: "full-floor",
      maxOver: { floor: 1.25, srs: 1 },
    },
    { what: "frames a send (k)", job: "full", figure: "framesPerSend" },
    { what: "latency p99 − k frames", job: "full", figure: "latencyBeyondMergeMs", max: 20 },
  ],
};

/** P4. */
export const httpFlv: Scenario = {
  id: "P4",
  name: "http-flv",
  title: "HTTP-FLV viewers of one stream, merged for 350 ms",
  isDefault: true,
  jobs: (plan) => [
    {
      id: "http-flv",
      work: one(plan, plan.players, { protocol: "http-flv" }),
      servers: serversOf("http-flv"),
    },
  ],
  criteria: [
    {
      what: "CPU of 1000",
      job: "http-flv",
      figure: "cpuPer1000Percent",
      maxOver: { floor: 1.5, srs: 0.5 },
    },
    { what: "frames a send", job: "http-flv", figure: "framesPerSend" },
    { what: "RSS a viewer", job: "http-flv", figure: "rssPerPlayerKb" },
  ],
};

/** By any protocol. */
export const fanOut: Scenario = {
  id: "fan-out",
  name: "fan-out",
  title: "players of one stream by --protocol, on --shards threads",
  isDefault: false,
  jobs: (plan) => [
    {
      id: "fan-out",
      work: one(plan, plan.players, { protocol: plan.protocol, workers: plan.shards }),
      servers: serversOf(plan.protocol),
    },
  ],
  criteria: [
    { what: "CPU of 1000", job: "fan-out", figure: "cpuPer1000Percent" },
    { what: "CPU of 1 Gbit/s", job: "fan-out", figure: "cpuPerGbitPercent" },
    { what: "latency p50", job: "fan-out", figure: "latencyP50Ms" },
    { what: "latency p99", job: "fan-out", figure: "latencyP99Ms" },
    { what: "join p99", job: "fan-out", figure: "joinP99Ms" },
    { what: "RSS a player", job: "fan-out", figure: "rssPerPlayerKb" },
    { what: "system calls a frame and player", job: "fan-out", figure: "syscallsPerFrame" },
    { what: "segments a second", job: "fan-out", figure: "segmentsPerSecond" },
  ],
};

const CURVE_SHARES = [0.125, 0.25, 0.5, 0.75, 1] as const;

/** Cost over the number of players. */
export const players: Scenario = {
  id: "players",
  name: "players",
  title: "CPU over the number of players, merged for 350 ms",
  isDefault: false,
  jobs: (plan) =>
    CURVE_SHARES.map((share) => {
      const size = Math.max(1, Math.round(plan.players * share));
      const work = one(plan, size, { protocol: plan.protocol });
      return { id: `at-${size}`, size, work, servers: serversOf(plan.protocol) };
    }),
  criteria: [],
  curve: {
    title: "CPU over players",
    x: "players",
    figure: "cpuPercent",
    servers: RTMP_SERVERS,
  },
};

/** Cost over the bitrate. */
export const bitrates: Scenario = {
  id: "bitrates",
  name: "bitrates",
  title: "CPU over the stream's bitrate, merged for 350 ms",
  isDefault: false,
  jobs: (plan) =>
    [0.5, 1, 2, 4].map((factor) => {
      const size = Math.round(plan.shape.bitrateKbps * factor);
      const shape = { ...plan.shape, bitrateKbps: size };
      const work = one(plan, Math.ceil(plan.players / 4), { shape });
      return { id: `at-${size}`, size, work, servers: ["floor", "weir"] };
    }),
  criteria: [],
  curve: {
    title: "CPU over bitrate, a quarter of the players",
    x: "kbit/s",
    figure: "cpuPercent",
    servers: ["floor", "weir"],
  },
};

/** Whether the generator carries what it must. */
export const generator: Scenario = {
  id: "generator",
  name: "generator",
  title: "what one generator process carries: 2.5 times the players, on the floor",
  isDefault: false,
  jobs: (plan) =>
    (["merged", "realtime"] as const).map((mode) => ({
      id: mode,
      work: one(plan, Math.round(plan.players * 2.5), { mode }),
      servers: ["floor"],
      isWeirsOwn: true,
    })),
  criteria: [
    {
      what: "generator’s CPU, merged",
      job: "merged",
      figure: "generatorCpuPercent",
      server: "floor",
      max: 100,
    },
    {
      what: "generator’s lag p99, merged",
      job: "merged",
      figure: "generatorLagP99Ms",
      server: "floor",
      max: 20,
    },
    {
      what: "generator’s CPU, every frame at once",
      job: "realtime",
      figure: "generatorCpuPercent",
      server: "floor",
    },
  ],
};
