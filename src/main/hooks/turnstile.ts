/** So many at one time, others wait in line for a bounded time; the line is bounded too. */

interface Waiting {
  readonly go: (isIn: boolean) => void;
  timer: NodeJS.Timeout | undefined;
}

/** How somebody enters. */
export interface Entry {
  /** Inside at one time; that of the newest counts for all. */
  readonly concurrency: number;
  /** Waiting at one time. */
  readonly lineMax: number;
  /** `Infinity`: as long as it takes. */
  readonly waitMs: number;
  /** Goes before those who only tell. */
  readonly isVerdict: boolean;
  /** Leaves the line when it is aborted. */
  readonly signal?: AbortSignal;
}

/** One server's. */
export class Turnstile {
  #inside = 0;
  #concurrency = 1;
  /** In the order in which they came; Sets, so that one that gives up leaves at once. Somebody waits for verdicts. */
  readonly #verdicts = new Set<Waiting>();
  readonly #news = new Set<Waiting>();

  /** Nobody is inside or waits. */
  get isIdle(): boolean {
    return this.#inside === 0;
  }

  get inside(): number {
    return this.#inside;
  }

  /** How many wait for a verdict, and how many to tell. */
  get waiting(): { readonly verdicts: number; readonly news: number } {
    return { verdicts: this.#verdicts.size, news: this.#news.size };
  }

  /** @returns false when the line is too long or its time is over; else {@link leave} is to be called. */
  enter({ concurrency, lineMax, waitMs, isVerdict, signal }: Entry): Promise<boolean> {
    // After a reload it may be another one.
    this.#concurrency = concurrency;
    this.#letIn();
    if (this.#inside < concurrency) {
      this.#inside += 1;
      return Promise.resolve(true);
    }
    const line = isVerdict ? this.#verdicts : this.#news;
    if (line.size >= lineMax) {
      return Promise.resolve(false);
    }
    return new Promise<boolean>((resolve) => {
      const waiting: Waiting = { go: resolve, timer: undefined };
      line.add(waiting);
      const giveUp = (): void => {
        clearTimeout(waiting.timer);
        line.delete(waiting);
        resolve(false);
      };
      if (waitMs !== Number.POSITIVE_INFINITY) {
        waiting.timer = setTimeout(giveUp, waitMs);
      }
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  /** Lets the next one in. */
  leave(): void {
    this.#inside -= 1;
    this.#letIn();
  }

  /** Sends everybody in line away. */
  close(): void {
    for (const line of [this.#verdicts, this.#news]) {
      for (const { go, timer } of line) {
        clearTimeout(timer);
        go(false);
      }
      line.clear();
    }
  }

  #letIn(): void {
    while (this.#inside < this.#concurrency) {
      const line = this.#verdicts.size > 0 ? this.#verdicts : this.#news;
      const [next] = line;
      if (next === undefined) {
        return;
      }
      line.delete(next);
      clearTimeout(next.timer);
      this.#inside += 1;
      next.go(true);
    }
  }
}
