/**
 * Players that cannot take ring bytes as they are: another message stream than 1, or a track switched off. Their
 * messages are copied out of the ring, changed and sent. A slow path for rare clients.
 */
import type { Board } from "../../protocol/control/board.ts";
import { FrameClass } from "../../protocol/flv/classify.ts";
import type { FrameRef } from "../../protocol/ring/ring-reader.ts";
import type { SocketRows } from "../io/socket-rows.ts";
import { type RingView, SendResult } from "../stream/ring-view.ts";
import { RowFlag } from "../stream/row-flags.ts";

/** Copied at a time, so that one slow client cannot hold a ring's worth. */
const COPY_BYTES_MAX = 256 * 1024;
/** Message stream id in a fmt 0 header with a one-byte basic header (RTMP 1.0 §5.3.1.2.1). */
const MESSAGE_STREAM_OFFSET = 8;

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
  readonly #rows: SocketRows;
  readonly #board: Board;
  readonly #frame: FrameRef = {
    position: 0,
    length: 0,
    timestamp: 0,
    kind: 0,
    headerVersion: 0,
    isKeyframe: false,
  };

  constructor(rows: SocketRows) {
    this.#rows = rows;
    this.#board = rows.board;
  }

  /** Sends a row the next messages of its view. @returns a {@link SendResult}. */
  send(view: RingView, row: number): number {
    const { reader } = view;
    const head = reader.head | 0;
    while (((head - (this.#board.cursor[row] ?? 0)) | 0) > 0) {
      const cursor = this.#board.cursor[row] ?? 0;
      const first = reader.isSafe(cursor) ? reader.frameAt(cursor) : -1;
      if (first === -1) {
        return SendResult.Behind;
      }
      const bytes = this.#collect(view, row, first);
      if (bytes === null) {
        return SendResult.Behind;
      }
      if (!this.#rows.sendBytes(row, bytes)) {
        return SendResult.Failed;
      }
      if (((this.#board.flags[row] ?? 0) & RowFlag.Pending) !== 0) {
        return SendResult.Full;
      }
    }
    return SendResult.Done;
  }

  /** Copies messages from frame `first` on and moves the cursor past them; null when they are gone. */
  #collect(view: RingView, row: number, first: number): Uint8Array | null {
    const { reader } = view;
    const flags = this.#board.flags[row] ?? 0;
    const parts: Uint8Array[] = [];
    let length = 0;
    let cursor = this.#board.cursor[row] ?? 0;
    const end = reader.frameCount;
    for (let frame = first; frame !== end && length < COPY_BYTES_MAX; frame = (frame + 1) >>> 0) {
      if (!reader.readFrame(frame, this.#frame)) {
        return null;
      }
      cursor = (this.#frame.position + this.#frame.length) | 0;
      const isOff =
        ((flags & RowFlag.NoAudio) !== 0 && AUDIO.has(this.#frame.kind)) ||
        ((flags & RowFlag.NoVideo) !== 0 && VIDEO.has(this.#frame.kind));
      if (isOff) {
        continue;
      }
      const bytes = new Uint8Array(this.#frame.length);
      if (!reader.read(this.#frame.position, this.#frame.length, bytes, 0)) {
        return null;
      }
      new DataView(bytes.buffer).setUint32(
        MESSAGE_STREAM_OFFSET,
        this.#board.messageStream[row] ?? 1,
        true,
      );
      parts.push(bytes);
      length += bytes.length;
    }
    this.#board.cursor[row] = cursor;
    this.#board.messageEnd[row] = cursor;
    const joined = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
      joined.set(part, offset);
      offset += part.length;
    }
    return joined;
  }
}
