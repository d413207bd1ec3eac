/**
 * The players of one stream on one shard: who is on which ring, who waits for a keyframe, and which phase is sent at
 * each frame.
 *
 * A stream's rings form a chain: a ring that moved names its successor, and rows go over when they have drained the old
 * one. A ring that ended or died without successor leaves its rows waiting for the next publisher.
 */
import type { RingLease, StreamSettings } from "../../protocol/control/calls.ts";
import { RingState } from "../../protocol/ring/ring-layout.ts";
import type { FanOutHost } from "./fan-out-host.ts";
import { Joins } from "./joins.ts";
import type { KnownStream } from "./known-streams.ts";
import { judgeLag } from "./lag.ts";
import { RingView, SendResult } from "./ring-view.ts";
import { clearFlag, HELD, RowFlag, SPECIAL, setFlag } from "./row-flags.ts";
import { endOf } from "./send-end.ts";
import { StreamPace } from "./stream-pace.ts";
import { ROWS_PER_CLOCK, Turns } from "./turns.ts";
import { UnsentLimit } from "./unsent-limit.ts";

/** One stream's players on this shard. */
export class FanOut implements KnownStream {
  readonly streamId: number;
  readonly key: string;
  readonly settings: StreamSettings;
  readonly #host: FanOutHost;
  /** Oldest first; the last one is current. */
  readonly #views: RingView[] = [];
  readonly #joins: Joins;
  readonly #pace = new StreamPace();
  readonly #turns: Turns;
  /** There are players, or were a moment ago: writers ring for it. Else nothing here is looked at. */
  #isListening = false;
  /** Slow players moved to a keyframe. */
  skips = 0;
  /** Of the news by which this shard knows the stream. */
  announcement = 0;
  readonly #unsent = new UnsentLimit();

