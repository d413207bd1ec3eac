/** News that is under way to each server, bounded: what waits for its turn, its answer or its repetition. */
export class NewsCount {
  readonly #counts = new Map<string, number>();

  /** @returns false when there are `max` already; else {@link leave} is to be called. @param server Its URL's origin. */
  enter(server: string, max: number): boolean {
    const count = this.#counts.get(server) ?? 0;
    if (count >= max) {
      return false;
    }
    this.#counts.set(server, count + 1);
    return true;
  }

  leave(server: string): void {
    const count = (this.#counts.get(server) ?? 0) - 1;
    if (count > 0) {
      this.#counts.set(server, count);
    } else {
      this.#counts.delete(server);
    }
  }
}
