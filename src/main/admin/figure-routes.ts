/** Endpoints that tell figures of the host and of the process. */
import type { Books } from "./books.ts";
import type { HostFigures } from "./host-figures.ts";
import { READ, type Route } from "./route.ts";
import { type Schema, shape } from "./schema.ts";
import { MEMINFOS, RUSAGES, SELF_PROC_STATS, SUMMARIES, SYSTEM_PROC_STATS } from "./shapes.ts";

/** What is told about. */
export interface FigureRoutesHost {
  readonly figures: HostFigures;
  readonly books: Books;
  /** Connections that are there. */
  readonly connections: () => number;
  /** weir's own. */
  readonly version: string;
}

/** `summaries.data`. */
export function summaries({ figures, books, connections, version }: FigureRoutesHost): object {
  const { total } = books.sums();
  const kbytes = figures.selfKbytes();
  const { MemTotal } = figures.meminfos();
  const now = Date.now();
  return {
    ok: true,
    now_ms: now,
    self: {
      version,
      pid: process.pid,
      ppid: process.ppid,
      argv: process.argv.join(" "),
      cwd: process.cwd(),
      mem_kbyte: kbytes,
      mem_percent: MemTotal === 0 ? 0 : Math.round((kbytes / MemTotal) * 1e4) / 1e4,
      cpu_percent: figures.selfCpuShare,
      srs_uptime: Math.floor(process.uptime()),
    },
    system: {
      ...figures.system(),
      srs_sample_time: now,
      srs_recv_bytes: total.in,
      srs_send_bytes: total.out,
      conn_srs: connections(),
    },
  };
}

/** All of them. */
export function figureRoutes(host: FigureRoutesHost): Route[] {
  const { figures } = host;
  const route = (name: string, about: string, data: Schema, tell: () => object): Route => ({
    path: `/api/v1/${name}`,
    methods: READ,
    about,
    fields: shape({ data }),
    answer: () => ({ data: tell() }),
  });
  return [
    route("summaries", "Summary of process and host.", SUMMARIES, () => summaries(host)),
    route("rusages", "Resources that the process has used.", RUSAGES, () => figures.rusages()),
    route("self_proc_stats", "/proc/self/stat.", SELF_PROC_STATS, () => figures.selfProcStats()),
    route("system_proc_stats", "/proc/stat.", SYSTEM_PROC_STATS, () => figures.systemProcStats()),
    route("meminfos", "Memory of the host.", MEMINFOS, () => figures.meminfos()),
  ];
}
