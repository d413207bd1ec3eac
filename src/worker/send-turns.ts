/** The shard's turns of sending: when the present one must end, how long they take, and those that were cut. */
import { monotonicMs } from "./io/clock.ts";
import type { LoadMeter } from "./load-meter.ts";
import type { TurnTaker } from "./stream/fan-out-host.ts";

/** A turn of sends is cut after this. */
const TURN_MS = 4;

/** Bounds turns and goes on with what was cut. */
export class SendTurns {
  readonly #meter: LoadMeter;
  readonly #begins: () => void;
  readonly #cut: TurnTaker[] = [];
  #isContinuing = false;
  /** Milliseconds, monotonic, at which the present turn must end. */
  end = 0;

  /** @param begins Called before each turn. */
  constructor(meter: LoadMeter, begins: () => void) {
    this.#meter = meter;
    this.#begins = begins;
  }

  /** Begins a turn. @returns what {@link finish} is given. */
  begin(): number {
    this.#begins();
    this.end = monotonicMs() + TURN_MS;
    return performance.now();
  }

  /** The turn that began then is over: its time counts as sending. */
  finish(began: number): void {
    this.#meter.addSending(performance.now() - began);
  }

  /** Lets a cut turn go on after other work had its chance. */
  continueLater(taker: TurnTaker): void {
    this.#cut.push(taker);
    if (!this.#isContinuing) {
      this.#isContinuing = true;
      setImmediate(() => this.#continue());
    }
  }

  #continue(): void {
    this.#isContinuing = false;
    const began = this.begin();
    for (const taker of this.#cut.splice(0)) {
      taker.continueTurn();
    }
    this.finish(began);
  }
}
