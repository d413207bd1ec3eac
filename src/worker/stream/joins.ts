/**
 * Players of one stream that begin: at the newest keyframe when there is one to start at, else waiting for the next one
 * or for the stream to be live.
 */
import type { StreamSettings } from "../../protocol/control/calls.ts";
import { RingState } from "../../protocol/ring/ring-layout.ts";
import type { KeyframeRef } from "../../protocol/ring/ring-reader.ts";
import type { FanOutHost } from "./fan-out-host.ts";
import type { RingView } from "./ring-view.ts";
import { RowFlag } from "./row-flags.ts";

/** A waiting player starts without a keyframe after this long: some encoders never send one. */
const NO_KEYFRAME_MS = 10_000;

/** What joins work with. */
export interface JoinsOptions {
  readonly host: FanOutHost;
  readonly settings: StreamSettings;
  /** The ring that newcomers read. */
  current(): RingView | undefined;
  /** The row is on the view, its preamble sent: ring bytes may follow. */
  started(view: RingView, row: number): void;
}

/** A player that waits. */
interface Waiter {
  readonly row: number;
  /** Milliseconds, monotonic. */
  readonly since: number;
}

/** Beginning and waiting players of one stream. */
export class Joins {
  readonly #options: JoinsOptions;
  readonly #host: FanOutHost;
  readonly #keyframe: KeyframeRef = { position: 0, timestamp: 0, headerVersion: 0, frame: 0 };
  #waiters: Waiter[] = [];

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
    if (this.#start(row, false)) {
      return;
    }
    this.wait(row);
    if ((this.#flags(row) & RowFlag.Greeted) === 0) {
      this.#greet(row);
    }
  }

  /** Lets a player wait for a keyframe or a publisher. */
  wait(row: number): void {
    this.#change(row, RowFlag.Waiting, 0);
    this.#waiters.push({ row, since: this.#host.now() });
  }

  /** A player is gone. */
  leave(row: number): void {
    if ((this.#flags(row) & RowFlag.Waiting) !== 0) {
      this.#waiters = this.#waiters.filter((waiter) => waiter.row !== row);
    }
  }

  /**
   * Starts whoever can be started.
   * @param atFreshKeyframe A keyframe came just now: without GOP cache players start at that one only.
   */
  startWaiters(atFreshKeyframe: boolean): void {
    const waiters = this.#waiters;
    if (waiters.length === 0) {
      return;
    }
    this.#waiters = [];
    for (const waiter of waiters) {
      const isHeld = (this.#flags(waiter.row) & (RowFlag.Paused | RowFlag.Pending)) !== 0;
      if (isHeld || !this.#start(waiter.row, atFreshKeyframe)) {
        this.#waiters.push(waiter);
      }
    }
  }

  /** Every second: waiting has an end. */
  tickSlow(): void {
    const { playWaitMs } = this.#options.settings;
    const now = this.#host.now();
    const isLive = this.#options.current()?.reader.state === RingState.Open;
    for (const { row, since } of [...this.#waiters]) {
      if (isLive && now - since > NO_KEYFRAME_MS) {
        this.#startAtHead(row);
      } else if (!isLive && playWaitMs > 0 && now - since > playWaitMs) {
        this.#host.endRow(row, "no stream");
      }
    }
  }

  /** Starts a row at the newest keyframe. @returns false when there is none to start at. */
  #start(row: number, atFreshKeyframe: boolean): boolean {
    const view = this.#options.current();
    const { gopCache, gopCacheMaxFrames } = this.#options.settings;
    if (view?.reader.state !== RingState.Open || !(gopCache || atFreshKeyframe)) {
      return false;
    }
    if (!view.reader.newestKeyframe(this.#keyframe)) {
      return false;
    }
    const { position, frame } = this.#keyframe;
    const frames = (view.reader.frameCount - frame) | 0;
    const isTooLong = gopCacheMaxFrames > 0 && frames > gopCacheMaxFrames;
    if (!view.reader.isSafe(position) || isTooLong) {
      return false;
    }
    this.#begin(view, row);
    return true;
  }

  #startAtHead(row: number): void {
    const view = this.#options.current();
    if (view === undefined) {
      return;
    }
    this.leave(row);
    const { reader } = view;
    this.#keyframe.position = reader.head;
    this.#keyframe.headerVersion = reader.headerVersion;
    this.#keyframe.frame = reader.frameCount;
    this.#keyframe.timestamp = reader.lastTimestamp("video");
    this.#begin(view, row);
  }

  /** Puts the row on the view and sends preamble and ring bytes from the keyframe on. */
  #begin(view: RingView, row: number): void {
    const { preamble, rows } = this.#host;
    const { position } = this.#keyframe;
    const messageStream = rows.board.messageStream[row] ?? 1;
    const isGreeted = (this.#flags(row) & RowFlag.Greeted) !== 0;
    const bytes = preamble.encode(view, this.#keyframe, messageStream, !isGreeted);
    this.#change(row, RowFlag.Greeted, RowFlag.Waiting | RowFlag.Skip);
    view.add(row, position);
    const hasMore = (view.reader.head | 0) !== (position | 0);
    if (rows.sendBytes(row, bytes, hasMore)) {
      this.#options.started(view, row);
    } else {
      this.#host.endRow(row, "network error");
    }
  }

  #greet(row: number): void {
    const { preamble, rows } = this.#host;
    this.#change(row, RowFlag.Greeted, 0);
    const messageStream = rows.board.messageStream[row] ?? 1;
    const replies = preamble.encodeReplies(messageStream, this.#options.settings.chunkSize);
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
