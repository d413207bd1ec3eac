/** The command line. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { CODEC_PROFILES, REFERENCE_SHAPE, type StreamShape } from "./media/stream-shape.ts";
import type { Plan } from "./scenarios/scenario.ts";
import { RESULTS_DIRECTORY } from "./servers/paths.ts";
import { decodeRunningPeer, type RunningPeer } from "./servers/running-peer.ts";
import { PROTOCOLS } from "./servers/server.ts";
import type { Means } from "./works/work.ts";

/** A program that reads SRS's configuration. */
export interface PeerBinary {
  readonly name: string;
  readonly path: string;
  readonly isWeir: boolean;
}

/** What weir runs under. */
export const INSPECTIONS = ["none", "cpu-profile", "doctor", "flame"] as const;
export type Inspection = (typeof INSPECTIONS)[number];

export interface Options {
  /** Smoke run: everything once and small; times are not judged. */
  readonly isQuick: boolean;
  /** Every scenario, not only those with a target. */
  readonly isFull: boolean;
  /** Names or ids of scenarios; empty for all that run by default. */
  readonly scenarios: readonly string[];
  /** Names of servers; empty for all. */
  readonly servers: readonly string[];
  readonly runs: number;
  readonly means: Means;
  readonly plan: Plan;
  readonly peers: readonly PeerBinary[];
  readonly runningPeers: readonly RunningPeer[];
  readonly inspection: Inspection;
  readonly jsonFile: string | undefined;
  /** Directory of the run's files. */
  readonly resultsDirectory: string;
  readonly words: readonly string[];
}

export const USAGE = `Usage: npm run bench -- [options]
  (none)               P1 to P10: target, figure, verdict, against floor, nginx-rtmp and Node-Media-Server
  --full               every scenario, with system calls
  --quick              smoke run in less than 2 minutes; times are not judged
  --scenario NAME      P1 … P10, or one of fan-out, viewer-storm, hls-viewers, streams, players, bitrates, scaling,
                       slow-readers, republish, reload, generator, soak; may be repeated
  --server NAME        only this server (floor, weir, weir-edge, nginx-rtmp, nms, a peer); may be repeated
  --runs N             runs of each measurement, the median counts (3)
  --duration S         seconds of each measured window (8)
  --soak S             seconds of the soak (600)
What is sent
  --players N          players of the large runs (2000)
  --publishers N       publishers of P5 (300)
  --protocol NAME      rtmp, http-flv, ws-flv or hls, for scenarios that are not bound to one (rtmp)
  --shards N           threads, for scenarios that are not bound to a number (one per core)
  --bitrate KBIT       of each stream (1100), --fps N (30), --gop S (2), --codec avc-high, avc-baseline or hevc
  --generators N       processes that share the players (1)
Who else
  --peer NAME=URL,PID  a server that runs: rtmp://127.0.0.1:1935/live[+http://127.0.0.1:8080]; may be repeated
  --peer-bin NAME=PATH a program with SRS's configuration, which the bench writes; a NAME that begins with weir is
                       another build of weir; may be repeated
What is written
  --results DIR        where the files of the run go (bench/results)
  --json FILE          the results there too
  --profile            a CPU profile of each of weir's threads, below bench/results
  --clinic TOOL        weir under clinic doctor or flame (needs NO_INSIGHT=1 in the environment without a terminal)
  --syscalls           count system calls with strace
`;

/** Players at whom latency is judged, for each player of the large runs. */
const LATENCY_SHARE = 0.25;

type Value = string | boolean | (string | boolean)[] | undefined;

interface Values extends Readonly<Record<string, Value>> {
  readonly full?: boolean;
  readonly profile?: boolean;
  readonly syscalls?: boolean;
  readonly clinic?: string;
}

function positive(values: Values, name: string, fallback: number): number {
  const text = values[name];
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new Error(`--${name} takes a number above 0, not '${String(text)}'`);
  }
  return value;
}

