/** Work that is done one after the other. */

/** Counts what is not done yet, over all chains. */
export class Backlog {
  #count = 0;
  #waiting: (() => void)[] = [];

  /** Pieces of work that are not done. */
  get count(): number {
    return this.#count;
  }

  add(): void {
    this.#count += 1;
  }

  done(): void {
    this.#count -= 1;
    if (this.#count === 0) {
      for (const go of this.#waiting.splice(0)) {
        go();
      }
    }
  }

  /** Resolves when nothing is left. */
  empty(): Promise<void> {
    return this.#count === 0
      ? Promise.resolve()
      : new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }
}

/** One chain. */
export class Chain {
  readonly #backlog: Backlog;
  readonly #works: (() => Promise<void> | void)[] = [];
  #isRunning = false;

  constructor(backlog: Backlog) {
    this.#backlog = backlog;
  }

  /** Nothing is done nor waits. */
  get isIdle(): boolean {
    return !this.#isRunning;
  }

  /** Pieces of work that wait for the one that is done. */
  get length(): number {
    return this.#works.length;
  }

  /** Does `work`, which never rejects, when all before it is done; at once when there is none. */
  add(work: () => Promise<void> | void): void {
    this.#backlog.add();
    this.#works.push(work);
    if (!this.#isRunning) {
      this.#isRunning = true;
      void this.#run();
    }
  }

  async #run(): Promise<void> {
    for (let work = this.#works.shift(); work !== undefined; work = this.#works.shift()) {
      try {
        await work();
      } finally {
        this.#backlog.done();
      }
    }
    this.#isRunning = false;
  }
}
