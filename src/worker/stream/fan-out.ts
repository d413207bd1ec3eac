/**
 * The players of one stream on one shard: who is on which ring, who waits for a keyframe, and which phase is sent at
 * each frame.
 *
 * A stream's rings form a chain: a ring that moved names its successor, and rows go over when they have drained the old
 * one. A ring that ended or died without successor leaves its rows waiting for the next publisher.
 */
import type { RingLease, StreamSettings } from "../../protocol/control/calls.ts";
import { RingState } from "../../protocol/ring/ring-layout.ts";
import type { CutTurn, FanOutHost } from "./fan-out-host.ts";
import { Joins } from "./joins.ts";
import { RingView, SendResult } from "./ring-view.ts";
import { RowFlag } from "./row-flags.ts";
import { StreamPace } from "./stream-pace.ts";

/** Rows sent between two looks at the clock. */
const ROWS_PER_CLOCK = 16;
const HELD = RowFlag.Waiting | RowFlag.Paused;

/** One stream's players on this shard. */
export class FanOut {
  readonly streamId: number;
  readonly key: string;
  readonly settings: StreamSettings;
  readonly #host: FanOutHost;
  /** Oldest first; the last one is current. */
  readonly #views: RingView[] = [];
  readonly #joins: Joins;
  readonly #pace = new StreamPace();
  #phase = 0;
  /** Slow players moved to a keyframe. */
  skips = 0;

