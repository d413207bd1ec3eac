/**
 * The players of one stream on one shard: who is on which ring, who waits for a keyframe, and which phase is sent at
 * each frame.
 *
 * A stream's rings form a chain: a ring that moved names its successor, and rows go over when they have drained the old
 * one. A ring that ended or died without successor leaves its rows waiting for the next publisher.
 */
import type { RingLease, StreamSettings } from "../../protocol/control/calls.ts";
import { FrameClass } from "../../protocol/flv/classify.ts";
import { RingState } from "../../protocol/ring/ring-layout.ts";
import type { FrameRef, KeyframeRef } from "../../protocol/ring/ring-reader.ts";
import type { SocketRows } from "../io/socket-rows.ts";
import { mergeFactor } from "./merge-policy.ts";
import type { Preamble } from "./preamble.ts";
import { RingView, SendResult } from "./ring-view.ts";
import { RowFlag } from "./row-flags.ts";

/** A waiting player starts without a keyframe after this long: some encoders never send one. */
const NO_KEYFRAME_MS = 10_000;
/** Phases of an audio-only stream follow this timer. */
const AUDIO_TURN_MS = 20;
/** A stream without video frames for this long is paced by its audio. */
const VIDEO_ALIVE_MS = 200;
/** Rows sent between two looks at the clock. */
const ROWS_PER_CLOCK = 16;
const HELD = RowFlag.Waiting | RowFlag.Paused;
const INTERVAL_WEIGHT = 0.1;
const INTERVAL_MAX_MS = 2000;

/** Why a row must be closed. */
export type FanOutEnd = "passed by the ring" | "network error" | "no stream" | "stalled";

/** What a fan-out asks of its shard. */
export interface FanOutHost {
  /** Milliseconds, monotonic. */
  now(): number;
  readonly rows: SocketRows;
  readonly preamble: Preamble;
  /** This thread's number among ring readers. */
  readonly thread: number;
  /** Frames per send that the shard's load asks for. */
  stretch(): number;
  /** Ends a row's session. */
  endRow(row: number, reason: FanOutEnd): void;
  /** Sends re-encoded copies on a row that cannot take ring bytes. */
  sendCopies(view: RingView, row: number): number;
  /** The thread holds no view of the ring any more. */
  ringReleased(ringId: number): void;
  /** Queues the rest of a turn that was cut. */
  continueLater(fanOut: FanOut, phase: number, index: number, step: number): void;
  /** Milliseconds at which the present turn must end. */
  turnEnd(): number;
}

/** A player that waits for a keyframe or for the stream. */
interface Waiter {
  readonly row: number;
  readonly since: number;
}

/** One stream's players on this shard. */
export class FanOut {
  readonly streamId: number;
  readonly key: string;
  readonly settings: StreamSettings;
  readonly #host: FanOutHost;
  /** Oldest first; the last one is current. */
  readonly #views: RingView[] = [];
  #waiters: Waiter[] = [];
  readonly #frame: FrameRef;
  readonly #keyframe: KeyframeRef;
  #phase = 0;
  #intervalMs = 0;
  #lastVideoTimestamp = -1;
  #lastVideoMs = 0;
  #lastTurnMs = 0;
  #messagesPerFrame = 1;
  #factor = 1;
  /** Slow players moved to a keyframe. */
  skips = 0;

