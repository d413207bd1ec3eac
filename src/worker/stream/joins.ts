/**
 * Players of one stream that begin: at the newest keyframe when there is one to start at, else waiting for the next one
 * or for the stream to be live.
 */
import type { StreamSettings } from "../../protocol/control/calls.ts";
import { newFrameRef, newKeyframeRef } from "../../protocol/ring/frame-index.ts";
import { RingState } from "../../protocol/ring/ring-layout.ts";
import type { RingReader } from "../../protocol/ring/ring-reader.ts";
import type { FanOutHost } from "./fan-out-host.ts";
import type { RingView } from "./ring-view.ts";
import { RowFlag } from "./row-flags.ts";
import { ROWS_PER_CLOCK } from "./turns.ts";

/** A waiting player starts without a keyframe after this long: some encoders never send one. */
const NO_KEYFRAME_MS = 10_000;
const HELD = RowFlag.Paused | RowFlag.Pending;
const NO_RING = 0;

/** What joins work with. */
export interface JoinsOptions {
  readonly host: FanOutHost;
  readonly settings: StreamSettings;
  /** The ring that newcomers read. */
  current(): RingView | undefined;
  /** Bytes that may wait unsent in a player's socket. */
  unsentBytes(): number;
  /** The row is on the view, its preamble sent: ring bytes may follow. */
  started(view: RingView, row: number): void;
}

/** A player that waits. */
interface Waiter {
  readonly row: number;
  /** Milliseconds, monotonic. */
  readonly since: number;
  /** Where the stream stood. */
  readonly ringId: number;
  readonly frame: number;
  /** It starts at a keyframe that comes later. */
  readonly forNext: boolean;
}

/** Beginning and waiting players of one stream. */
export class Joins {
  readonly #options: JoinsOptions;
  readonly #host: FanOutHost;
  readonly #keyframe = newKeyframeRef();
  readonly #frame = newFrameRef();
  #waiters: Waiter[] = [];
  #wasLive = false;
  /** Milliseconds, monotonic, at which the stream was first seen live, or not live any more. */
  #changedMs = Number.NEGATIVE_INFINITY;

  constructor(options: JoinsOptions) {
    this.#options = options;
    this.#host = options.host;
  }

