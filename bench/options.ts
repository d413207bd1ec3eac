/** The command line. */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Pace } from "./measure/works.ts";
import type { Scale } from "./scenarios/scenario.ts";

export interface PeerBinary {
  readonly name: string;
  readonly path: string;
}

export interface Options {
  /** Smoke run: everything once and small; times are not judged. */
  readonly isQuick: boolean;
  /** Ids of scenarios; empty for all. */
  readonly scenarios: readonly string[];
  /** Names of servers; empty for all. */
  readonly servers: readonly string[];
  readonly runs: number;
  readonly pace: Pace;
  readonly scale: Scale;
  readonly peers: readonly PeerBinary[];
  readonly jsonFile: string | undefined;
}

export const USAGE = `Usage: npm run bench -- [options]
  --quick             smoke run in less than 2 minutes; times are not judged
  --scenario NAME     P1, P2, P5, P6, P7, P8, P9 or STREAMS; may be repeated
  --server NAME       only this server (floor, weir, weir-edge, nginx-rtmp, nms, srs); may be repeated
  --runs N            runs of each measurement, the median counts (3)
  --duration S        seconds of each measured window (8)
  --players N         players of the large runs (2000)
  --publishers N      publishers of P5 (300)
  --peer-bin srs=PATH SRS, read with SRS's configuration
  --json FILE         write the results there too
`;

/** Players at whom latency is judged, for each player of the large runs. */
const LATENCY_SHARE = 0.25;

function positive(name: string, text: string | undefined, fallback: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new Error(`--${name} takes a number above 0, not '${text}'`);
  }
  return value;
}

function parsePeer(text: string): PeerBinary {
  const [name = "", path = ""] = text.split("=", 2);
  if (name !== "srs" || path === "") {
    throw new Error(`--peer-bin takes srs=PATH, not '${text}'`);
  }
  return { name, path: resolve(path) };
}

/** @returns the options, or undefined when help was asked for. @throws Error on a wrong one. */
export function decodeOptions(words: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...words],
    options: {
      quick: { type: "boolean" },
      scenario: { type: "string", multiple: true },
      server: { type: "string", multiple: true },
      runs: { type: "string" },
      duration: { type: "string" },
      players: { type: "string" },
      publishers: { type: "string" },
      "peer-bin": { type: "string", multiple: true },
      json: { type: "string" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) {
    return undefined;
  }
  const isQuick = values.quick === true;
  const players = Math.round(positive("players", values.players, isQuick ? 100 : 2000));
  return {
    isQuick,
    scenarios: (values.scenario ?? []).flatMap((name) => name.toUpperCase().split(",")),
    servers: (values.server ?? []).flatMap((name) => name.split(",")),
    runs: Math.round(positive("runs", values.runs, isQuick ? 1 : 3)),
    pace: {
      durationMs: positive("duration", values.duration, isQuick ? 1 : 8) * 1000,
      settleMs: isQuick ? 300 : 2000,
      warmMs: isQuick ? 1000 : 2600,
    },
    scale: {
      players,
      latencyPlayers: isQuick ? players : Math.ceil(players * LATENCY_SHARE),
      publishers: Math.round(positive("publishers", values.publishers, isQuick ? 30 : 300)),
    },
    peers: (values["peer-bin"] ?? []).map(parsePeer),
    jsonFile: values.json === undefined ? undefined : resolve(values.json),
  };
}
