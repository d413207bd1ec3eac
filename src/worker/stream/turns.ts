/**
 * Whose turn it is: a stream's rows are in k phases and each frame sends one. A turn that takes too long is cut between
 * two rows and goes on where it was; what falls due meanwhile is added, at most one round.
 */
import type { StreamSettings } from "../../protocol/control/calls.ts";
import { noteTurn } from "../../protocol/control/turn-times.ts";
import type { FanOutHost, TurnTaker } from "./fan-out-host.ts";
import type { RingView } from "./ring-view.ts";
import type { StreamPace } from "./stream-pace.ts";

const MICROSECONDS = 1000;
/** Rows sent between two looks at the clock. */
export const ROWS_PER_CLOCK = 16;

/** What turns work with. */
export interface TurnsOptions {
  readonly host: FanOutHost;
  readonly settings: StreamSettings;
  readonly pace: StreamPace;
  /** The stream's rings, oldest first. Changes as they come and go. */
  readonly views: readonly RingView[];
  /** Sends one row what is there for it; it may leave the view. */
  send(view: RingView, row: number): void;
}

/** The turns of one stream. */
export class Turns implements TurnTaker {
  readonly #options: TurnsOptions;
  readonly #host: FanOutHost;
  /** The merge factor of this round of phases: every row is sent once before it changes. */
  #k = 1;
  #phase = 0;
  /** Phases still to be sent, and where the first of them stands. */
  #owed = 0;
  #viewAt = 0;
  #rowAt = 0;
  /** When the frame was announced whose turn was counted last; see RingReader.wokenAt. */
  #noted = 0;
  /** The rest of the turn is queued with the host. */
  #isCut = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#host = options.host;
  }

  /** So many frames came: sends as many phases, all of them at the most. */
  take(frames: number): void {
    this.#options.pace.noteTurn(this.#host.now());
    this.#owed = Math.min(this.#k, this.#owed + frames);
    if (!this.#isCut) {
      this.#sendOwed();
    }
  }

  /** Goes on with a turn that was cut. */
  continueTurn(): void {
    this.#isCut = false;
    this.#sendOwed();
  }

  #sendOwed(): void {
    while (this.#owed > 0) {
      if (!this.#sendPhase()) {
        this.#isCut = true;
        this.#host.continueLater(this);
        return;
      }
      this.#owed -= 1;
      this.#phase += 1;
      if (this.#phase >= this.#k) {
        this.#beginRound();
      }
      this.#viewAt = 0;
      this.#rowAt = this.#phase;
    }
    this.#note();
  }

  /** A turn is over: one count for all players of it. */
  #note(): void {
    const { views } = this.#options;
    const wokenAt = views[views.length - 1]?.reader.wokenAt ?? 0;
    // A turn without a wake since the last one has nothing new to tell.
    if (wokenAt !== 0 && wokenAt !== this.#noted) {
      this.#noted = wokenAt;
      const elapsedUs = ((this.#host.now() * MICROSECONDS) | 0) - wokenAt;
      noteTurn(this.#host.rows.board.counters, (elapsedUs >>> 0) / MICROSECONDS);
    }
  }

  #beginRound(): void {
    const { pace, settings } = this.#options;
    this.#k = pace.mergeFactor(settings, this.#host.stretch(), this.#host.now());
    this.#phase = 0;
    this.#owed = Math.min(this.#owed, this.#k);
  }

  /** Sends the rest of this phase: rows `phase`, `phase + k`, … of every ring. @returns false when time is up. */
  #sendPhase(): boolean {
    const { views, send } = this.#options;
    const turnEnd = this.#host.turnEnd();
    let sinceClock = 0;
    for (; this.#viewAt < views.length; this.#viewAt += 1, this.#rowAt = this.#phase) {
      const view = views[this.#viewAt];
      while (view !== undefined && this.#rowAt < view.count) {
        const row = view.list[this.#rowAt] ?? -1;
        send(view, row);
        if (view.list[this.#rowAt] === row) {
          this.#rowAt += this.#k;
        }
        // Else the row left and another took its place: that one is next.
        sinceClock += 1;
        if (sinceClock >= ROWS_PER_CLOCK) {
          sinceClock = 0;
          if (this.#host.now() > turnEnd) {
            return false;
          }
        }
      }
    }
    return true;
  }
}