const whole = (values: Values, name: string, fallback: number): number =>
  Math.max(1, Math.round(positive(values, name, fallback)));

function oneOf<Name extends string>(values: Values, name: string, names: readonly Name[]): Name {
  const text = values[name] ?? names[0];
  const found = names.find((one) => one === text);
  if (found === undefined) {
    throw new Error(`--${name} takes ${names.join(", ")}, not '${String(text)}'`);
  }
  return found;
}

function list(values: Values, name: string): readonly string[] {
  const all = values[name];
  return Array.isArray(all) ? all.map(String) : [];
}

function decodePeer(text: string): PeerBinary {
  const [, name, path] = /^([\w.-]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || path === undefined) {
    throw new Error(`--peer-bin takes NAME=PATH, not '${text}'`);
  }
  return { name, path: resolve(path), isWeir: name.startsWith("weir") };
}

function shapeOf(values: Values): StreamShape {
  return {
    bitrateKbps: positive(values, "bitrate", REFERENCE_SHAPE.bitrateKbps),
    fps: positive(values, "fps", REFERENCE_SHAPE.fps),
    gopSeconds: positive(values, "gop", REFERENCE_SHAPE.gopSeconds),
    codec: oneOf(values, "codec", CODEC_PROFILES),
  };
}

function planOf(values: Values, isQuick: boolean): Plan {
  const players = whole(values, "players", isQuick ? 100 : 2000);
  const cores = availableParallelism();
  return {
    players,
    latencyPlayers: isQuick ? players : Math.ceil(players * LATENCY_SHARE),
    publishers: whole(values, "publishers", isQuick ? 30 : 300),
    shape: shapeOf(values),
    protocol: oneOf(values, "protocol", PROTOCOLS),
    shards: whole(values, "shards", cores),
    cores,
    isQuick,
  };
}

function meansOf(values: Values, isQuick: boolean): Means {
  return {
    pace: {
      durationMs: positive(values, "duration", isQuick ? 1 : 8) * 1000,
      soakMs: positive(values, "soak", isQuick ? 3 : 600) * 1000,
      settleMs: isQuick ? 200 : 6000,
      warmMs: isQuick ? 700 : 2600,
    },
    generators: whole(values, "generators", 1),
    hasSyscalls: values.syscalls === true || values.full === true,
  };
}

function inspectionOf(values: Values): Inspection {
  if (values.clinic !== undefined) {
    return oneOf(values, "clinic", ["doctor", "flame"]);
  }
  return values.profile === true ? "cpu-profile" : "none";
}

const text = { type: "string" } as const;
const texts = { type: "string", multiple: true } as const;
const flag = { type: "boolean" } as const;

/** @returns the options, or undefined when help was asked for. @throws Error on a wrong one. */
export function decodeOptions(words: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...words],
    options: {
      ...{
        quick: flag,
        full: flag,
        profile: flag,
        syscalls: flag,
        clinic: text,
        json: text,
        results: text,
      },
      ...{ scenario: texts, server: texts, runs: text, duration: text, soak: text },
      ...{ players: text, publishers: text, protocol: text, shards: text, generators: text },
      ...{ bitrate: text, fps: text, gop: text, codec: text, peer: texts, "peer-bin": texts },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    return undefined;
  }
  const isQuick = values.quick === true;
  return {
    isQuick,
    isFull: values.full === true,
    scenarios: list(values, "scenario").flatMap((name) => name.split(",")),
    servers: list(values, "server").flatMap((name) => name.split(",")),
    runs: whole(values, "runs", isQuick ? 1 : 3),
    means: meansOf(values, isQuick),
    plan: planOf(values, isQuick),
    peers: list(values, "peer-bin").map(decodePeer),
    runningPeers: list(values, "peer").map(decodeRunningPeer),
    inspection: inspectionOf(values),
    jsonFile: values.json === undefined ? undefined : resolve(values.json),
    resultsDirectory: resolve(values.results ?? RESULTS_DIRECTORY),
    words,
  };
}
