/** Runs the jobs of a scenario: servers in turn, rounds of all of them, so that drift meets each alike. */
import { type Measurement, type Summary, summarise } from "./measure/figures.ts";
import { keyOf, measure, type Pace } from "./measure/works.ts";
import type { Job } from "./scenarios/scenario.ts";
import type { ServerAdapter } from "./servers/server.ts";

/** A run that is void is repeated this often. */
const REPEATS_MAX = 1;

export type Summaries = ReadonlyMap<string, Summary>;

/** Key of a job's summary for one server. */
export const summaryKey = (job: string, server: string): string => `${job} ${server}`;

export interface RunnerOptions {
  readonly adapters: readonly ServerAdapter[];
  readonly runs: number;
  readonly pace: Pace;
  /** Told of progress, a line each. */
  readonly say: (line: string) => void;
}

export class Runner {
  readonly #options: RunnerOptions;
  /** By work, server and round: a work that two scenarios share is measured once. */
  readonly #done: Map<string, Measurement> = new Map();
  readonly #failures: Map<string, string> = new Map();

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
      const isKnown = this.#done.has(`${key} ${round}`) || this.#failures.has(key);
      if (adapter.absence === "" && !isKnown) {
        await this.#measureOnce(adapter, job, round);
      }
    }
  }

  async #measureOnce(adapter: ServerAdapter, job: Job, round: number): Promise<void> {
    const { pace, say } = this.#options;
    const key = keyOf(adapter, job.work);
    try {
      let measurement = await measure(adapter, job.work, pace);
      for (let repeat = 0; measurement.voidReason !== "" && repeat < REPEATS_MAX; repeat++) {
        say(`  ${job.id} ${adapter.name} #${round + 1}: void (${measurement.voidReason}), again`);
        measurement = await measure(adapter, job.work, pace);
      }
      this.#done.set(`${key} ${round}`, measurement);
      say(`  ${job.id} ${adapter.name} #${round + 1}: ${describe(measurement)}`);
    } catch (error) {
      this.#failures.set(key, String(error));
      say(`  ${job.id} ${adapter.name} #${round + 1}: ${String(error)}`);
    }
  }

  #summarise(adapter: ServerAdapter, job: Job): Summary {
    const key = keyOf(adapter, job.work);
    const rounds = Array.from({ length: this.#options.runs }, (_, round) =>
      this.#done.get(`${key} ${round}`),
    );
    const measured = rounds.filter((measurement) => measurement !== undefined);
    return summarise(measured, adapter.absence || (this.#failures.get(key) ?? ""));
  }
}

function describe({ figures, voidReason, reasons }: Measurement): string {
  const parts = Object.entries(figures).map(
    ([name, value]) => `${name} ${Number(value.toPrecision(4))}`,
  );
  const lost = reasons.length > 0 ? ` [${reasons.join("; ")}]` : "";
  return `${voidReason === "" ? "" : `VOID ${voidReason}: `}${parts.join(", ")}${lost}`;
}
