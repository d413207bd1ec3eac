/**
 * What a large host and a tree of edges would carry, on paper, from unit costs that were measured on a small one. A send
 * costs the same however little it carries, and each bit costs the same whoever sends it; the two are told apart by the
 * same load sent in few sends and in many.
 */
import type { FigureName } from "../measure/figures.ts";
import type { Results } from "./results.ts";

/** Measured. */
export interface UnitCosts {
  /** Microseconds of a core for one send of a player. */
  readonly sendUs: number;
  /** Cores for a Gbit/s of payload beside its sends. */
  readonly coresPerGbit: number;
  /** Cores for a publisher of the reference stream. */
  readonly coresPerPublisher: number;
  /** Of the process and of the kernel's sockets. */
  readonly playerKb: number;
  readonly socketKb: number;
  readonly publisherKb: number;
  /** Of the thread that accepts. */
  readonly joinUs: number;
  /** What one more level of edges adds, p99. */
  readonly levelMs: number;
  /** Video frames in one send, merged. */
  readonly framesMerged: number;
  readonly fps: number;
}

export interface Host {
  readonly cores: number;
  readonly gbitPerSecond: number;
  readonly memoryGb: number;
}

/** Share of cores, links and memory that is planned for; the rest is for peaks and for the loss of a neighbour. */
const PLANNED_SHARE = 0.7;
const KB_PER_GB = 1024 * 1024;
/**
 * Planned at least, whatever was measured: a process grows in steps, and between two of them a player seems to take
 * nothing; sockets are empty while everybody keeps up; a level less than the noise of two measurements.
 */
const PLAYER_KB_MIN = 4;
const SOCKET_KB_MIN = 48;
const LEVEL_MS_MIN = 1;
const MBIT_PER_GBIT = 1000;

/** @returns unit costs out of P1, P2, P5, P6, P7 and P9. @throws Error naming the first that is not there. */
export function unitCostsOf({ scenarios, plan }: Results): UnitCosts {
  const read = (id: string, place: string, figure: FigureName): number => {
    const value = scenarios[id]?.summaries[place]?.median[figure];
    if (value === undefined) {
      throw new Error(`the results have no ${figure} of ${id} ${place}: run P1,P2,P5,P6,P7,P9`);
    }
    return value;
  };
  const { fps, bitrateKbps } = plan.shape;
  const framesMerged = read("P1", "merged weir", "framesPerSend");
  const atOnce = read("P2", "realtime weir", "framesPerSend");
  // Cores for one player, merged and at once; the bits are the same.
  const merged = read("P1", "merged weir", "cpuPer1000Percent") / 100_000;
  const realtime = read("P2", "realtime weir", "cpuPer1000Percent") / 100_000;
  const sendCores = (realtime - merged) / (fps / atOnce - fps / framesMerged);
  const gbit = bitrateKbps / 1e6;
  return {
    sendUs: sendCores * 1e6,
    coresPerGbit: (merged - (sendCores * fps) / framesMerged) / gbit,
    coresPerPublisher: read("P5", "ingest weir", "cpuPer1000Percent") / 100_000,
    playerKb: Math.max(PLAYER_KB_MIN, read("P6", "growth weir", "rssPerPlayerKb")),
    socketKb: Math.max(SOCKET_KB_MIN, read("P6", "growth weir", "tcpPerPlayerKb")),
    publisherKb: read("P5", "ingest weir", "rssPerPlayerKb"),
    joinUs: read("P7", "storm weir", "joinThreadUs"),
    levelMs: Math.max(
      LEVEL_MS_MIN,
      read("P9", "edge weir-edge", "latencyP99Ms") - read("P9", "edge weir", "latencyP99Ms"),
    ),
    framesMerged,
    fps,
  };
}

/** What a host carries of one bitrate. */
export interface HostCapacity {
  readonly bitrateMbps: number;
  readonly isMerged: boolean;
  readonly coresPerPlayer: number;
  readonly byCores: number;
  readonly byLinks: number;
  readonly byMemory: number;
  /** The least of these. */
  readonly players: number;
  readonly limit: "cores" | "links" | "memory";
}

export function hostCapacity(
  costs: UnitCosts,
  host: Host,
  about: { readonly bitrateMbps: number; readonly isMerged: boolean },
): HostCapacity {
  const { bitrateMbps, isMerged } = about;
  const sendsPerSecond = costs.fps / (isMerged ? costs.framesMerged : 1);
  const gbit = bitrateMbps / MBIT_PER_GBIT;
  const coresPerPlayer = (sendsPerSecond * costs.sendUs) / 1e6 + gbit * costs.coresPerGbit;
  const byCores = Math.floor((host.cores * PLANNED_SHARE) / coresPerPlayer);
  const byLinks = Math.floor((host.gbitPerSecond * PLANNED_SHARE) / gbit);
  const perPlayerKb = costs.playerKb + costs.socketKb;
  const byMemory = Math.floor((host.memoryGb * PLANNED_SHARE * KB_PER_GB) / perPlayerKb);
  const players = Math.min(byCores, byLinks, byMemory);
  let limit: HostCapacity["limit"] = players === byCores ? "cores" : "memory";
  limit = players === byLinks ? "links" : limit;
  return { bitrateMbps, isMerged, coresPerPlayer, byCores, byLinks, byMemory, players, limit };
}

