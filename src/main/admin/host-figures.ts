/**
 * Figures of the host and of this process, in SRS's names. Shares of time are of the last few seconds: samples are taken
 * by a timer, so that a request reads no more files than it tells about.
 */
import { availableParallelism, loadavg, networkInterfaces, uptime } from "node:os";
import {
  type CpuTicks,
  type DiskCounters,
  type Memory,
  type ReadProc,
  readCpuTicks,
  readDisks,
  readIdleSeconds,
  readInterfaces,
  readMemory,
  readProc,
  readSelfStat,
  readSockets,
} from "./proc-files.ts";

const SAMPLE_MS = 3000;
const SECTOR_BYTES = 512;
const PAGE_KBYTES = 4;
/** Addresses that no network in between knows. */
const INTRANET = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|127\.|169\.254\.|::1$|fe80|f[cd])/i;

interface Sample {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly cpu: CpuTicks;
  /** Microseconds of this process. */
  readonly selfCpu: number;
  readonly disk: DiskCounters;
}

/** Measures host and process. */
export class HostFigures {
  readonly #isAsked: () => boolean;
  readonly #read: ReadProc;
  readonly #disks: () => readonly string[];
  readonly #timer: NodeJS.Timeout;
  #before: Sample;
  #now: Sample;

  /**
   * @param disks Devices that are measured.
   * @param isAsked Somebody may ask: samples are taken.
   */
  constructor(
    disks: () => readonly string[],
    isAsked: () => boolean = () => true,
    read: ReadProc = readProc,
  ) {
    this.#isAsked = isAsked;
    this.#read = read;
    this.#disks = disks;
    this.#before = this.#sample();
    this.#now = this.#before;
    this.#timer = setInterval(() => this.#measure(), SAMPLE_MS).unref();
  }

