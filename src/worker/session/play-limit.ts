/**
 * Plays that asked for so much of the stream and no more (`play` with a duration). They get copies, message by message,
 * so that the end is exact; who gives no duration pays nothing.
 */
import type { Board } from "../../protocol/control/board.ts";
import { clearFlag, RowFlag, setFlag } from "../stream/row-flags.ts";

/** A time that lies so far before the newest one belongs to another time line: time is counted from there. */
const REBASE_MS = 10_000;

/** The play that begins on a row ends when it has had so much. @param durationMs 0: it does not end. */
export function limitPlay(board: Board, row: number, durationMs: number): void {
  board.leftMs[row] = durationMs;
  clearFlag(board, row, RowFlag.Begun);
  if (durationMs > 0) {
    setFlag(board, row, RowFlag.Limited | RowFlag.Copied);
  }
}

/** The play of a row goes on as another row. */
export function movePlayLimit({ leftMs, playedTo }: Board, from: number, to: number): void {
  leftMs[to] = leftMs[from] ?? 0;
  playedTo[to] = playedTo[from] ?? 0;
}

/** A limited row gets media of this time: what lies between it and what it had before counts, as far as time goes on. */
export function countPlayed(board: Board, row: number, timestamp: number): void {
  const { leftMs, playedTo } = board;
  const hasBegun = ((board.flags[row] ?? 0) & RowFlag.Begun) !== 0;
  const step = hasBegun ? (timestamp - (playedTo[row] ?? 0)) | 0 : 0;
  if (step > 0) {
    leftMs[row] = (leftMs[row] ?? 0) - step;
  }
  // Audio and video may lie a little behind one another.
  if (!hasBegun || step > 0 || step < -REBASE_MS) {
    playedTo[row] = timestamp;
    setFlag(board, row, RowFlag.Begun);
  }
}

/** True when a row has had all that it asked for. */
export function isPlayedOut({ flags, leftMs }: Board, row: number): boolean {
  return ((flags[row] ?? 0) & RowFlag.Limited) !== 0 && (leftMs[row] ?? 0) <= 0;
}
