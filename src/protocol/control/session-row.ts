/**
 * A row that stands for a session without a connection of its own, a viewer of HLS: it lies on its packager's board, and
 * both may end it. The primary does when nobody asks under it any more, the packager when it is told to by a call. Only
 * one of them may give the row back: a row that is free twice is given to two.
 */
import type { Board } from "./board.ts";

/** The primary begins a session. @param play its number, above 0, which no other session has. */
export function beginSessionRow(board: Board, row: number, inode: number, play: number): void {
  board.inode[row] = inode;
  board.descriptor[row] = -1;
  // Last, and by it the row is taken back: whoever sees it sees what was stored before.
  Atomics.store(board.play, row, play);
}

/**
 * Ends the session that a row has under this inode.
 * @returns true for one caller only: the row is free, and the caller has to say so. False: another one has ended it.
 */
export function endSessionRow(board: Board, row: number, inode: number): boolean {
  const play = Atomics.load(board.play, row);
  // The row may have been given to another session since; that has another number.
  return (
    play > 0 &&
    board.inode[row] === inode &&
    Atomics.compareExchange(board.play, row, play, 0) === play
  );
}
