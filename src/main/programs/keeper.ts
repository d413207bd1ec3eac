/**
 * Keeps programs running that should run: starts them, starts them again when they end, ends them when they should not run
 * any more. So many at one time; others wait for their turn, first come, first served.
 *
 * SRS looks every 3 s whether a program has ended and starts it again. So does weir, and waits longer for one that ends
 * at once each time: {@link PAUSE_MS} … {@link PAUSE_MAX_MS}.
 */
import type { Logger } from "../log/logger.ts";
import {
  type Command,
  type Plan,
  PROGRAM_KINDS,
  type ProgramKind,
  UnsafeCommand,
} from "./command.ts";
import type { RunEnd } from "./launcher-messages.ts";

/** Between the end of a program and its next start (SRS). */
const PAUSE_MS = 3000;
const PAUSE_MAX_MS = 30_000;
/** One that ran for so long did not end at once. */
const LASTING_MS = 10_000;
/** Ends at once that are taken for bad luck. */
const SHORT_RUNS = 3;
/** A program that is told to end has this long. */
const END_MS = 3000;
/** The same when the server stops. */
const STOP_MS = 1500;
/** After that the launcher is not waited for. */
const STOP_WAIT_MS = 2000;
const TELL_MS = 10_000;

const CODE = "ERR_PROGRAM";

/** Who runs programs. */
export interface Launcher {
  start(run: number, command: Command): void;
  /** SIGTERM, and SIGKILL when that does not end it. */
  stop(run: number, killAfterMs: number): void;
}

/** What a keeper works with. */
export interface KeeperHost {
  readonly launcher: Launcher;
  readonly log: Logger;
  /** Programs at one time. */
  readonly max: () => number;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  readonly unixMs: () => number;
  /** Runs work later; returns what takes it back. */
  readonly after: (ms: number, work: () => void) => () => void;
}

/** Counts of one directive's programs. */
export interface ProgramCounts {
  running: number;
  starts: number;
  /** Of those, starts of a program that had ended by itself. */
  restarts: number;
  /** Ends with an error, and starts that were not possible. */
  failures: number;
}

/** A place for one program. */
interface Slot {
  readonly id: string;
  readonly kind: ProgramKind;
  /** undefined: nothing should run any more. */
  plan: Plan | undefined;
  /** Number of the run that is there; 0 for none. */
  run: number;
  /** It was told to end. */
  isEnding: boolean;
  /** What it publishes here until it has ended. */
  output: string;
  startedMs: number;
  shortRuns: number;
  /** Takes back the next start. */
  pause: (() => void) | undefined;
  hasRun: boolean;
}

/** The keeper. */
export class Keeper {
  readonly counts: ReadonlyMap<ProgramKind, ProgramCounts> = new Map(
    PROGRAM_KINDS.map((kind) => [kind, { running: 0, starts: 0, restarts: 0, failures: 0 }]),
  );
  /** Starts that had to wait for their turn. */
  refusals = 0;
  readonly #host: KeeperHost;
  readonly #slots = new Map<string, Slot>();
  readonly #byRun = new Map<number, Slot>();
  readonly #waiting = new Set<Slot>();
  #runs = 0;
  #toldMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #emptied: (() => void) | undefined;

  constructor(host: KeeperHost) {
    this.#host = host;
  }

  /** Programs that run, those included that are ending. */
  get running(): number {
    return this.#byRun.size;
  }

  /** Programs that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A program publishes this stream here, or is about to. @param except Another one than this. */
  publishes(key: string, except: string = ""): boolean {
    for (const { id, output, plan } of this.#slots.values()) {
      if (id !== except && (output === key || plan?.output === key)) {
        return true;
      }
    }
    return false;
  }

  /** This should run from now on. In the place of another plan with the same id: that one's program ends first. */
  want(plan: Plan): void {
    if (this.#isClosed) {
      return;
    }
    const slot = this.#slots.get(plan.id) ?? this.#newSlot(plan);
    const before = slot.plan;
    slot.plan = plan;
    if (before?.identity === plan.identity) {
      return;
    }
    slot.shortRuns = 0;
    if (slot.run !== 0) {
      // Also when it is ending already: its end starts the new one.
      this.#end(slot, END_MS);
    } else if (!this.#waiting.has(slot)) {
      slot.pause?.();
      this.#start(slot);
    }
  }

