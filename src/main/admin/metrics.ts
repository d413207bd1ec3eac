/** The page for Prometheus: SRS's metrics under its names, and weir's own. */
import { arch, hostname, version as kernelVersion, release, type } from "node:os";
import type { Config } from "../../protocol/conf/config.ts";
import type { Board } from "../../protocol/control/board.ts";
import type { EndReason } from "../../protocol/control/calls.ts";
import { readRefusals } from "../../protocol/control/refusal-counts.ts";
import type { Lobby } from "../accept/lobby.ts";
import type { Server } from "../server.ts";
import { ApiCode } from "./api-error.ts";
import type { Sums } from "./books.ts";
import type { Credentials } from "./credentials.ts";
import { forwardMetrics } from "./forward-metrics.ts";
import { SRS_VERSION } from "./help-routes.ts";
import { hookMetrics } from "./hook-metrics.ts";
import type { HostFigures } from "./host-figures.ts";
import { byLabel, encodeMetrics, type MetricFamily, single } from "./metric-text.ts";
import { type ProgramFigures, programMetrics } from "./program-metrics.ts";
import { recordingMetrics } from "./recording-metrics.ts";
import { type PlainRoute, READ } from "./route.ts";
import { streamMetrics } from "./stream-metrics.ts";
import { isActive } from "./stream-records.ts";
import type { ThreadMetrics } from "./thread-metrics.ts";

/** Where it is. */
export const METRICS_PATH = "/metrics";
/** Ends that nobody has asked for. */
const FAULTS: ReadonlySet<EndReason> = new Set<EndReason>([
  "stalled",
  "passed by the ring",
  "no media",
  "no stream",
  "no origin",
  "protocol error",
  "network error",
  "shard died",
  "no memory",
]);
const PERCENT = 100;

/** What is told about. */
export interface MetricsHost {
  readonly server: Server;
  readonly programs: ProgramFigures;
  readonly figures: HostFigures;
  readonly threads: ThreadMetrics;
  readonly credentials: Pick<Credentials, "refusals">;
  readonly serverId: string;
  readonly serviceId: string;
}

/** The endpoint, on the API's ports and the exporter's. */
export function metricsRoute(host: MetricsHost): PlainRoute {
  return {
    path: METRICS_PATH,
    methods: READ,
    about: "Metrics for Prometheus, where the exporter is enabled.",
    type: "text/plain; charset=utf-8",
    reply: () => {
      const { exporter } = host.server.config;
      if (!exporter.enabled) {
        const body = JSON.stringify({ code: ApiCode.ExporterDisabled });
        return { status: 200, headers: { "content-type": "application/json" }, body };
      }
      return { status: 200, headers: {}, body: encodeMetrics(families(host, exporter)) };
    },
  };
}

function families(host: MetricsHost, exporter: Config["exporter"]): MetricFamily[] {
  const { server, threads } = host;
  const { books, clients, coordinator, pool, supervisor } = server;
  const sums = books.sums();
  return [
    ...srsMetrics(host, exporter, sums),
    ...threads.families(sums),
    ...serverMetrics(host),
    ...hlsMetrics(server),
    ...recordingMetrics(supervisor.boards),
    ...upstreamMetrics(server),
    ...forwardMetrics(server.forwards),
    ...guessMetrics(host),
    ...hookMetrics(server.hooks),
    ...programMetrics(host.programs),
    ...streamMetrics({ books, clients, coordinator, pool, shards: supervisor.links }, sums),
  ];
}

/** Spec: SRS compatibility §2 "Prometheus". */
function srsMetrics(
  { server, figures, serverId, serviceId }: MetricsHost,
  { label, tag }: Config["exporter"],
  { total, streams }: Sums,
): MetricFamily[] {
  const { books, clients } = server;
  const gauge = (name: string, help: string, value: number): MetricFamily =>
    single(name, "gauge", help, value);
  const counter = (name: string, help: string, value: number): MetricFamily =>
    single(name, "counter", help, value);
  const active = [...streams.keys()].filter(isActive).length;
  const faults = [...books.ends].filter(([reason]) => FAULTS.has(reason));
  return [
    nodeInfo(),
    buildInfo({ server: serverId, service: serviceId }, { label, tag }),
    gauge("srs_cpu_percent", "Processor time of the process.", figures.selfCpuShare * PERCENT),
    gauge("srs_memory", "Memory of the process in kilobytes.", figures.selfKbytes()),
    counter("srs_send_bytes_total", "Bytes sent to clients.", total.out),
    counter("srs_receive_bytes_total", "Bytes received.", total.in),
    gauge("srs_streams", "Streams that are published or pulled.", active),
    gauge("srs_clients", "Clients.", clients.size),
    counter("srs_clients_total", "Clients since the start.", books.sessions),
    counter(
      "srs_clients_errs_total",
      "Clients that ended by a fault.",
      faults.reduce((sum, [, count]) => sum + count, 0),
    ),
  ];
}

function nodeInfo(): MetricFamily {
  const labels = {
    sysname: type(),
    nodename: hostname(),
    release: release(),
    version: kernelVersion(),
    machine: arch(),
  };
  const help = "The host.";
  return { name: "srs_node_uname_info", type: "gauge", help, samples: [{ labels, value: 1 }] };
}

