/**
 * The plays of one connection that carries several streams, each on its own message stream: rows without a descriptor
 * whose messages are copied, whole, into the one queue of the connection. So messages never interleave, and since each
 * begins with a full header no chunk stream remembers anything of another's.
 *
 * The queue has a bound: beyond it the plays wait at a message boundary, and are moved to a keyframe when they fall too
 * far behind, as any slow player is.
 */
import type { AdmissionAnswer, EndReason } from "../../protocol/control/calls.ts";
import { countRefusal } from "../../protocol/control/refusal-counts.ts";
import { PLAYS_PER_CONNECTION_MAX, SHARED_BACKLOG_BYTES_MAX } from "../../protocol/limits.ts";
import { encodeSetChunkSize } from "../../protocol/rtmp/server-session.ts";
import type { Carrier } from "../io/sharing-rows.ts";
import type { SocketRows } from "../io/socket-rows.ts";
import type { FanOut } from "../stream/fan-out.ts";
import { RowFlag } from "../stream/row-flags.ts";
import { limitPlay, movePlayLimit } from "./play-limit.ts";
import { switchTrack, type TrackSwitch } from "./track-switch.ts";

/** A connection that took bytes this recently may have a larger ring. */
const TOOK_LATELY_MS = 2000;
/** What a row brings along when its connection begins to carry several streams. */
const KEPT_FLAGS: number =
  RowFlag.Waiting |
  RowFlag.Greeted |
  RowFlag.Paused |
  RowFlag.NoAudio |
  RowFlag.NoVideo |
  RowFlag.Skip |
  RowFlag.NeedsKeyframe |
  RowFlag.Limited |
  RowFlag.Begun;

/** What plays need of their shard. */
export interface PlaysHost {
  readonly rows: SocketRows;
  now(): number;
  fanOut(streamId: number): FanOut | undefined;
  /** Makes an admitted stream known here. */
  learn(answer: AdmissionAnswer & { allowed: true }): void;
  /** A play ended and its connection stays. */
  playEnded(row: number, play: number): void;
}

/** The connection that they share. */
export interface SharedConnection {
  readonly row: number;
  /** Bytes that the kernel has not taken yet. */
  readonly backlogBytes: number;
  /** Chunk size in force for what is sent. */
  chunkSizeOut: number;
  /** Queues borrowed bytes. */
  queue(bytes: Uint8Array): void;
  /** A play ended for a reason of the server's. */
  playLost(messageStream: number, reason: EndReason): void;
}

/** The plays of one connection. */
export class Plays implements Carrier {
  readonly #host: PlaysHost;
  readonly #rows: SocketRows;
  readonly #connection: SharedConnection;
  /** Row of each message stream that plays. */
  readonly #rowOf = new Map<number, number>();
  #unsentBytes = 0;
  /** Bytes that the peer had acknowledged at the last look, and when that last changed. */
  #taken = 0;
  #takenMs: number;

  constructor(host: PlaysHost, connection: SharedConnection) {
    this.#host = host;
    this.#rows = host.rows;
    this.#connection = connection;
    this.#takenMs = host.now();
  }

  get count(): number {
    return this.#rowOf.size;
  }

