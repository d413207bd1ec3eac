/**
 * What the primary sends, in order, a turn at a time: a storm of joins must not keep the players that are served already
 * waiting for their next frame.
 */

/** What the intake works with. */
export interface IntakeOptions<Message> {
  readonly take: (message: Message) => void;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
  /** Runs a function in a later turn of the loop. */
  readonly later: (next: () => void) => void;
  /** A turn ends after this. */
  readonly turnMs: number;
}

/** Messages that wait for their turn. */
export class Intake<Message> {
  readonly #options: IntakeOptions<Message>;
  #waiting: Message[] = [];

  constructor(options: IntakeOptions<Message>) {
    this.#options = options;
  }

  /** Takes as many as one turn allows; the rest follows in later ones. */
  push(messages: readonly Message[]): void {
    const isWorking = this.#waiting.length > 0;
    this.#waiting = this.#waiting.concat(messages);
    if (!isWorking) {
      this.#work();
    }
  }

  #work(): void {
    const { take, now, later, turnMs } = this.#options;
    const turnEnd = now() + turnMs;
    let taken = 0;
    for (const message of this.#waiting) {
      take(message);
      taken += 1;
      if (now() > turnEnd) {
        break;
      }
    }
    this.#waiting = this.#waiting.slice(taken);
    if (this.#waiting.length > 0) {
      later(() => this.#work());
    }
  }
}