  /** This should not run any more. */
  leave(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) {
      return;
    }
    slot.plan = undefined;
    if (slot.run === 0) {
      this.#remove(slot);
    } else {
      this.#end(slot, END_MS);
    }
  }

  /** There may be room for more by now. */
  look(): void {
    for (const slot of this.#waiting) {
      if (this.#byRun.size >= this.#host.max()) {
        break;
      }
      this.#waiting.delete(slot);
      this.#start(slot);
    }
  }

  /** Ends all programs, and starts none any more. Resolves when they have ended, or the launcher does not say so in time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const slot of [...this.#slots.values()]) {
      slot.plan = undefined;
      if (slot.run === 0) {
        this.#remove(slot);
      } else {
        this.#end(slot, STOP_MS);
      }
    }
    if (this.#byRun.size > 0) {
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
        this.#host.after(STOP_WAIT_MS, resolve);
      });
    }
  }

  // --- what the launcher tells ---

  /** A run has begun. */
  started(run: number, pid: number): void {
    const slot = this.#byRun.get(run);
    if (slot !== undefined) {
      this.#host.log.info("programs", `${slot.id}: started, pid ${pid}`);
    }
  }

  /** A run goes on without a log. */
  unlogged(run: number, text: string): void {
    const id = this.#byRun.get(run)?.id ?? "";
    this.#host.log.warn("programs", `${id}: no log: ${text}`, CODE);
  }

  /** A run has ended. */
  ended(run: number, end: RunEnd): void {
    const slot = this.#byRun.get(run);
    if (slot === undefined) {
      return;
    }
    const counts = this.#countsOf(slot);
    this.#byRun.delete(run);
    counts.running -= 1;
    slot.run = 0;
    slot.output = "";
    if (slot.isEnding) {
      this.#host.log.info("programs", `${slot.id}: ended`);
    } else {
      this.#endedByItself(slot, end);
    }
    if (slot.plan === undefined) {
      this.#remove(slot);
    } else if (slot.isEnding) {
      this.#start(slot);
    }
    slot.isEnding = false;
    this.look();
    if (this.#byRun.size === 0) {
      this.#emptied?.();
    }
  }

  // --- inside ---

  #newSlot({ id, kind }: Plan): Slot {
    const slot: Slot = {
      ...{ id, kind, plan: undefined, run: 0, isEnding: false, output: "" },
      ...{ startedMs: 0, shortRuns: 0, pause: undefined, hasRun: false },
    };
    this.#slots.set(id, slot);
    return slot;
  }

  #countsOf({ kind }: Slot): ProgramCounts {
    return this.counts.get(kind) ?? { running: 0, starts: 0, restarts: 0, failures: 0 };
  }

  #remove(slot: Slot): void {
    slot.pause?.();
    this.#waiting.delete(slot);
    this.#slots.delete(slot.id);
  }

  #end(slot: Slot, killAfterMs: number): void {
    // A stop of the server is in more of a hurry than what came before.
    if (!slot.isEnding || this.#isClosed) {
      slot.isEnding = true;
      this.#host.launcher.stop(slot.run, killAfterMs);
    }
  }

  #start(slot: Slot): void {
    slot.pause = undefined;
    const { plan } = slot;
    if (plan === undefined || this.#isClosed) {
      return;
    }
    if (this.#byRun.size >= this.#host.max()) {
      this.#wait(slot);
      return;
    }
    let command: Command;
    try {
      command = plan.commandAt(this.#host.unixMs());
    } catch (error) {
      if (!(error instanceof UnsafeCommand)) {
        throw error;
      }
      // It stays so as long as the stream has its name.
      this.#countsOf(slot).failures += 1;
      this.#host.log.warn("programs", `${slot.id}: not run: ${error.message}`, CODE);
      return;
    }
    this.#run(slot, plan, command);
  }

  #run(slot: Slot, plan: Plan, command: Command): void {
    this.#runs += 1;
    slot.run = this.#runs;
    slot.output = plan.output;
    slot.startedMs = this.#host.now();
    this.#byRun.set(slot.run, slot);
    const counts = this.#countsOf(slot);
    counts.running += 1;
    counts.starts += 1;
    counts.restarts += slot.hasRun ? 1 : 0;
    slot.hasRun = true;
    this.#host.launcher.start(slot.run, command);
  }

  #wait(slot: Slot): void {
    this.#waiting.add(slot);
    this.refusals += 1;
    const now = this.#host.now();
    if (now - this.#toldMs >= TELL_MS) {
      this.#toldMs = now;
      const text = `${slot.id} has to wait: ${this.#byRun.size} programs run, as many as programs_max allows; ${this.#waiting.size} wait`;
      this.#host.log.warn("programs", text, "ERR_PROGRAMS_MAX");
    }
  }

  #endedByItself(slot: Slot, { code, signal, fault }: RunEnd): void {
    const now = this.#host.now();
    const isFailure = code !== 0;
    this.#countsOf(slot).failures += isFailure ? 1 : 0;
    slot.shortRuns = now - slot.startedMs >= LASTING_MS ? 0 : slot.shortRuns + 1;
    const pauseMs = pauseAfter(slot.shortRuns);
    const how = fault === "" ? (signal ?? `exit code ${code}`) : fault;
    const again = slot.plan === undefined ? "" : `, again in ${pauseMs / 1000} s`;
    const text = `${slot.id}: ended by itself: ${how}${again}`;
    if (isFailure) {
      this.#host.log.warn("programs", text, CODE);
    } else {
      this.#host.log.info("programs", text);
    }
    if (slot.plan !== undefined && !this.#isClosed) {
      slot.pause = this.#host.after(pauseMs, () => this.#start(slot));
    }
  }
}

function pauseAfter(shortRuns: number): number {
  return Math.min(PAUSE_MAX_MS, PAUSE_MS * 2 ** Math.max(0, shortRuns - SHORT_RUNS));
}