/** A tree that one stream reaches so many viewers by. */
export interface Tree {
  readonly viewers: number;
  readonly edges: number;
  /** Hosts between origin and edges, from the origin on. */
  readonly between: readonly number[];
  readonly origins: number;
  /** Levels of edges below the origin. */
  readonly levels: number;
  readonly totalTbit: number;
  readonly addedMs: number;
}

/**
 * @param fanOut Edges that pull from one host at most: far fewer than it could feed, so that the loss of a host is the
 * loss of few.
 */
export function treeFor(
  viewers: number,
  capacity: HostCapacity,
  about: { readonly fanOut: number; readonly levelMs: number },
): Tree {
  const edges = Math.ceil(viewers / capacity.players);
  const between: number[] = [];
  for (let below = edges; below > about.fanOut; ) {
    below = Math.ceil(below / about.fanOut);
    between.unshift(below);
  }
  const levels = between.length + 1;
  return {
    viewers,
    edges,
    between,
    // One that serves and one that stands by.
    origins: 2,
    levels,
    totalTbit: (viewers * capacity.bitrateMbps) / 1e6,
    addedMs: levels * about.levelMs,
  };
}

const BITRATES_MBPS = [1.1, 2.5, 6] as const;
const VIEWERS = [1e6, 1e7, 1e8] as const;
const FAN_OUT = 100;

const digits = (value: number): string => String(Number(value.toPrecision(3)));
const grouped = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
const table = (lines: readonly (readonly string[])[]): string =>
  lines
    .map((cells, index) => {
      const line = `| ${cells.join(" | ")} |`;
      return index === 0 ? `${line}\n|${cells.map(() => "---").join("|")}|` : line;
    })
    .join("\n");

function formatCosts(costs: UnitCosts): string {
  return table([
    ["unit cost", "figure", "from"],
    ["a send *s*", `${digits(costs.sendUs)} µs of a core`, "(P2 − P1) ÷ sends more"],
    ["a Gbit/s *g*", `${digits(costs.coresPerGbit)} cores`, "P1 without its sends"],
    [
      "a publisher",
      `${digits(costs.coresPerPublisher * 100)} % of a core, ${digits(costs.publisherKb)} KiB`,
      "P5",
    ],
    [
      "a player *m*",
      `${digits(costs.playerKb)} KiB, ${digits(costs.socketKb)} KiB of kernel sockets`,
      "P6",
    ],
    [
      "a join",
      `${digits(costs.joinUs)} µs of the accepting thread, so ${grouped(1e6 / costs.joinUs)} a second`,
      "P7",
    ],
    ["a level of edges", `${digits(costs.levelMs)} ms, p99`, "P9"],
    ["frames a send, merged *k*", digits(costs.framesMerged), "P1"],
  ]);
}

/** @returns the page's tables as Markdown. */
export function formatCapacity(costs: UnitCosts, host: Host): string {
  const capacities = BITRATES_MBPS.flatMap((bitrateMbps) =>
    [true, false].map((isMerged) => hostCapacity(costs, host, { bitrateMbps, isMerged })),
  );
  const hosts = table([
    ["stream", "delivery", "players by cores", "by links", "by memory", "a host carries", "limit"],
    ...capacities.map((one) => [
      `${one.bitrateMbps} Mbit/s`,
      one.isMerged ? `merged, ${digits(costs.framesMerged)} frames` : "each frame at once",
      grouped(one.byCores),
      grouped(one.byLinks),
      grouped(one.byMemory),
      grouped(one.players),
      one.limit,
    ]),
  ]);
  const realtime = capacities.filter(({ isMerged }) => !isMerged);
  const trees = table([
    [
      "viewers",
      "stream",
      "edges",
      "between",
      "origins",
      "levels",
      "out of the edges",
      "added latency p99",
    ],
    ...VIEWERS.flatMap((viewers) =>
      realtime.map((capacity) => {
        const tree = treeFor(viewers, capacity, { fanOut: FAN_OUT, levelMs: costs.levelMs });
        return [
          grouped(viewers),
          `${capacity.bitrateMbps} Mbit/s`,
          grouped(tree.edges),
          tree.between.length === 0 ? "–" : tree.between.map(grouped).join(" + "),
          String(tree.origins),
          String(tree.levels),
          `${digits(tree.totalTbit)} Tbit/s`,
          `${digits(tree.addedMs)} ms`,
        ];
      }),
    ),
  ]);
  const { cores, gbitPerSecond, memoryGb } = host;
  return [
    formatCosts(costs),
    `A host of ${cores} cores, ${gbitPerSecond} Gbit/s and ${memoryGb} GB, ${PLANNED_SHARE * 100} % of each planned for:`,
    hosts,
    `Trees for one stream, each frame at once, at most ${FAN_OUT} edges on one host above them:`,
    trees,
    "",
  ].join("\n\n");
}
