/** What Linux tells in /proc, as numbers. A file that is not there, or is not understood, counts as zeros. */
import { readFileSync } from "node:fs";

/** Reads a file of /proc; '' when there is none. */
export type ReadProc = (path: string) => string;

/** The host's. */
export function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Fields of /proc/self/stat in their order. Spec: proc(5). */
const SELF_STAT = [
  ..."pid comm state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt".split(" "),
  ..."utime stime cutime cstime priority nice num_threads itrealvalue starttime".split(" "),
  ..."vsize rss rsslim startcode endcode startstack kstkesp kstkeip signal blocked".split(" "),
  ..."sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority policy".split(" "),
  ..."delayacct_blkio_ticks guest_time cguest_time".split(" "),
];

/** /proc/self/stat by name; `comm` and `state` are text. */
export function readSelfStat(read: ReadProc): Record<string, number | string> {
  const text = read("/proc/self/stat");
  // The name stands in parentheses and may hold anything.
  const end = text.lastIndexOf(")");
  const comm = text.slice(text.indexOf("("), end + 1);
  const words = [text.slice(0, text.indexOf(" ")), comm, ...text.slice(end + 2).split(" ")];
  const fields: Record<string, number | string> = {};
  for (const [at, name] of SELF_STAT.entries()) {
    const word = words[at] ?? "";
    fields[name] = name === "comm" || name === "state" ? word : toNumber(word);
  }
  return fields;
}

/** First line of /proc/stat. Units: clock ticks. */
export interface CpuTicks {
  readonly user: number;
  readonly nice: number;
  readonly sys: number;
  readonly idle: number;
  readonly iowait: number;
  readonly irq: number;
  readonly softirq: number;
  readonly steal: number;
  readonly guest: number;
}

/** Ticks of all cores together. */
export function readCpuTicks(read: ReadProc): CpuTicks {
  const words = /^cpu\s+(.*)$/m.exec(read("/proc/stat"))?.[1]?.split(" ").map(toNumber) ?? [];
  const [user = 0, nice = 0, sys = 0, idle = 0, iowait = 0] = words;
  const [, , , , , irq = 0, softirq = 0, steal = 0, guest = 0] = words;
  return { user, nice, sys, idle, iowait, irq, softirq, steal, guest };
}

/** /proc/meminfo. Units: kB. */
export interface Memory {
  readonly MemTotal: number;
  readonly MemFree: number;
  readonly Buffers: number;
  readonly Cached: number;
  readonly SwapTotal: number;
  readonly SwapFree: number;
}

/** The host's memory. */
export function readMemory(read: ReadProc): Memory {
  const text = read("/proc/meminfo");
  const field = (name: string): number =>
    toNumber(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? "");
  return {
    MemTotal: field("MemTotal"),
    MemFree: field("MemFree"),
    Buffers: field("Buffers"),
    Cached: field("Cached"),
    SwapTotal: field("SwapTotal"),
    SwapFree: field("SwapFree"),
  };
}

/** Bytes received and sent by interface. */
export function readInterfaces(read: ReadProc): Map<string, readonly [number, number]> {
  const interfaces = new Map<string, readonly [number, number]>();
  for (const line of read("/proc/net/dev").split("\n")) {
    const [, name = "", rest = ""] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    const words = rest.trim().split(/\s+/).map(toNumber);
    if (name !== "" && words.length >= 9) {
      interfaces.set(name, [words[0] ?? 0, words[8] ?? 0]);
    }
  }
  return interfaces;
}

/** Counters of block devices since the host's start, added up. */
export interface DiskCounters {
  readonly sectorsRead: number;
  readonly sectorsWritten: number;
  /** Of the device that was busy longest. */
  readonly busyMs: number;
}

/** Counters of the named devices. */
export function readDisks(read: ReadProc, names: readonly string[]): DiskCounters {
  let [sectorsRead, sectorsWritten, busyMs] = [0, 0, 0];
  for (const line of names.length === 0 ? [] : read("/proc/diskstats").split("\n")) {
    const words = line.trim().split(/\s+/);
    if (names.includes(words[2] ?? "")) {
      sectorsRead += toNumber(words[5] ?? "");
      sectorsWritten += toNumber(words[9] ?? "");
      busyMs = Math.max(busyMs, toNumber(words[12] ?? ""));
    }
  }
  return { sectorsRead, sectorsWritten, busyMs };
}

/** Sockets of the host. */
export interface SocketCounts {
  readonly all: number;
  readonly established: number;
  readonly timeWait: number;
  readonly udp: number;
}

/** Counts sockets without looking at each. */
export function readSockets(read: ReadProc): SocketCounts {
  const text = read("/proc/net/sockstat");
  const [, inUse = "", waiting = ""] = /^TCP: inuse (\d+) orphan \d+ tw (\d+)/m.exec(text) ?? [];
  const udp = /^UDP: inuse (\d+)/m.exec(text)?.[1] ?? "";
  // The second line of Tcp has the values, in the order of the first.
  const [names = "", values = ""] = read("/proc/net/snmp").match(/^Tcp: .*$/gm) ?? [];
  const at = names.split(" ").indexOf("CurrEstab");
  const established = at < 0 ? 0 : toNumber(values.split(" ")[at] ?? "");
  const timeWait = toNumber(waiting);
  return { all: toNumber(inUse) + timeWait, established, timeWait, udp: toNumber(udp) };
}

/** Time that cores have had nothing to do since the host's start. Units: s. */
export function readIdleSeconds(read: ReadProc): number {
  return toNumber(read("/proc/uptime").trim().split(" ")[1] ?? "");
}

function toNumber(word: string): number {
  const number = Number(word);
  return Number.isFinite(number) ? number : 0;
}