  /** Measures no more. */
  close(): void {
    clearInterval(this.#timer);
  }

  /** When the shares of time were measured. Units: ms since the epoch. */
  get sampleTime(): number {
    return this.#now.time;
  }

  /** Share of the host's cores in use, 0–1. */
  get cpuShare(): number {
    const before = sumOf(this.#before.cpu);
    const all = sumOf(this.#now.cpu) - before;
    const idle = this.#now.cpu.idle - this.#before.cpu.idle;
    return all <= 0 ? 0 : round(1 - idle / all);
  }

  /** Cores that this process uses, 1 for a whole one. */
  get selfCpuShare(): number {
    const elapsedUs = (this.#now.time - this.#before.time) * 1000;
    return elapsedUs <= 0 ? 0 : round((this.#now.selfCpu - this.#before.selfCpu) / elapsedUs);
  }

  /** Memory of this process. Units: kB. */
  selfKbytes(): number {
    const { rss = 0 } = readSelfStat(this.#read);
    return Number(rss) * PAGE_KBYTES;
  }

  /** `self_proc_stats`. */
  selfProcStats(): object {
    const [ok, sample_time, percent] = [true, this.sampleTime, this.selfCpuShare];
    return { ok, sample_time, percent, ...readSelfStat(this.#read) };
  }

  /** `system_proc_stats`. */
  systemProcStats(): object {
    return {
      ok: true,
      sample_time: this.sampleTime,
      percent: this.cpuShare,
      ...readCpuTicks(this.#read),
    };
  }

  /** `meminfos`. */
  meminfos(): MemInfos {
    const memory = readMemory(this.#read);
    const { MemTotal, MemFree, Buffers, Cached, SwapTotal, SwapFree } = memory;
    const MemActive = MemTotal - MemFree;
    const RealInUse = Math.max(0, MemActive - Buffers - Cached);
    return {
      ok: true,
      sample_time: Date.now(),
      percent_ram: MemTotal === 0 ? 0 : round(RealInUse / MemTotal),
      percent_swap: SwapTotal === 0 ? 0 : round((SwapTotal - SwapFree) / SwapTotal),
      MemActive,
      RealInUse,
      NotInUse: MemTotal - RealInUse,
      ...memory,
    };
  }

  /** `rusages`. */
  rusages(): object {
    const usage = process.resourceUsage();
    return {
      ok: true,
      sample_time: Date.now(),
      ru_utime: Math.floor(usage.userCPUTime / 1e6),
      ru_stime: Math.floor(usage.systemCPUTime / 1e6),
      ru_maxrss: usage.maxRSS,
      ru_ixrss: usage.sharedMemorySize,
      ru_idrss: usage.unsharedDataSize,
      ru_isrss: usage.unsharedStackSize,
      ru_minflt: usage.minorPageFault,
      ru_majflt: usage.majorPageFault,
      ru_nswap: usage.swappedOut,
      ru_inblock: usage.fsRead,
      ru_oublock: usage.fsWrite,
      ru_msgsnd: usage.ipcSent,
      ru_msgrcv: usage.ipcReceived,
      ru_nsignals: usage.signalsCount,
      ru_nvcsw: usage.voluntaryContextSwitches,
      ru_nivcsw: usage.involuntaryContextSwitches,
    };
  }

  /** The part of `summaries` that is about the host, without what is this server's own. */
  system(): object {
    const memory = this.meminfos();
    const sockets = readSockets(this.#read);
    const [one = 0, five = 0, fifteen = 0] = loadavg();
    const cores = availableParallelism();
    return {
      cpu_percent: this.cpuShare,
      ...this.#diskRates(),
      mem_ram_kbyte: memory.MemTotal,
      mem_ram_percent: memory.percent_ram,
      mem_swap_kbyte: memory.SwapTotal,
      mem_swap_percent: memory.percent_swap,
      cpus: cores,
      cpus_online: cores,
      uptime: uptime(),
      // The name is SRS's, and clients read it.
      ilde_time: readIdleSeconds(this.#read),
      load_1m: one,
      load_5m: five,
      load_15m: fifteen,
      net_sample_time: Date.now(),
      ...this.#networkBytes(),
      conn_sys: sockets.all,
      conn_sys_et: sockets.established,
      conn_sys_tw: sockets.timeWait,
      conn_sys_udp: sockets.udp,
    };
  }

  #diskRates(): object {
    const [before, now] = [this.#before, this.#now];
    const elapsedMs = Math.max(1, now.time - before.time);
    const rate = (sectors: number): number =>
      Math.round((sectors * SECTOR_BYTES * 1000) / elapsedMs / 1024);
    return {
      disk_read_KBps: rate(now.disk.sectorsRead - before.disk.sectorsRead),
      disk_write_KBps: rate(now.disk.sectorsWritten - before.disk.sectorsWritten),
      disk_busy_percent: round(Math.min(1, (now.disk.busyMs - before.disk.busyMs) / elapsedMs)),
    };
  }

  /** Interfaces with an address of the internet, and the others, the loopback among them as in SRS. */
  #networkBytes(): object {
    const addresses = networkInterfaces();
    const sums = { net_recv_bytes: 0, net_send_bytes: 0, net_recvi_bytes: 0, net_sendi_bytes: 0 };
    for (const [name, [received, sent]] of readInterfaces(this.#read)) {
      const isPublic = addresses[name]?.some(({ address }) => !INTRANET.test(address)) ?? false;
      sums[isPublic ? "net_recv_bytes" : "net_recvi_bytes"] += received;
      sums[isPublic ? "net_send_bytes" : "net_sendi_bytes"] += sent;
    }
    return sums;
  }

  #measure(): void {
    if (!this.#isAsked()) {
      return;
    }
    this.#before = this.#now;
    this.#now = this.#sample();
  }

  #sample(): Sample {
    const { user, system } = process.cpuUsage();
    return {
      time: Date.now(),
      cpu: readCpuTicks(this.#read),
      selfCpu: user + system,
      disk: readDisks(this.#read, this.#disks()),
    };
  }
}

/** `meminfos`. Units: kB, and shares from 0 to 1. */
export interface MemInfos extends Memory {
  readonly ok: boolean;
  readonly sample_time: number;
  readonly percent_ram: number;
  readonly percent_swap: number;
  readonly MemActive: number;
  readonly RealInUse: number;
  readonly NotInUse: number;
}

function sumOf({ user, nice, sys, idle, iowait, irq, softirq, steal }: CpuTicks): number {
  // The guests' time is part of the user's.
  return user + nice + sys + idle + iowait + irq + softirq + steal;
}

/** Shares are told with so many digits. */
function round(share: number): number {
  return Math.round(Math.max(0, share) * 1e4) / 1e4;
}