  constructor(streamId: number, key: string, settings: StreamSettings, host: FanOutHost) {
    this.streamId = streamId;
    this.key = key;
    this.settings = settings;
    this.#host = host;
    this.#frame = {
      position: 0,
      length: 0,
      timestamp: 0,
      kind: 0,
      headerVersion: 0,
      isKeyframe: false,
    };
    this.#keyframe = { position: 0, timestamp: 0, headerVersion: 0, frame: 0 };
  }

  /** Players here, waiting ones included. */
  get players(): number {
    return this.#views.reduce((sum, view) => sum + view.count, 0) + this.#waiters.length;
  }

  /** Bytes per second of the stream, 0 when not known. */
  get bytesPerSecond(): number {
    return this.#current?.reader.bytesPerSecond ?? 0;
  }

  /** Frames of the merge factor in force. */
  get factor(): number {
    return this.#factor;
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
    this.#startWaiters();
  }

  /** Lets every ring go: the stream is forgotten here. */
  close(): void {
    for (const view of this.#views.splice(0)) {
      this.#release(view);
    }
  }

  /** A player joins: starts at the newest keyframe, or waits. */
  join(row: number): void {
    if (!this.#start(row)) {
      this.#wait(row);
    }
  }

  /** A player leaves, whatever it was doing. */
  leave(row: number): void {
    for (const view of this.#views) {
      view.remove(row);
    }
    if (((this.#flags(row) ?? 0) & RowFlag.Waiting) !== 0) {
      this.#waiters = this.#waiters.filter((waiter) => waiter.row !== row);
    }
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
    const due = this.#lookAtFrames(view);
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
    const isAudioPaced = now - this.#lastVideoMs > VIDEO_ALIVE_MS;
    if (isAudioPaced && now - this.#lastTurnMs >= AUDIO_TURN_MS) {
      this.#lookAtFrames(view);
      this.#sendDue(1);
    }
    if (this.#waiters.length > 0) {
      this.#startWaiters();
    }
  }

  /** Every second: waiting has an end, and old copies are dropped. */
  tickSlow(): void {
    for (const view of this.#views) {
      view.dropRescued();
    }
    const { playWaitMs } = this.settings;
    const now = this.#host.now();
    const isLive = this.#current !== undefined;
    for (const { row, since } of [...this.#waiters]) {
      if (isLive && now - since > NO_KEYFRAME_MS) {
        this.#startAtHead(row);
      } else if (!isLive && playWaitMs > 0 && now - since > playWaitMs) {
        this.#host.endRow(row, "no stream");
      }
    }
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
  continueTurn(phase: number, index: number, step: number): void {
    const view = this.#current;
    if (view !== undefined) {
      this.#sendPhase(view, index, step, phase);
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

  /** Reads the index entries since the last look. @returns video frames among them. */
  #lookAtFrames(view: RingView): number {
    const { reader } = view;
    const count = reader.frameCount;
    const first = view.seenFrames;
    let videoFrames = 0;
    let hasKeyframe = false;
    for (let frame = first; frame !== count; frame = (frame + 1) | 0) {
      if (!reader.readFrame(frame, this.#frame)) {
        continue;
      }
      hasKeyframe ||= this.#frame.isKeyframe;
      if (this.#frame.kind === FrameClass.Keyframe || this.#frame.kind === FrameClass.Inter) {
        videoFrames += 1;
        this.#measureInterval(this.#frame.timestamp);
      }
    }
    const messages = (count - first) | 0;
    view.seenFrames = count;
    if (videoFrames > 0) {
      this.#messagesPerFrame += (messages / videoFrames - this.#messagesPerFrame) * INTERVAL_WEIGHT;
      this.#lastVideoMs = this.#host.now();
    }
    if (hasKeyframe && this.#waiters.length > 0) {
      this.#startWaiters(true);
    }
    return videoFrames;
  }

  #measureInterval(timestamp: number): void {
    const step = (timestamp - this.#lastVideoTimestamp) | 0;
    if (this.#lastVideoTimestamp >= 0 && step > 0 && step < INTERVAL_MAX_MS) {
      this.#intervalMs =
        this.#intervalMs === 0
          ? step
          : this.#intervalMs + (step - this.#intervalMs) * INTERVAL_WEIGHT;
    }
    this.#lastVideoTimestamp = timestamp;
  }

  /** Sends as many phases as frames came; all of them at the most. */
  #sendDue(frames: number): void {
    const now = this.#host.now();
    const isAudioPaced = now - this.#lastVideoMs > VIDEO_ALIVE_MS;
    const pace = {
      frameIntervalMs: isAudioPaced ? AUDIO_TURN_MS : this.#intervalMs,
      messagesPerFrame: isAudioPaced ? 1 : this.#messagesPerFrame,
    };
    this.#factor = mergeFactor(this.settings, pace, this.#host.stretch());
    this.#lastTurnMs = now;
    const k = this.#factor;
    for (let turn = Math.min(frames, k); turn > 0; turn -= 1) {
      this.#phase = (this.#phase + 1) % k;
      for (const view of this.#views) {
        this.#sendPhase(view, this.#phase, k, this.#phase);
      }
    }
  }

  /** Sends rows `index`, `index + step`, … of a view. */
  #sendPhase(view: RingView, index: number, step: number, phase: number): void {
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
          this.#host.continueLater(this, phase, at + step, step);
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

  /** Starts a row at the newest keyframe of the current ring. @returns false when there is none to start at. */
  #start(row: number, atFreshKeyframe = false): boolean {
    const view = this.#current;
    if (view === undefined || view.reader.state !== RingState.Open) {
      return false;
    }
    if (
      !(this.settings.gopCache || atFreshKeyframe) ||
      !view.reader.newestKeyframe(this.#keyframe)
    ) {
      return false;
    }
    const { position, frame } = this.#keyframe;
    const longest = this.settings.gopCacheMaxFrames;
    const frames = (view.reader.frameCount - frame) | 0;
    if (!view.reader.isSafe(position) || (longest > 0 && frames > longest)) {
      return false;
    }
    return this.#begin(view, row, position);
  }

  /** Sends preamble and ring bytes from `position` on. */
  #begin(view: RingView, row: number, position: number): boolean {
    const isGreeted = (this.#flags(row) & RowFlag.Greeted) !== 0;
    const { messageStream } = this.#host.rows.board;
    const bytes = this.#host.preamble.encode(
      view,
      this.#keyframe,
      messageStream[row] ?? 1,
      !isGreeted,
    );
    this.#setFlag(row, RowFlag.Greeted);
    this.#clearFlag(row, RowFlag.Waiting | RowFlag.Skip);
    view.add(row, position);
    if (!this.#host.rows.sendBytes(row, bytes, (view.reader.head | 0) !== (position | 0))) {
      this.#host.endRow(row, "network error");
      return true;
    }
    this.#sendOn(view, row);
    return true;
  }

  #startAtHead(row: number): void {
    const view = this.#current;
    if (view === undefined) {
      return;
    }
    this.#waiters = this.#waiters.filter((waiter) => waiter.row !== row);
    this.#keyframe.position = view.reader.head;
    this.#keyframe.headerVersion = view.reader.headerVersion;
    this.#keyframe.frame = view.reader.frameCount;
    this.#keyframe.timestamp = view.reader.lastTimestamp("video");
    this.#begin(view, row, view.reader.head);
  }

  #wait(row: number): void {
    this.#setFlag(row, RowFlag.Waiting);
    this.#waiters.push({ row, since: this.#host.now() });
    if ((this.#flags(row) & RowFlag.Greeted) !== 0) {
      return;
    }
    this.#setFlag(row, RowFlag.Greeted);
    const { messageStream } = this.#host.rows.board;
    const replies = this.#host.preamble.encodeReplies(
      messageStream[row] ?? 1,
      this.settings.chunkSize,
    );
    if (!this.#host.rows.sendBytes(row, replies)) {
      this.#host.endRow(row, "network error");
    }
  }

  #startWaiters(atFreshKeyframe = false): void {
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
    if (this.#waiters.length > 0) {
      this.#startWaiters();
    }
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
        this.#setFlag(row, RowFlag.Waiting);
        this.#waiters.push({ row, since: this.#host.now() });
      }
    }
  }

  #release(view: RingView): void {
    view.reader.setReader(this.#host.thread, false);
    this.#host.ringReleased(view.ringId);
  }
}
