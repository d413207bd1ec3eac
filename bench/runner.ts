/** Runs the jobs of a scenario: servers in turn, rounds of all of them, so that drift meets each alike. */
import { type Measurement, type Summary, summarise } from "./measure/figures.ts";
import type { Job } from "./scenarios/scenario.ts";
import type { ServerAdapter } from "./servers/server.ts";
import { keyOf, measure, refusalOf } from "./works/measure.ts";
import type { Means, Work } from "./works/work.ts";

/** A run that is void is repeated this often. */
const REPEATS_MAX = 1;
/** A server that fails so often at a work is not asked again. */
const FAILURES_MAX = 2;

export type Summaries = ReadonlyMap<string, Summary>;

/** Key of a job's summary for one server. */
export const summaryKey = (job: string, server: string): string => `${job} ${server}`;

export interface RunnerOptions {
  readonly adapters: readonly ServerAdapter[];
  /** Names of adapters that take part in every job but weir's own. */
  readonly guests: readonly string[];
  readonly runs: number;
  readonly means: Means;
  /** A late generator does not make a run void: for smoke runs, whose times are not judged. */
  readonly isLateAllowed: boolean;
  /** Told of progress, a line each. */
  readonly say: (line: string) => void;
}

/** What was measured of one job on one server. */
class Outcome {
  readonly runs: (Measurement | undefined)[] = [];
  readonly failures: string[] = [];
}

export class Runner {
  readonly #options: RunnerOptions;
  /** By work, server and round: a work that two scenarios share is measured once. */
  readonly #done: Map<string, Measurement> = new Map();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  async run(jobs: readonly Job[]): Promise<Summaries> {
    const outcomes = new Map<string, Outcome>();
    for (let round = 0; round < this.#options.runs; round++) {
      for (const job of jobs.filter(({ isOnce }) => round === 0 || isOnce !== true)) {
        await this.#runRound(job, round, outcomes);
      }
    }
    const summaries = new Map<string, Summary>();
    for (const job of jobs) {
      for (const adapter of this.#servers(job)) {
        const key = summaryKey(job.id, adapter.name);
        const { runs, failures } = outcomes.get(key) ?? new Outcome();
        const measured = runs.filter((measurement) => measurement !== undefined);
        summaries.set(key, summarise(measured, failures, refusalOf(adapter, job.work)));
      }
    }
    return summaries;
  }

  #servers(job: Job): readonly ServerAdapter[] {
    const { adapters, guests } = this.#options;
    const isAsked = ({ name }: ServerAdapter): boolean =>
      job.servers.includes(name) || (job.isWeirsOwn !== true && guests.includes(name));
    return adapters.filter(isAsked);
  }

  async #runRound(job: Job, round: number, outcomes: Map<string, Outcome>): Promise<void> {
    const work = this.#workOf(job, round, outcomes);
    for (const adapter of this.#servers(job)) {
      const key = summaryKey(job.id, adapter.name);
      const outcome = outcomes.get(key) ?? new Outcome();
      outcomes.set(key, outcome);
      if (refusalOf(adapter, work) !== "" || outcome.failures.length >= FAILURES_MAX) {
        continue;
      }
      const label = `${job.id} ${adapter.name} #${round + 1}`;
      try {
        outcome.runs[round] = await this.#measureOnce(adapter, work, { round, label });
      } catch (error) {
        outcome.failures.push(String(error));
        this.#options.say(`  ${label}: ${String(error)}`);
      }
    }
  }

  /** The job's work; the floor merges as weir was seen to, where the job says so. */
  #workOf(job: Job, round: number, outcomes: ReadonlyMap<string, Outcome>): Work {
    if (job.mergeAsIn === undefined) {
      return job.work;
    }
    const seen = outcomes.get(summaryKey(job.mergeAsIn, "weir"))?.runs[round];
    const mergeFrames = Math.max(1, Math.round(seen?.figures.framesPerSend ?? 1));
    return { ...job.work, mergeFrames };
  }

  async #measureOnce(
    adapter: ServerAdapter,
    work: Work,
    about: { readonly round: number; readonly label: string },
  ): Promise<Measurement> {
    const { say } = this.#options;
    const key = `${keyOf(adapter, work)} ${about.round}`;
    const known = this.#done.get(key);
    if (known?.voidReason === "") {
      return known;
    }
    let measurement = await this.#measure(adapter, work);
    for (let repeat = 0; measurement.voidReason !== "" && repeat < REPEATS_MAX; repeat++) {
      say(`  ${about.label}: void (${measurement.voidReason}), again`);
      measurement = await this.#measure(adapter, work);
    }
    this.#done.set(key, measurement);
    say(`  ${about.label}: ${describe(measurement)}`);
    return measurement;
  }

  async #measure(adapter: ServerAdapter, work: Work): Promise<Measurement> {
    const { means, isLateAllowed } = this.#options;
    const measurement = await measure(adapter, work, means);
    return isLateAllowed ? { ...measurement, voidReason: "" } : measurement;
  }
}

function describe({ figures, voidReason, reasons }: Measurement): string {
  const parts = Object.entries(figures).map(
    ([name, value]) => `${name} ${Number(value.toPrecision(4))}`,
  );
  const lost = reasons.length > 0 ? ` [${reasons.join("; ")}]` : "";
  return `${voidReason === "" ? "" : `VOID ${voidReason}: `}${parts.join(", ")}${lost}`;
}
