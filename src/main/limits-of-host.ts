/** What the host grants this process: cores and open files. */
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { ConfigError, type ConfigPlace } from "../protocol/errors.ts";

const KIB = 1024;

/** Reads a small file; undefined when there is none. */
export type ReadText = (path: string) => string | undefined;

/** Cores this process may use: the scheduler's, capped by the CPU quota of its control group; at least 1. */
export function coresOfHost(
  parallelism: number = availableParallelism(),
  read: ReadText = readSystemFile,
): number {
  const quotas = [...quotasOfGroupV2(read), ...quotasOfGroupV1(read)];
  return Math.max(1, Math.min(parallelism, ...quotas.map((quota) => Math.floor(quota))));
}

/** Bytes of memory that this process may use: the host's, capped by its control group. */
export function memoryOfHost(
  total: number = totalmem(),
  constrained: number | undefined = process.constrainedMemory(),
): number {
  // Where there is no limit it is unknown, nothing, or more than there is.
  return constrained === undefined || constrained <= 0 ? total : Math.min(total, constrained);
}

/**
 * Bytes of memory that this process has resident and cannot be taken from it: heaps, rings, buffers. The program's own
 * files are not counted, they are read again where memory is short; of a small control group they are a large share.
 */
export function memoryInUse(read: ReadText = readSystemFile): number {
  const text = read("/proc/self/status") ?? "";
  const [, anonymous] = /^RssAnon:\s+(\d+) kB$/m.exec(text) ?? [];
  const [, shared = 0] = /^RssShmem:\s+(\d+) kB$/m.exec(text) ?? [];
  return anonymous === undefined
    ? process.memoryUsage.rss()
    : (Number(anonymous) + Number(shared)) * KIB;
}

/** Soft limit of open files (`ulimit -n`); Infinity when there is none. Node raises it to the hard one at start. */
export function openFilesMax(read: ReadText = readSystemFile): number {
  const [, soft] = /^Max open files\s+(\S+)/m.exec(read("/proc/self/limits") ?? "") ?? [];
  const limit = Number(soft ?? Number.NaN);
  return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}

/** A container by the sign that SRS goes by, or Docker's own. */
export function isInDocker(read: ReadText = readSystemFile): boolean {
  return (read("/proc/1/cgroup") ?? "").includes("/docker") || read("/.dockerenv") !== undefined;
}

/** One line about what the host grants, for the start of the log. */
export function describeHost(
  maxConnections: number,
  parallelism: number = availableParallelism(),
  read: ReadText = readSystemFile,
): string {
  const quotas = [...quotasOfGroupV2(read), ...quotasOfGroupV1(read)];
  const quota = quotas.length === 0 ? "no CPU quota" : `CPU quota ${Math.min(...quotas)}`;
  const files = openFilesMax(read);
  return [
    `host: ${coresOfHost(parallelism, read)} cores (affinity ${parallelism}, ${quota})`,
    `${Math.round(memoryOfHost() / 2 ** 20)} MiB memory`,
    `open files ${Number.isFinite(files) ? files : "unlimited"}`,
    `max_connections ${maxConnections}`,
  ].join(", ");
}

/** Of the descriptors that are left beside files HTTP may take so much. */
const HTTP_SHARE = 0.75;
/** However few there are. */
const HTTP_CONNECTIONS_MIN = 8;

/**
 * Connections that one of so many gateways may have: RTMP keeps a quarter of the descriptors, or as many as it may have
 * connections where that is less.
 */
export function httpConnectionsMax(
  maxConnections: number,
  gateways: number,
  filesMax: number = openFilesMax(),
): number {
  const left = filesMax - HTTP_RESERVED_FILES;
  const all = Math.max(left * HTTP_SHARE, left - maxConnections);
  return Math.max(HTTP_CONNECTIONS_MIN, Math.floor(all / gateways));
}

/** Descriptors kept for files, workers, upstreams and the API beside the connections, as in SRS. */
const RESERVED_FILES = 128;
/** What is open without a client, with some to spare for files that are served. */
const HTTP_RESERVED_FILES = 256;

/**
 * Refuse a configuration that the host cannot serve. Spec: SRS compatibility §0 "Semantic checks".
 * @throws ConfigError `ERR_CONF_FILES`.
 */
export function checkOpenFiles(maxConnections: number, place: ConfigPlace, filesMax: number): void {
  if (maxConnections + RESERVED_FILES >= filesMax) {
    throw new ConfigError(
      "ERR_CONF_FILES",
      `max_connections ${maxConnections} and ${RESERVED_FILES} more exceed the limit of ${filesMax} open files (ulimit -n)`,
      place,
    );
  }
}

/** Cores granted by `cpu.max` of the own group and those around it. */
function quotasOfGroupV2(read: ReadText): number[] {
  const [, path] = /^0::(\/.*)$/m.exec(read("/proc/self/cgroup") ?? "") ?? [];
  if (path === undefined) {
    return [];
  }
  const names = path.split("/").filter((name) => name !== "");
  return names
    .map((_, index) => `/${names.slice(0, index + 1).join("/")}`)
    .concat("")
    .map((group) => read(`/sys/fs/cgroup${group}/cpu.max`)?.trim().split(" ") ?? [])
    .map(([quota, period]) => Number(quota) / Number(period))
    .filter((cores) => cores > 0);
}

function quotasOfGroupV1(read: ReadText): number[] {
  const quota = Number(read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") ?? -1);
  const period = Number(read("/sys/fs/cgroup/cpu/cpu.cfs_period_us") ?? -1);
  return quota > 0 && period > 0 ? [quota / period] : [];
}

/** A small file of the system; undefined when there is none. */
export function readSystemFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
