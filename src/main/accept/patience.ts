/** How long a newcomer may take. The time in which others decide about it is not its own. */

/** One newcomer's. Times in milliseconds by one clock. */
export class Patience {
  #until: number;
  #waitsSince: number | undefined;

  constructor(until: number) {
    this.#until = until;
  }

  /** Somebody decides about it. */
  get isWaiting(): boolean {
    return this.#waitsSince !== undefined;
  }

  /** It has another deadline from now on. */
  set(until: number): void {
    this.#until = until;
  }

  /** Somebody begins to decide (true), or has decided. @returns false when that was so already. */
  wait(isWaiting: boolean, now: number): boolean {
    if (isWaiting === this.isWaiting) {
      return false;
    }
    this.#until += now - (this.#waitsSince ?? now);
    this.#waitsSince = isWaiting ? now : undefined;
    return true;
  }

  isOver(now: number): boolean {
    return now > this.#until && !this.isWaiting;
  }
}
