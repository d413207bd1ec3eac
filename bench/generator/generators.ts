/** One or more generator processes that share a load. */
import { sleep } from "../native/clock.ts";
import type { GeneratorFigures, PlayCall, Progress, PublishCall } from "./calls.ts";
import { GeneratorLink } from "./link.ts";
import { mergeFigures, mergeProgress } from "./merge.ts";

const POLL_MS = 100;

/** @returns how many of `count` each of `parts` gets. */
export function dealOut(count: number, parts: number): readonly number[] {
  return Array.from({ length: parts }, (_, index) => Math.floor((count + index) / parts));
}

export class Generators {
  readonly #links: readonly GeneratorLink[];

  constructor(count: number) {
    this.#links = Array.from({ length: count }, () => new GeneratorLink());
  }

  get pids(): readonly number[] {
    return this.#links.map((link) => link.pid);
  }

  /** Players, dealt out over the processes. Each arrives when it would arrive if one process had them all, or nearly. */
  async play(call: Omit<PlayCall, "call">): Promise<void> {
    const shares = dealOut(call.players, this.#links.length);
    await Promise.all(
      this.#links.map((link, index) =>
        link.order({ call: "play", ...call, players: shares[index] ?? 0 }),
      ),
    );
  }

  /** Publishers, all in the first process: their names are numbered there. */
  async publish(call: Omit<PublishCall, "call">): Promise<void> {
    await this.#links[0]?.order({ call: "publish", ...call });
  }

  async progress(): Promise<Progress> {
    return mergeProgress(await Promise.all(this.#links.map((link) => link.progress())));
  }

  /** Figures so far; distributions and lag start anew, counts go on. */
  async figures(): Promise<GeneratorFigures> {
    return mergeFigures(await Promise.all(this.#links.map((link) => link.figures())));
  }

  /** Wait until all connections are live, or the time is over. */
  async untilLive(timeoutMs: number): Promise<Progress> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const progress = await this.progress();
      const { live, connections } = progress.counts;
      if (live >= connections || performance.now() > deadline) {
        return progress;
      }
      await sleep(POLL_MS);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.end()));
  }
}
