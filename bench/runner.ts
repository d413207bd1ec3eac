/** Runs the jobs of a scenario: servers in turn, rounds of all of them, so that drift meets each alike. */
import { type Measurement, type Summary, summarise } from "./measure/figures.ts";
import { keyOf, measure, type Pace } from "./measure/works.ts";
import type { Job } from "./scenarios/scenario.ts";
import type { ServerAdapter } from "./servers/server.ts";

/** A run that is void is repeated this often. */
const REPEATS_MAX = 1;
/** A server that fails so often at a work is not asked again. */
const FAILURES_MAX = 2;

export type Summaries = ReadonlyMap<string, Summary>;

/** Key of a job's summary for one server. */
export const summaryKey = (job: string, server: string): string => `${job} ${server}`;

export interface RunnerOptions {
  readonly adapters: readonly ServerAdapter[];
  readonly runs: number;
  readonly pace: Pace;
  /** A late generator does not make a run void: for smoke runs, whose times are not judged. */
  readonly isLateAllowed: boolean;
  /** Told of progress, a line each. */
  readonly say: (line: string) => void;
}

export class Runner {
  readonly #options: RunnerOptions;
  /** By work, server and round: a work that two scenarios share is measured once. */
  readonly #done: Map<string, Measurement> = new Map();
  readonly #failures: Map<string, string[]> = new Map();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  async run(jobs: readonly Job[]): Promise<Summaries> {
    for (let round = 0; round < this.#options.runs; round++) {
      for (const job of jobs) {
        await this.#runRound(job, round);
      }
    }
    const summaries = new Map<string, Summary>();
    for (const job of jobs) {
      for (const adapter of this.#servers(job)) {
        summaries.set(summaryKey(job.id, adapter.name), this.#summarise(adapter, job));
      }
    }
    return summaries;
  }

  #servers(job: Job): readonly ServerAdapter[] {
    return this.#options.adapters.filter((adapter) => job.servers.includes(adapter.name));
  }

  async #runRound(job: Job, round: number): Promise<void> {
    for (const adapter of this.#servers(job)) {
      const key = keyOf(adapter, job.work);
      const known = this.#done.get(`${key} ${round}`);
      const failures = this.#failures.get(key)?.length ?? 0;
      const isDone = known?.voidReason === "" || failures >= FAILURES_MAX;
      if (adapter.absence === "" && !isDone) {
        await this.#measureOnce(adapter, job, round);
      }
    }
  }

  async #measure(adapter: ServerAdapter, job: Job): Promise<Measurement> {
    const { pace, isLateAllowed } = this.#options;
    const measurement = await measure(adapter, job.work, pace);
    return isLateAllowed ? { ...measurement, voidReason: "" } : measurement;
  }

  async #measureOnce(adapter: ServerAdapter, job: Job, round: number): Promise<void> {
    const { say } = this.#options;
    const key = keyOf(adapter, job.work);
    try {
      let measurement = await this.#measure(adapter, job);
      for (let repeat = 0; measurement.voidReason !== "" && repeat < REPEATS_MAX; repeat++) {
        say(`  ${job.id} ${adapter.name} #${round + 1}: void (${measurement.voidReason}), again`);
        measurement = await this.#measure(adapter, job);
      }
      this.#done.set(`${key} ${round}`, measurement);
      say(`  ${job.id} ${adapter.name} #${round + 1}: ${describe(measurement)}`);
    } catch (error) {
      this.#failures.set(key, [...(this.#failures.get(key) ?? []), String(error)]);
      say(`  ${job.id} ${adapter.name} #${round + 1}: ${String(error)}`);
    }
  }

  #summarise(adapter: ServerAdapter, job: Job): Summary {
    const key = keyOf(adapter, job.work);
    const rounds = Array.from({ length: this.#options.runs }, (_, round) =>
      this.#done.get(`${key} ${round}`),
    );
    const measured = rounds.filter((measurement) => measurement !== undefined);
    return summarise(measured, this.#failures.get(key) ?? [], adapter.absence);
  }
}

function describe({ figures, voidReason, reasons }: Measurement): string {
  const parts = Object.entries(figures).map(
    ([name, value]) => `${name} ${Number(value.toPrecision(4))}`,
  );
  const lost = reasons.length > 0 ? ` [${reasons.join("; ")}]` : "";
  return `${voidReason === "" ? "" : `VOID ${voidReason}: `}${parts.join(", ")}${lost}`;
}