  constructor(streamId: number, key: string, settings: StreamSettings, host: FanOutHost) {
    this.streamId = streamId;
    this.key = key;
    this.settings = settings;
    this.#host = host;
    this.#joins = new Joins({
      host,
      settings,
      current: () => this.#views.at(-1),
      unsentBytes: () => this.#unsent.bytes,
      started: (view, row) => this.#sendOn(view, row),
    });
    this.#turns = new Turns({
      host,
      settings,
      pace: this.#pace,
      views: this.#views,
      send: (view, row) => this.#sendOn(view, row),
    });
  }

  /** Bytes that may wait unsent in a player's socket. */
  get unsentBytes(): number {
    return this.#unsent.bytes;
  }

  get isHurried(): boolean {
    return this.#isListening && !this.#turns.isMerging;
  }

  /** Players here, waiting ones included. */
  get players(): number {
    return this.#views.reduce((sum, view) => sum + view.count, 0) + this.#joins.waiting;
  }

  /** A ring that players read from now on. */
  openRing(lease: RingLease): void {
    if (this.#views.some((view) => view.ringId === lease.ringId)) {
      this.#host.ringReleased(lease.ringId);
      return;
    }
    const view = new RingView(lease, this.#host.rows);
    view.reader.setReader(this.#host.thread, this.#isListening);
    this.#views.push(view);
    this.#settle();
  }

  /** Lets every ring go: the stream is forgotten here. A row that plays something else by now gets its message whole. */
  close(): void {
    for (const view of this.#views) {
      while (view.count > 0) {
        const row = view.list[view.count - 1] ?? -1;
        const isWhole = view.rescue(row);
        view.remove(row);
        if (!isWhole) {
          this.#host.endRow(row, "passed by the ring");
        }
      }
    }
    for (const view of this.#views.splice(0)) {
      this.#release(view);
    }
  }

  /** A player joins: starts at the newest keyframe, or waits. */
  join(row: number): void {
    this.#listen(true);
    this.#joins.join(row);
  }

  /** A player leaves, whatever it was doing; one that stays connected was {@link detach}ed before. */
  leave(row: number): void {
    for (const view of this.#views) {
      view.remove(row);
    }
    this.#joins.leave(row);
  }

  /** A player that stands at a message boundary goes on, where it is, as another row, which is on no ring yet. */
  move(from: number, to: number): void {
    const view = this.#viewOf(from);
    if (view === undefined) {
      this.#joins.move(from, to);
    } else {
      const cursor = this.#host.rows.board.cursor[from] ?? 0;
      view.remove(from);
      view.add(to, cursor);
    }
  }

  /**
   * Stops or resumes a player's media. It goes on where it stopped, or at the newest keyframe when one came since or the
   * place is gone.
   * @returns false when the connection must be reset.
   */
  pause(row: number, paused: boolean): boolean {
    if (paused) {
      setFlag(this.#host.rows.board, row, RowFlag.Paused);
      return this.detach(row);
    }
    if ((this.#flags(row) & RowFlag.Paused) === 0) {
      return true;
    }
    clearFlag(this.#host.rows.board, row, RowFlag.Paused);
    const view = this.#viewOf(row);
    if (view !== undefined) {
      const cursor = this.#host.rows.board.cursor[row] ?? 0;
      if (!view.reader.isSafe(cursor) || view.hasKeyframeAfter(cursor)) {
        setFlag(this.#host.rows.board, row, RowFlag.Skip);
      }
      this.#sendOn(view, row);
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
    const view = this.#views.at(-1);
    if (view === undefined || !this.#isListening) {
      return;
    }
    const due = this.#look(view);
    const isOpen = view.reader.state === RingState.Open;
    if (!isOpen || this.#views.length > 1) {
      this.#settle();
    }
    if (isOpen && due > 0) {
      this.#turns.take(due);
    }
  }

  /** Every tick: nothing is left unsent for longer than the merge factor allows, and turns of audio-only streams. */
  tick(): void {
    const view = this.#views.at(-1);
    if (view === undefined || !this.#isListening) {
      return;
    }
    if (view.reader.state !== RingState.Open || this.#views.length > 1) {
      this.#settle();
    }
    if (this.#pace.isTimerDue(this.#host.now())) {
      this.#look(view);
      this.#turns.take(1);
    }
    this.#joins.startWaiters();
  }

  /** Every second: waiting has an end, old copies are dropped, and sockets hold a second of the stream. */
  tickSlow(): void {
    if (this.players === 0) {
      this.#listen(false);
      this.#settle();
      return;
    }
    this.#unsent.follow(this.#views, this.#host.rows);
    for (const view of this.#views) {
      view.tickSlow();
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
    const verdict = judgeLag({
      share: view.shareBehind(row),
      isLate: view.lagMs(row, unacknowledgedBytes) > this.settings.queueLengthMs,
      tookBytesLately,
      hasKeyframeAhead: view.hasKeyframeAfter(this.#host.rows.board.messageEnd[row] ?? 0),
    });
    if (verdict.mayGrow) {
      view.reader.askForWrap(view.reader.wrap * 2);
    }
    if (verdict.mustSkip) {
      this.#skip(view, row);
    }
  }

  /** How far behind a row is. Units: ms of the stream; 0 for one that waits. */
  lagMs(row: number, unacknowledgedBytes: number): number {
    return this.#viewOf(row)?.lagMs(row, unacknowledgedBytes) ?? 0;
  }

  /** Asks writers to ring for this stream, or to stop. What came while nobody listened counts for nothing. */
  #listen(on: boolean): void {
    if (this.#isListening === on) {
      return;
    }
    this.#isListening = on;
    for (const view of this.#views) {
      view.reader.setReader(this.#host.thread, on);
      view.seenFrames = view.reader.frameCount;
    }
    if (on) {
      this.#pace.skip();
      this.#settle();
      this.#unsent.follow(this.#views, this.#host.rows);
    }
  }

  #viewOf(row: number): RingView | undefined {
    return this.#views.find((view) => view.has(row));
  }

  #flags(row: number): number {
    return this.#host.rows.board.flags[row] ?? 0;
  }

  /** Looks at what came. @returns video frames. */
  #look(view: RingView): number {
    const { videoFrames, hasKeyframe } = this.#pace.look(view, this.#host.now());
    if (hasKeyframe) {
      this.#joins.startWaiters();
    }
    return videoFrames;
  }

  #sendOn(view: RingView, row: number): void {
    const flags = this.#flags(row);
    if ((flags & SPECIAL) === 0) {
      this.#conclude(view, row, view.sendRow(row));
    } else {
      this.#sendSpecial(view, row, flags);
    }
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
    if ((flags & RowFlag.Skip) === 0) {
      this.#conclude(view, row, this.#host.sendCopies(view, row));
    } else {
      this.#skipOn(view, row);
    }
  }

  /** At a boundary: on to the newest keyframe, or to the next one where that lies behind. Never back. */
  #skipOn(view: RingView, row: number): void {
    const { board } = this.#host.rows;
    const isAhead = view.hasKeyframeAfter(((board.cursor[row] ?? 0) - 1) | 0);
    clearFlag(board, row, RowFlag.Skip);
    view.remove(row);
    this.#joins.restart(row, isAhead);
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
      default:
        this.#host.endRow(row, endOf(result));
    }
  }

  /** Moves a slow player to the newest keyframe, at a message boundary. */
  #skip(view: RingView, row: number): void {
    if (!view.rescue(row)) {
      // What it stands in may still go out from the ring; if not, there is no way on.
      if (!view.reader.isSafe(this.#host.rows.board.cursor[row] ?? 0)) {
        this.#host.endRow(row, "passed by the ring");
      }
      return;
    }
    const { board } = this.#host.rows;
    board.skips[row] = (board.skips[row] ?? 0) + 1;
    this.skips += 1;
    setFlag(this.#host.rows.board, row, RowFlag.Skip);
    this.#sendOn(view, row);
  }

  /** Brings rows of rings that are no longer written to where they belong, and lets drained rings go. */
  #settle(): void {
    for (const view of [...this.#views]) {
      const { state, successorId } = view.reader;
      if (state === RingState.Open) {
        continue;
      }
      const isLast = view === this.#views.at(-1);
      const next = this.#views.find((other) => other.ringId === successorId);
      if (state === RingState.Moved && next?.reader.chunkSize === view.reader.chunkSize) {
        this.#drain(view, (row, behind) => this.#follow(row, next, behind));
      } else if (state !== RingState.Moved || !isLast) {
        // Rings come in their order: a successor that is not here by now never comes.
        this.#drain(view, (row) => this.#joins.wait(row));
      } else {
        this.#drain(view, undefined);
      }
      if (view.count === 0 && (!isLast || state !== RingState.Moved)) {
        this.#views.splice(this.#views.indexOf(view), 1);
        this.#release(view);
      }
    }
    this.#joins.startWaiters();
  }

  /** Sends the last of a ring; rows that have it all, or are paused so many bytes behind its end, go on by `move`. */
  #drain(view: RingView, move: ((row: number, behind: number) => void) | undefined): void {
    const { board } = this.#host.rows;
    const head = view.reader.head | 0;
    const turnEnd = this.#host.turnEnd();
    for (let at = view.count - 1; at >= 0; at -= 1) {
      const row = view.list[at] ?? -1;
      this.#sendOn(view, row);
      const isStill = at < view.count && view.list[at] === row;
      const isPaused = (this.#flags(row) & RowFlag.Paused) !== 0;
      const isDrained = board.cursor[row] === head && board.messageEnd[row] === head;
      if (isStill && move !== undefined && (isDrained || isPaused)) {
        view.remove(row);
        move(row, (head - (board.cursor[row] ?? 0)) | 0);
      }
      if (at % ROWS_PER_CLOCK === 0 && this.#host.now() > turnEnd) {
        // The next tick goes on.
        return;
      }
    }
  }

  /** Lets a row go on in the next ring, which begins with the last bytes of its own. */
  #follow(row: number, next: RingView, behind: number): void {
    const from = (next.reader.followFrom - behind) | 0;
    const isThere = behind === 0 || next.reader.messageEnd(from) === from;
    next.add(row, isThere ? from : next.reader.followFrom);
    if (!isThere) {
      setFlag(this.#host.rows.board, row, RowFlag.Skip);
    }
    this.#sendOn(next, row);
  }

  #release(view: RingView): void {
    view.reader.setReader(this.#host.thread, false);
    this.#host.ringReleased(view.ringId);
  }
}