  /** Players that wait. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** Starts a player, or lets it wait; it has its play replies then. */
  join(row: number): void {
    const view = this.#startingPoint();
    if (view !== undefined && this.#options.settings.gopCache && this.#begin(view, row)) {
      return;
    }
    this.wait(row);
    if ((this.#flags(row) & RowFlag.Greeted) === 0) {
      this.#greet(row);
    }
  }

  /** Starts a player anew, or, where the newest keyframe lies behind it, with the next one. */
  restart(row: number, isKeyframeAhead: boolean): void {
    if (isKeyframeAhead) {
      this.join(row);
    } else {
      this.wait(row, true);
    }
  }

  /** Lets a player wait for a keyframe or a publisher. @param forNext A keyframe that is there already does not do. */
  wait(row: number, forNext = false): void {
    const view = this.#options.current();
    this.#change(row, RowFlag.Waiting, RowFlag.Skip);
    this.#waiters.push({
      row,
      since: this.#host.now(),
      ringId: view?.ringId ?? NO_RING,
      frame: view?.reader.frameCount ?? 0,
      forNext: forNext || !this.#options.settings.gopCache,
    });
  }

  /** A player is gone. */
  leave(row: number): void {
    if ((this.#flags(row) & RowFlag.Waiting) !== 0) {
      this.#change(row, 0, RowFlag.Waiting);
      this.#waiters = this.#waiters.filter((waiter) => waiter.row !== row);
    }
  }

  /** A player that waits does so as another row from now on. */
  move(from: number, to: number): void {
    this.#waiters = this.#waiters.map((waiter) =>
      waiter.row === from ? { ...waiter, row: to } : waiter,
    );
  }

  /** Starts whoever can be started; those for whom this turn has no time come with the next tick. */
  startWaiters(): void {
    const waiters = this.#waiters;
    let view = waiters.length === 0 ? undefined : this.#startingPoint();
    if (view === undefined) {
      return;
    }
    const turnEnd = this.#host.turnEnd();
    this.#waiters = [];
    let started = 0;
    for (const waiter of waiters) {
      const mayStart = view !== undefined && this.#mayStart(waiter, view.reader);
      if (view === undefined || !mayStart || !this.#begin(view, waiter.row)) {
        this.#waiters.push(waiter);
        continue;
      }
      started += 1;
      const isLate = started % ROWS_PER_CLOCK === 0 && this.#host.now() > turnEnd;
      // What was sent may have changed where to start.
      view = isLate ? undefined : this.#startingPoint();
    }
  }

  /** Every second: waiting has an end. */
  tickSlow(): void {
    const { playWaitMs } = this.#options.settings;
    const now = this.#host.now();
    const view = this.#options.current();
    const isLive = view?.reader.state === RingState.Open;
    if (isLive !== this.#wasLive) {
      this.#wasLive = isLive;
      this.#changedMs = now;
    }
    for (const { row, since } of [...this.#waiters]) {
      // Neither wait began before there was a stream, or none any more.
      const waited = now - Math.max(since, this.#changedMs);
      if (!isLive && playWaitMs > 0 && waited > playWaitMs) {
        this.#host.endRow(row, "no stream");
      } else if (isLive && waited > NO_KEYFRAME_MS && (this.#flags(row) & HELD) === 0) {
        this.#startAtHead(view, row);
      }
    }
  }

  /** The ring whose newest keyframe, now in #keyframe, can be started at. */
  #startingPoint(): RingView | undefined {
    const view = this.#options.current();
    if (view?.reader.state !== RingState.Open || !view.reader.newestKeyframe(this.#keyframe)) {
      return undefined;
    }
    const { gopCacheMaxFrames } = this.#options.settings;
    const frames = (view.reader.frameCount - this.#keyframe.frame) | 0;
    return gopCacheMaxFrames > 0 && frames > gopCacheMaxFrames ? undefined : view;
  }

  #mayStart({ row, ringId, frame, forNext }: Waiter, reader: RingReader): boolean {
    if ((this.#flags(row) & HELD) !== 0) {
      return false;
    }
    // What a larger ring took over from the one before it is not new.
    const from = ringId === reader.id ? frame : reader.followFromFrame;
    return !forNext || ((this.#keyframe.frame - from) | 0) >= 0;
  }

  #startAtHead(view: RingView, row: number): void {
    const { reader } = view;
    const { frameCount } = reader;
    const isThere = reader.readFrame((frameCount - 1) >>> 0, this.#frame);
    this.#keyframe.position = reader.head;
    this.#keyframe.headerVersion = reader.headerVersion;
    this.#keyframe.frame = frameCount;
    this.#keyframe.timestamp = isThere ? this.#frame.timestamp : 0;
    this.leave(row);
    if (!this.#begin(view, row)) {
      this.wait(row);
    }
  }

  /**
   * Puts the row on the view and sends preamble and ring bytes from the keyframe on.
   * @returns false when the headers are just being changed: the row goes on waiting.
   */
  #begin(view: RingView, row: number): boolean {
    const { preamble, rows } = this.#host;
    const { position } = this.#keyframe;
    const messageStream = rows.board.messageStream[row] ?? 1;
    const isGreeted = (this.#flags(row) & RowFlag.Greeted) !== 0;
    const bytes = preamble.encode(view, this.#keyframe, messageStream, !isGreeted);
    if (bytes === null) {
      return false;
    }
    this.#change(row, RowFlag.Greeted, RowFlag.Waiting | RowFlag.Skip | RowFlag.NeedsKeyframe);
    view.add(row, position);
    rows.chunkSize[row] = view.reader.chunkSize;
    rows.limitUnsent(row, this.#options.unsentBytes());
    const hasMore = (view.reader.head | 0) !== (position | 0);
    if (rows.sendBytes(row, bytes, hasMore)) {
      this.#options.started(view, row);
    } else {
      this.#host.endRow(row, "network error");
    }
    return true;
  }

  #greet(row: number): void {
    const { preamble, rows } = this.#host;
    const { chunkSize } = this.#options.settings;
    const replies = preamble.encodeReplies(rows.board.messageStream[row] ?? 1, chunkSize);
    if (replies.length === 0) {
      return;
    }
    this.#change(row, RowFlag.Greeted, 0);
    rows.chunkSize[row] = chunkSize;
    if (!rows.sendBytes(row, replies)) {
      this.#host.endRow(row, "network error");
    }
  }

  #flags(row: number): number {
    return this.#host.rows.board.flags[row] ?? 0;
  }

  #change(row: number, set: number, clear: number): void {
    this.#host.rows.board.flags[row] = (this.#flags(row) | set) & ~clear;
  }
}