  constructor(streamId: number, key: string, settings: StreamSettings, host: FanOutHost) {
    this.streamId = streamId;
    this.key = key;
    this.settings = settings;
    this.#host = host;
    this.#joins = new Joins({
      host,
      settings,
      current: () => this.#current,
      started: (view, row) => this.#sendOn(view, row),
    });
  }

  /** Players here, waiting ones included. */
  get players(): number {
    return this.#views.reduce((sum, view) => sum + view.count, 0) + this.#joins.waiting;
  }

  /** Bytes per second of the stream, 0 when not known. */
  get bytesPerSecond(): number {
    return this.#current?.reader.bytesPerSecond ?? 0;
  }

  /** A ring that players read from now on. */
  openRing(lease: RingLease): void {
    if (this.#views.some((view) => view.ringId === lease.ringId)) {
      this.#host.ringReleased(lease.ringId);
      return;
    }
    const view = new RingView(lease, this.#host.rows);
    view.reader.setReader(this.#host.thread, true);
    this.#views.push(view);
    // Frames that are there already count for pace only from here on; waiters look at the keyframe index.
    this.#settle();
    this.#joins.startWaiters(false);
  }

  /** Lets every ring go: the stream is forgotten here. */
  close(): void {
    for (const view of this.#views.splice(0)) {
      this.#release(view);
    }
  }

  /** A player joins: starts at the newest keyframe, or waits. */
  join(row: number): void {
    this.#joins.join(row);
  }

  /** A player leaves, whatever it was doing. */
  leave(row: number): void {
    for (const view of this.#views) {
      view.remove(row);
    }
    this.#joins.leave(row);
  }

  /** Stops or resumes a player's media; it resumes at the newest keyframe. */
  pause(row: number, paused: boolean): boolean {
    const view = this.#viewOf(row);
    if (paused) {
      this.#setFlag(row, RowFlag.Paused);
      return view === undefined || this.detach(row);
    }
    this.#clearFlag(row, RowFlag.Paused);
    if (view !== undefined) {
      view.remove(row);
      this.join(row);
    }
    return true;
  }

  /** Makes room for out-of-band bytes: the rest of the message the row stands in is taken out of the ring. */
  detach(row: number): boolean {
    const view = this.#viewOf(row);
    return view === undefined || !view.isInside(row) || view.rescue(row);
  }

  /** The heads may have moved: sends the phases that are due. */
  advance(): void {
    const view = this.#current;
    if (view === undefined) {
      return;
    }
    const due = this.#look(view);
    if (view.reader.state !== RingState.Open) {
      this.#settle();
      return;
    }
    if (due > 0) {
      this.#sendDue(due);
    }
  }

  /** Every tick: nothing is left unsent for longer than the merge factor allows, and turns of audio-only streams. */
  tick(): void {
    const view = this.#current;
    if (view === undefined) {
      return;
    }
    const now = this.#host.now();
    if (view.reader.state !== RingState.Open || this.#views.length > 1) {
      this.#settle();
    }
    if (this.#pace.isTimerDue(now)) {
      this.#look(view);
      this.#sendDue(1);
    }
    this.#joins.startWaiters(false);
  }

  /** Every second: waiting has an end, and old copies are dropped. */
  tickSlow(): void {
    for (const view of this.#views) {
      view.dropRescued();
    }
    this.#joins.tickSlow();
  }

  /** The row's socket has room, or it is its turn: sends what is there. */
  sendRow(row: number): void {
    const view = this.#viewOf(row);
    if (view !== undefined) {
      this.#sendOn(view, row);
    }
  }

  /** A blocked row's lag: skips or asks for a larger ring. */
  checkLag(row: number, unacknowledgedBytes: number, tookBytesLately: boolean): void {
    const view = this.#viewOf(row);
    if (view === undefined || (this.#flags(row) & (HELD | RowFlag.Skip)) !== 0) {
      return;
    }
    const { reader } = view;
    const cursor = this.#host.rows.board.cursor[row] ?? 0;
    const behind = (reader.head - cursor) | 0;
    const rate = Math.max(1, reader.bytesPerSecond);
    const lagMs = ((behind + unacknowledgedBytes) * 1000) / rate;
    const isLate = lagMs > this.settings.queueLengthMs;
    if (!isLate && behind <= reader.wrap / 2) {
      return;
    }
    if (!isLate && tookBytesLately) {
      reader.askForWrap(reader.wrap * 2);
      if (behind <= (reader.wrap / 8) * 5) {
        return;
      }
    }
    this.#skip(view, row);
  }

  /** Goes on with a turn that was cut. */
  continueTurn({ index, step }: CutTurn): void {
    const view = this.#current;
    if (view !== undefined) {
      this.#sendPhase(view, index, step);
    }
  }

  get #current(): RingView | undefined {
    return this.#views.at(-1);
  }

  #viewOf(row: number): RingView | undefined {
    const place = this.#host.rows.board.place[row] ?? -1;
    return this.#views.find((view) => place >= 0 && place < view.count && view.list[place] === row);
  }

  #flags(row: number): number {
    return this.#host.rows.board.flags[row] ?? 0;
  }

  #setFlag(row: number, flag: number): void {
    this.#host.rows.board.flags[row] = this.#flags(row) | flag;
  }

  #clearFlag(row: number, flag: number): void {
    this.#host.rows.board.flags[row] = this.#flags(row) & ~flag;
  }

  /** Looks at what came. @returns video frames. */
  #look(view: RingView): number {
    const { videoFrames, hasKeyframe } = this.#pace.look(view, this.#host.now());
    if (hasKeyframe) {
      this.#joins.startWaiters(true);
    }
    return videoFrames;
  }

  /** Sends as many phases as frames came; all of them at the most. */
  #sendDue(frames: number): void {
    const k = this.#pace.takeTurn(this.settings, this.#host.stretch(), this.#host.now());
    for (let turn = Math.min(frames, k); turn > 0; turn -= 1) {
      this.#phase = (this.#phase + 1) % k;
      for (const view of this.#views) {
        this.#sendPhase(view, this.#phase, k);
      }
    }
  }

  /** Sends rows `index`, `index + step`, … of a view. */
  #sendPhase(view: RingView, index: number, step: number): void {
    const turnEnd = this.#host.turnEnd();
    let sinceClock = 0;
    for (let at = index; at < view.count; at += step) {
      const row = view.list[at] ?? -1;
      const before = view.count;
      this.#sendOn(view, row);
      if (view.count < before) {
        // The row left and another took its place.
        at -= step;
      }
      sinceClock += 1;
      if (sinceClock >= ROWS_PER_CLOCK && at + step < view.count) {
        sinceClock = 0;
        if (this.#host.now() > turnEnd) {
          this.#host.continueLater(this, { index: at + step, step });
          return;
        }
      }
    }
  }

  #sendOn(view: RingView, row: number): void {
    const flags = this.#flags(row);
    if (
      (flags & (HELD | RowFlag.Blocked | RowFlag.Pending | RowFlag.Copied | RowFlag.Skip)) !==
      0
    ) {
      this.#sendSpecial(view, row, flags);
      return;
    }
    this.#conclude(view, row, view.sendRow(row));
  }

  #sendSpecial(view: RingView, row: number, flags: number): void {
    if ((flags & (HELD | RowFlag.Blocked)) !== 0) {
      return;
    }
    if ((flags & RowFlag.Pending) !== 0) {
      const flushed = this.#host.rows.flushPending(row);
      if (flushed === null) {
        this.#host.endRow(row, "network error");
      } else if (flushed) {
        this.#sendOn(view, row);
      } else {
        this.#host.rows.block(row);
      }
      return;
    }
    if ((flags & RowFlag.Skip) !== 0) {
      this.#clearFlag(row, RowFlag.Skip);
      view.remove(row);
      this.join(row);
      return;
    }
    this.#conclude(view, row, this.#host.sendCopies(view, row));
  }

  #conclude(view: RingView, row: number, result: number): void {
    switch (result) {
      case SendResult.Done:
        return;
      case SendResult.Full:
        this.#host.rows.block(row);
        return;
      case SendResult.Behind:
        this.#skip(view, row);
        return;
      case SendResult.Passed:
        this.#host.endRow(row, "passed by the ring");
        return;
      default:
        this.#host.endRow(row, "network error");
    }
  }

  /** Moves a slow player to the newest keyframe, at a message boundary. */
  #skip(view: RingView, row: number): void {
    if (view.isInside(row) && !view.rescue(row)) {
      this.#host.endRow(row, "passed by the ring");
      return;
    }
    const { board } = this.#host.rows;
    board.skips[row] = (board.skips[row] ?? 0) + 1;
    this.skips += 1;
    this.#setFlag(row, RowFlag.Skip);
    if ((this.#flags(row) & RowFlag.Blocked) === 0) {
      this.#sendOn(view, row);
    }
  }

  /** Brings rows of rings that are no longer written to where they belong, and lets drained rings go. */
  #settle(): void {
    for (const view of [...this.#views]) {
      const { state } = view.reader;
      if (state === RingState.Open) {
        continue;
      }
      const next = this.#views.find((other) => other.ringId === view.reader.successorId);
      this.#drain(view, state === RingState.Moved ? next : undefined, state === RingState.Moved);
      const isLast = view === this.#current;
      if (view.count === 0 && (!isLast || state !== RingState.Moved)) {
        this.#views.splice(this.#views.indexOf(view), 1);
        this.#release(view);
      }
    }
    this.#joins.startWaiters(false);
  }

  #drain(view: RingView, next: RingView | undefined, hasMoved: boolean): void {
    for (let at = view.count - 1; at >= 0; at -= 1) {
      const row = view.list[at] ?? -1;
      this.#sendOn(view, row);
      const { board } = this.#host.rows;
      const isStill = view.list[at] === row && at < view.count;
      const isDrained = board.cursor[row] === (view.reader.head | 0) && !view.isInside(row);
      const isPaused = (this.#flags(row) & RowFlag.Paused) !== 0;
      if (!isStill || !(isDrained || isPaused)) {
        continue;
      }
      if (next !== undefined) {
        view.remove(row);
        next.add(row, next.reader.followFrom);
        this.#sendOn(next, row);
      } else if (!hasMoved) {
        view.remove(row);
        this.#joins.wait(row);
      }
    }
  }

  #release(view: RingView): void {
    view.reader.setReader(this.#host.thread, false);
    this.#host.ringReleased(view.ringId);
  }
}
