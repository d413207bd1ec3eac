/**
 * Whose turn it is: a stream's rows are in k phases and each frame sends one. A round goes through the rows in their
 * order, so that a row's place in it is about the same with every k, and nobody waits longer than the longer of two
 * rounds when k changes. A turn that takes too long is cut between two rows and goes on where it was; what falls due
 * meanwhile is added, at most one round.
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
  readonly send: (view: RingView, row: number) => void;
}

/** The turns of one stream. */
export class Turns implements TurnTaker {
  readonly #options: TurnsOptions;
  readonly #host: FanOutHost;
  /** The merge factor of this round of phases: every row is sent once before it changes. */
  #k = 1;
  #phase = 0;
  /** The round is paced by audio: its phases are much shorter than a video frame. */
  #isAudioPaced = true;
  /** Phases still to be sent. */
  #owed = 0;
  /** Rows still to be sent in the phase that is under way; -1: it has not begun. */
  #quota = -1;
  /** The next row of this round; no view: the first one. */
  #view: RingView | undefined;
  #rowAt = 0;
  /** When the frame was announced whose turn was counted last; see RingReader.wokenAt. */
  #noted = 0;
  /** The rest of the turn is queued with the host. */
  #isCut = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#host = options.host;
  }

  /** Rows wait for their phase: a frame more or less does not matter. */
  get isMerging(): boolean {
    return this.#k > 1;
  }

  /** So many frames came: sends as many phases, all of them at the most; the rest of a round of another pace at once. */
  take(frames: number): void {
    const { pace } = this.#options;
    const now = this.#host.now();
    pace.noteTurn(now);
    const due = pace.isAudioPaced(now) === this.#isAudioPaced ? frames : this.#k - this.#phase;
    this.#owed = Math.min(this.#k, this.#owed + due);
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
      if (this.#quota < 0) {
        this.#quota = Math.ceil(this.#remaining() / (this.#k - this.#phase));
      }
      if (!this.#sendPhase()) {
        this.#isCut = true;
        this.#host.continueLater(this);
        return;
      }
      this.#quota = -1;
      this.#owed -= 1;
      this.#phase += 1;
      if (this.#phase >= this.#k) {
        this.#beginRound();
      }
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
      noteTurn(this.#host.rows.board.turnTimes, elapsedUs >>> 0);
    }
  }

  #beginRound(): void {
    const { pace, settings } = this.#options;
    const now = this.#host.now();
    this.#k = pace.mergeFactor(settings, this.#host.stretch(), now);
    this.#isAudioPaced = pace.isAudioPaced(now);
    this.#phase = 0;
    this.#owed = Math.min(this.#owed, this.#k);
    this.#view = undefined;
    this.#rowAt = 0;
  }

  /** Where the round stands among the views. A view that is gone has left its rows to the one that is first now. */
  #viewAt(): number {
    const at = this.#view === undefined ? 0 : this.#options.views.indexOf(this.#view);
    if (at < 0) {
      this.#rowAt = 0;
    }
    return Math.max(0, at);
  }

  /** Rows that this round has still to send. */
  #remaining(): number {
    const { views } = this.#options;
    let rows = 0;
    for (let at = this.#viewAt(); at < views.length; at += 1) {
      rows += views[at]?.count ?? 0;
    }
    return Math.max(0, rows - this.#rowAt);
  }

  /** The view with the next row of this round; none: all were sent. */
  #nextView(): RingView | undefined {
    const { views } = this.#options;
    let at = this.#viewAt();
    while (at + 1 < views.length && this.#rowAt >= (views[at]?.count ?? 0)) {
      at += 1;
      this.#rowAt = 0;
    }
    this.#view = views[at];
    return this.#rowAt < (this.#view?.count ?? 0) ? this.#view : undefined;
  }

  /** Sends the rest of this phase. @returns false when time is up. */
  #sendPhase(): boolean {
    const { send } = this.#options;
    const turnEnd = this.#host.turnEnd();
    for (let sent = 1; this.#quota > 0; sent += 1) {
      const view = this.#nextView();
      if (view === undefined) {
        return true;
      }
      const row = view.list[this.#rowAt] ?? -1;
      send(view, row);
      this.#quota -= 1;
      if (view.list[this.#rowAt] === row) {
        this.#rowAt += 1;
      }
      // Else the row left and another took its place: that one is next.
      if (sent % ROWS_PER_CLOCK === 0 && this.#host.now() > turnEnd) {
        return false;
      }
    }
    return true;
  }
}