  /** Whether one more play may begin; one that may not is counted as refused. */
  takesOneMore(): boolean {
    const hasRoom = this.count < PLAYS_PER_CONNECTION_MAX && this.#rows.sharing.hasRoom;
    if (!hasRoom) {
      countRefusal(this.#rows.board.counters, "plays_max");
    }
    return hasRoom;
  }

  /**
   * Starts an admitted play for which there is room; its replies are sent with everything else that a new player gets.
   * @param durationMs of the stream, after which it ends; 0: it does not.
   */
  open(
    messageStream: number,
    answer: AdmissionAnswer & { allowed: true },
    durationMs: number,
  ): void {
    const row = this.#rows.sharing.allocate(this);
    const { board } = this.#rows;
    board.stream[row] = answer.streamId;
    board.messageStream[row] = messageStream;
    board.play[row] = answer.play;
    board.flags[row] = RowFlag.Copied | RowFlag.Sharing;
    limitPlay(board, row, durationMs);
    this.#rowOf.set(messageStream, row);
    this.#host.learn(answer);
    this.#host.fanOut(answer.streamId)?.join(row);
  }

  /** The connection's own row, which stands at a message boundary, played alone until now: its play goes on here. */
  takeOver(): void {
    const { board, chunkSize } = this.#rows;
    const from = this.#connection.row;
    const streamId = board.stream[from] ?? 0;
    const row = streamId === 0 ? -1 : this.#rows.sharing.allocate(this);
    if (row >= 0) {
      const messageStream = board.messageStream[from] ?? 1;
      const fanOut = this.#host.fanOut(streamId);
      board.stream[row] = streamId;
      board.messageStream[row] = messageStream;
      board.play[row] = board.play[from] ?? 0;
      movePlayLimit(board, from, row);
      board.flags[row] = ((board.flags[from] ?? 0) & KEPT_FLAGS) | RowFlag.Copied | RowFlag.Sharing;
      chunkSize[row] = this.#connection.chunkSizeOut;
      this.#rowOf.set(messageStream, row);
      fanOut?.move(from, row);
      fanOut?.sendRow(row);
    }
    board.flags[from] = 0;
    board.stream[from] = 0;
    board.play[from] = 0;
  }

  /** The client ended a play. */
  close(messageStream: number): void {
    const row = this.#rowOf.get(messageStream);
    if (row !== undefined) {
      const play = this.#rows.board.play[row] ?? 0;
      this.#leave(messageStream, row);
      this.#host.playEnded(this.#connection.row, play);
    }
  }

  /** The connection is over; the primary learns of that by itself. */
  closeAll(): void {
    for (const [messageStream, row] of [...this.#rowOf]) {
      this.#leave(messageStream, row);
    }
  }

  pause(messageStream: number, paused: boolean): void {
    const row = this.#rowOf.get(messageStream);
    if (row !== undefined) {
      this.#fanOutOf(row)?.pause(row, paused);
    }
  }

  switchTrack(messageStream: number, what: TrackSwitch): void {
    const row = this.#rowOf.get(messageStream);
    if (row !== undefined) {
      switchTrack(this.#rows, this.#fanOutOf(row), row, what);
    }
  }

  /** The queue is empty: plays that waited go on. */
  drained(): void {
    for (const row of this.#blockedRows()) {
      this.#rows.unblock(row);
      this.#fanOutOf(row)?.sendRow(row);
    }
  }

  /**
   * Every 100 ms: waiting plays are looked at for lag.
   * @returns milliseconds for which a peer that should have read took nothing, when that is too long; else 0.
   */
  tick(): number {
    const now = this.#host.now();
    const blocked = this.#blockedRows();
    const { board } = this.#rows;
    const { row: own, backlogBytes } = this.#connection;
    if (blocked.length === 0) {
      this.#takenMs = now;
      return 0;
    }
    const inKernel = Math.max(0, this.#rows.unacknowledged(own));
    const unacknowledged = inKernel + backlogBytes;
    const taken = (board.bytesOut[own] ?? 0) - unacknowledged;
    if (taken !== this.#taken) {
      this.#taken = taken;
      this.#takenMs = now;
    }
    const stillFor = now - this.#takenMs;
    for (const row of blocked) {
      const fanOut = this.#fanOutOf(row);
      if (fanOut !== undefined && stillFor > fanOut.settings.playerStallMs) {
        return stillFor;
      }
      // What is on its way belongs to all of them.
      const share = Math.round(unacknowledged / this.count);
      fanOut?.checkLag(row, share, stillFor < TOOK_LATELY_MS);
    }
    return 0;
  }

  // --- Carrier ---

  send(row: number, bytes: Uint8Array): void {
    if (bytes.length === 0) {
      return;
    }
    const connection = this.#connection;
    const chunkSize = this.#rows.chunkSize[row] ?? 0;
    if (chunkSize > 0 && chunkSize !== connection.chunkSizeOut) {
      connection.queue(encodeSetChunkSize(chunkSize));
      connection.chunkSizeOut = chunkSize;
    }
    connection.queue(bytes);
    if (connection.backlogBytes > SHARED_BACKLOG_BYTES_MAX) {
      this.#rows.block(row);
    }
  }

  limitUnsent(bytes: number): void {
    if (bytes > this.#unsentBytes) {
      this.#unsentBytes = bytes;
      this.#rows.limitUnsent(this.#connection.row, bytes);
    }
  }

  ended(row: number, reason: EndReason): void {
    const messageStream = this.#rows.board.messageStream[row] ?? 1;
    if (this.#rowOf.get(messageStream) === row) {
      this.close(messageStream);
      this.#connection.playLost(messageStream, reason);
    }
  }

  #leave(messageStream: number, row: number): void {
    this.#rowOf.delete(messageStream);
    this.#fanOutOf(row)?.leave(row);
    this.#rows.sharing.free(row);
  }

  #fanOutOf(row: number): FanOut | undefined {
    return this.#host.fanOut(this.#rows.board.stream[row] ?? 0);
  }

  #blockedRows(): number[] {
    const { flags } = this.#rows.board;
    return [...this.#rowOf.values()].filter((row) => ((flags[row] ?? 0) & RowFlag.Blocked) !== 0);
  }
}
