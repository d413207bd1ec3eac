/** What a process used, out of /proc. */
import { readdirSync, readFileSync } from "node:fs";
import { nowUs } from "../native/clock.ts";

/** Linux's USER_HZ, fixed for all ABIs Node runs on. */
const TICKS_PER_SECOND = 100;
// Fields after the command name in /proc/PID/stat (proc(5), counted from state = 0).
const FIELD_UTIME = 11;
const FIELD_STIME = 12;
const PAGE_KB = 4;

export interface CpuSample {
  readonly timeUs: number;
  readonly userTicks: number;
  readonly systemTicks: number;
  readonly threads: ReadonlyMap<string, number>;
}

/** Percent of one core. */
export interface CpuUsage {
  readonly cpuPercent: number;
  readonly userPercent: number;
  /** Of every thread that used any, most first. */
  readonly threadPercents: readonly number[];
  /** Processor time of the busiest thread. */
  readonly threadSeconds: number;
}

export interface MemoryUsage {
  readonly rssKb: number;
  readonly pssKb: number;
  readonly peakKb: number;
  /** Kernel memory of all TCP sockets of the machine, generator's included. */
  readonly tcpKb: number;
}

function readTicks(file: string): { readonly user: number; readonly system: number } {
  const text = readFileSync(file, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { user: Number(fields[FIELD_UTIME]), system: Number(fields[FIELD_STIME]) };
}

export function sampleCpu(pid: number): CpuSample {
  const threads = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const ticks = readTicks(`/proc/${pid}/task/${thread}/stat`);
    threads.set(thread, ticks.user + ticks.system);
  }
  const { user, system } = readTicks(`/proc/${pid}/stat`);
  return { timeUs: nowUs(), userTicks: user, systemTicks: system, threads };
}

export function cpuBetween(before: CpuSample, after: CpuSample): CpuUsage {
  const ticks = ((after.timeUs - before.timeUs) / 1_000_000) * TICKS_PER_SECOND;
  const percent = (used: number): number => (100 * used) / ticks;
  const user = after.userTicks - before.userTicks;
  const system = after.systemTicks - before.systemTicks;
  const threads = [...after.threads]
    .map(([thread, total]) => percent(total - (before.threads.get(thread) ?? 0)))
    .filter((share) => share > 0);
  return {
    cpuPercent: percent(user + system),
    userPercent: percent(user),
    threadPercents: threads.toSorted((a, b) => b - a),
    threadSeconds: ((Math.max(0, ...threads) / 100) * ticks) / TICKS_PER_SECOND,
  };
}

function readField(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
}

export function sampleMemory(pid: number): MemoryUsage {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const sockets = readFileSync("/proc/net/sockstat", "utf8");
  return {
    rssKb: readField(status, "VmRSS"),
    pssKb: readField(rollup, "Pss"),
    peakKb: readField(status, "VmHWM"),
    tcpKb: Number(/^TCP:.* mem (\d+)/m.exec(sockets)?.[1] ?? 0) * PAGE_KB,
  };
}
