/** Verdicts that still count: who was allowed to play what, for a short time. */
import { HOOK_CACHE_MAX } from "../../protocol/limits.ts";

/** Verdicts by what was asked. Bounded: the oldest goes. */
export class VerdictCache {
  readonly #until = new Map<string, number>();

  /** @param now Milliseconds, monotonic. */
  has(question: string, now: number): boolean {
    const until = this.#until.get(question);
    if (until !== undefined && until <= now) {
      this.#until.delete(question);
      return false;
    }
    return until !== undefined;
  }

  /** Keeps a verdict until then. */
  keep(question: string, until: number): void {
    this.#until.delete(question);
    if (this.#until.size >= HOOK_CACHE_MAX) {
      const [oldest] = this.#until.keys();
      this.#until.delete(oldest ?? "");
    }
    this.#until.set(question, until);
  }

  /** Nothing counts any more. */
  clear(): void {
    this.#until.clear();
  }
}
