/**
 * Players that cannot take ring bytes as they are: another message stream than 1, a track switched off, or an end that
 * they asked for. Their messages are copied out of the ring, changed and sent. A slow path for rare clients.
 */
import { joinBytes } from "../../protocol/bytes/join-bytes.ts";
import type { Board } from "../../protocol/control/board.ts";
import { FrameClass } from "../../protocol/flv/classify.ts";
import { newFrameRef } from "../../protocol/ring/frame-index.ts";
import type { Rows } from "../io/rows.ts";
import { type RingView, SendResult } from "../stream/ring-view.ts";
import { RowFlag } from "../stream/row-flags.ts";
import { countPlayed, isPlayedOut } from "./play-limit.ts";

/** Copied at a time, so that one slow client cannot hold a ring's worth. */
const COPY_BYTES_MAX = 256 * 1024;
/** Message stream id in a fmt 0 header with a one-byte basic header (RTMP 1.0 §5.3.1.2.1). */
const MESSAGE_STREAM_OFFSET = 8;
/** What keeps a row on copies. */
const CHANGED =
  RowFlag.NoAudio | RowFlag.NoVideo | RowFlag.NeedsKeyframe | RowFlag.Sharing | RowFlag.Limited;

const AUDIO = new Set<number>([FrameClass.Audio, FrameClass.AudioHeader, FrameClass.AudioConfig]);
const VIDEO = new Set<number>([
  FrameClass.VideoHeader,
  FrameClass.VideoMetadata,
  FrameClass.Keyframe,
  FrameClass.Inter,
  FrameClass.VideoOther,
]);

/** Sends copies of ring messages. */
export class Copies {
  readonly #rows: Rows;
  readonly #isStamped: boolean;
  readonly #board: Board;
  readonly #frame = newFrameRef();

  /** @param isStamped Copies carry the row's own message stream id: RTMP's do. */
  constructor(rows: Rows, isStamped: boolean) {
    this.#rows = rows;
    this.#isStamped = isStamped;
    this.#board = rows.board;
  }

  /** Sends a row the next messages of its view. @returns a {@link SendResult}. */
  send(view: RingView, row: number): number {
    const head = view.reader.head | 0;
    // The last of a play that is over may have had to wait for room.
    while (!isPlayedOut(this.#board, row)) {
      if (((head - (this.#board.cursor[row] ?? 0)) | 0) <= 0) {
        this.#leaveCopies(row);
        return SendResult.Done;
      }
      const result = this.#sendNext(view, row);
      if (result !== SendResult.Done) {
        return result;
      }
    }
    return SendResult.PlayedOut;
  }

  /** Sends so many messages as are copied at a time. */
  #sendNext(view: RingView, row: number): number {
    const { reader } = view;
    const cursor = this.#board.cursor[row] ?? 0;
    const first = reader.isSafe(cursor) ? reader.frameAt(cursor) : -1;
    const bytes = first === -1 ? null : this.#collect(view, row, first);
    if (bytes === null) {
      return SendResult.Behind;
    }
    if (!this.#rows.sendBytes(row, bytes)) {
      return SendResult.Failed;
    }
    const isFull = ((this.#board.flags[row] ?? 0) & RowFlag.Blocked) !== 0;
    return isFull ? SendResult.Full : SendResult.Done;
  }

  /** A row that wants everything, as it is, goes back to the ring's own bytes. */
  #leaveCopies(row: number): void {
    const flags = this.#board.flags[row] ?? 0;
    if ((flags & CHANGED) === 0 && this.#board.messageStream[row] === 1) {
      this.#board.flags[row] = flags & ~RowFlag.Copied;
    }
  }

  /** Whether a row gets frames of this kind. A keyframe ends the wait for one. */
  #wants(row: number, kind: number): boolean {
    const flags = this.#board.flags[row] ?? 0;
    if (AUDIO.has(kind)) {
      return (flags & RowFlag.NoAudio) === 0;
    }
    if (!VIDEO.has(kind)) {
      return true;
    }
    if (kind === FrameClass.Keyframe && (flags & RowFlag.NoVideo) === 0) {
      this.#board.flags[row] = flags & ~RowFlag.NeedsKeyframe;
      return true;
    }
    const isHeader = kind === FrameClass.VideoHeader || kind === FrameClass.VideoMetadata;
    return (flags & RowFlag.NoVideo) === 0 && (isHeader || (flags & RowFlag.NeedsKeyframe) === 0);
  }

  /** Time goes on for a row that asked for so much of it. */
  #count(row: number): void {
    const { kind, timestamp } = this.#frame;
    const isLimited = ((this.#board.flags[row] ?? 0) & RowFlag.Limited) !== 0;
    if (isLimited && (AUDIO.has(kind) || VIDEO.has(kind))) {
      countPlayed(this.#board, row, timestamp);
    }
  }

  /** Copies messages from frame `first` on and moves the cursor past them; null when they are gone. */
  #collect(view: RingView, row: number, first: number): Uint8Array | null {
    const { reader } = view;
    const parts: Uint8Array[] = [];
    let length = 0;
    let cursor = this.#board.cursor[row] ?? 0;
    const end = reader.frameCount;
    for (let frame = first; frame !== end && length < COPY_BYTES_MAX; frame = (frame + 1) >>> 0) {
      if (!reader.readFrame(frame, this.#frame)) {
        return null;
      }
      if (isPlayedOut(this.#board, row)) {
        break;
      }
      cursor = (this.#frame.position + this.#frame.length) | 0;
      this.#count(row);
      if (!this.#wants(row, this.#frame.kind)) {
        continue;
      }
      const bytes = new Uint8Array(this.#frame.length);
      if (!reader.read(this.#frame.position, this.#frame.length, bytes, 0)) {
        return null;
      }
      if (this.#isStamped) {
        const messageStream = this.#board.messageStream[row] ?? 1;
        new DataView(bytes.buffer).setUint32(MESSAGE_STREAM_OFFSET, messageStream, true);
      }
      parts.push(bytes);
      length += bytes.length;
    }
    this.#board.cursor[row] = cursor;
    this.#board.messageEnd[row] = cursor;
    return joinBytes(parts);
  }
}