function buildInfo(
  ids: { readonly server: string; readonly service: string },
  own: { readonly label: string; readonly tag: string },
): MetricFamily {
  const [major = ""] = SRS_VERSION.split(".");
  const more = Object.entries(own).filter(([, value]) => value !== "");
  const labels = {
    ...ids,
    pid: String(process.pid),
    build_date: "",
    major,
    version: SRS_VERSION,
    code: "weir",
    ...Object.fromEntries(more),
  };
  const help = "The server.";
  return { name: "srs_build_info", type: "gauge", help, samples: [{ labels, value: 1 }] };
}

function serverMetrics({ server, credentials }: MetricsHost): MetricFamily[] {
  const { lobby, pool, supervisor, memory } = server;
  const { level, limitBytes } = memory;
  const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
  return [
    single("weir_lobby_connections", "gauge", "Connections without a command yet.", lobby.size),
    byLabel(
      {
        name: "weir_rejects_total",
        type: "counter",
        help: "Connections, viewers, plays, publishes and requests that were refused.",
      },
      "reason",
      [
        ...refusalsOf(lobby, supervisor.boards),
        ...[...credentials.refusals].map(([reason, count]): [string, number] => [
          `api_${reason}`,
          count,
        ]),
      ],
    ),
    byLabel({ name: "weir_rings", type: "gauge", help: "Rings of streams." }, "state", [
      ["lent", pool.lentCount],
      ["free", pool.freeCount],
    ]),
    single("weir_ring_bytes", "gauge", "Reserved for rings of streams.", pool.lentBytes),
    single("weir_ring_bytes_max", "gauge", "As much may be reserved.", pool.budgetBytes),
    single(
      "weir_ring_refusals_total",
      "counter",
      "Rings asked for when all of it was reserved.",
      pool.refused,
    ),
    byLabel(
      { name: "weir_memory_bytes", type: "gauge", help: "Memory; heap is of the main thread." },
      "kind",
      Object.entries({ rss, heap: heapUsed, external, array_buffers: arrayBuffers }),
    ),
    single(
      "weir_memory_state",
      "gauge",
      "0: normal; 1: newcomers are refused; 2: slow players are ended; 3: the newest publishers too.",
      level,
    ),
    single(
      "weir_memory_limit_bytes",
      "gauge",
      "What the process may use; 0: there is no limit.",
      Number.isFinite(limitBytes) ? limitBytes : 0,
    ),
    single("weir_thread_deaths_total", "counter", "Threads that died.", supervisor.deaths),
  ];
}

function guessMetrics({ server, credentials }: MetricsHost): MetricFamily[] {
  const help = "Wrong tokens of addresses that had sent ten within a minute: refused late.";
  return [
    single("weir_tokens_late_total", "counter", help, server.tokens.guesses.lateCount),
    byLabel(
      {
        name: "weir_api_refusals_total",
        type: "counter",
        help: "Requests to the API without the right credentials, or from an address that guesses.",
      },
      "reason",
      credentials.refusals,
    ),
  ];
}

function hlsMetrics({ hlsHoldings: { streams, files, bytes } }: Server): MetricFamily[] {
  return [
    single("weir_hls_streams", "gauge", "Streams of which viewers of HLS get something.", streams),
    single("weir_hls_files", "gauge", "Segments, parts, keys and init segments in memory.", files),
    single("weir_hls_bytes", "gauge", "Memory of those, outside of all heaps.", bytes),
  ];
}

/** By reason: what the primary has refused, and what threads refused without asking it. */
function refusalsOf(
  { refusals }: Pick<Lobby, "refusals">,
  boards: readonly Board[],
): Map<string, number> {
  const all = new Map(refusals);
  for (const { counters } of boards) {
    for (const [reason, count] of readRefusals(counters)) {
      all.set(reason, (all.get(reason) ?? 0) + count);
    }
  }
  return all;
}

function upstreamMetrics({ edge }: Server): MetricFamily[] {
  const origins = [...edge.pool.states()];
  const states = edge.ways.flatMap(({ kind, all, working }) => [
    { labels: { kind, state: "works" }, value: working },
    { labels: { kind, state: "waits" }, value: all - working },
  ]);
  const up = { type: "gauge", help: "1: used; 0: left alone after failures." } as const;
  return [
    single("weir_upstream_attempts_total", "counter", "Attempts at origins.", edge.attempts),
    single("weir_upstream_pulls", "gauge", "Streams pulled from origins.", edge.pulls),
    {
      name: "weir_upstream_streams",
      type: "gauge",
      help: "Streams pulled and pushed: those whose media flows, and those that wait for an origin.",
      samples: states,
    },
    byLabel(
      { name: "weir_upstream_ended_total", type: "counter", help: "Attempts that are over." },
      "fault",
      edge.faults,
    ),
    byLabel(
      { name: "weir_origin_up", ...up },
      "origin",
      origins.map(({ address, isOpen }) => [address, isOpen ? 0 : 1]),
    ),
    byLabel(
      { name: "weir_origin_failures", type: "gauge", help: "Failures in a row." },
      "origin",
      origins.map(({ address, failures }) => [address, failures]),
    ),
  ];
}
