/**
 * Connections of one gateway. Whoever says nothing, or drips, holds a descriptor for some seconds; enough of them would
 * take those of everybody else in the process. Reaction: one too many is closed as it comes.
 */

/** Counts connections against a bound. */
export class ConnectionLimit {
  readonly #max: number;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** One more has come; it leaves like the others. @returns false when it is one too many */
  enter(): boolean {
    this.#count += 1;
    return this.#count <= this.#max;
  }

  /** One is gone. */
  leave(): void {
    this.#count -= 1;
  }
}
