/**
 * Dumps of the process hold what it holds: keys, tokens and passwords. weir switches none of them on; what its
 * surroundings switch on is told.
 */

/** What decides about dumps. */
export interface DumpSigns {
  /** Text of `/proc/self/limits`; undefined where there is none. */
  readonly limits: string | undefined;
  /** Of Node itself: `process.execArgv`. */
  readonly flags: readonly string[];
  /** `NODE_OPTIONS`. */
  readonly nodeOptions: string | undefined;
}

/** Flags that write the heap, or a report with the environment, into a file. */
const DUMP_FLAGS = /^--(heapsnapshot-(signal|near-heap-limit)|report-[a-z-]+)$/;

/** One line when a core dump or heap dump may be written; undefined when none is. */
export function dumpWarning({ limits, flags, nodeOptions }: DumpSigns): string | undefined {
  const [, soft = "0"] = /^Max core file size\s+(\S+)/m.exec(limits ?? "") ?? [];
  const core = soft === "0" ? [] : [`core dumps (ulimit -c is ${soft})`];
  const words = [...flags, ...(nodeOptions ?? "").split(/\s+/)];
  // Node takes an underscore for a dash.
  const names = words.map((word) =>
    word.replace(/=.*$/s, "").replace(/["']/g, "").replaceAll("_", "-"),
  );
  const found = [...new Set(names.filter((name) => DUMP_FLAGS.test(name)))];
  const ways = [...core, ...found];
  return ways.length === 0
    ? undefined
    : `dumps of this process contain keys, tokens and passwords, and it may write some: ${ways.join(", ")}; "ulimit -c 0" (systemd: LimitCORE=0) and no such flag keep them from disk`;
}
