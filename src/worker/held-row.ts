/** Rows between hand-off and takeover: calls come on another port than hand-offs, and may overtake them. */
import { setTimeout as delay } from "node:timers/promises";
import { type Board, RowState } from "../protocol/control/board.ts";

const LOOK_MS = 5;

/**
 * Resolves when a row with this inode is not on its way to this thread: it is held, or has become somebody else's.
 * The caller of whoever waits here has a time limit of its own.
 * @returns whether the row still has the inode
 */
export async function whenHeld(board: Board, row: number, inode: number): Promise<boolean> {
  const isSame = (): boolean => board.inode[row] === inode;
  while (isSame() && Atomics.load(board.state, row) === RowState.Given) {
    await delay(LOOK_MS, undefined, { ref: false });
  }
  return isSame();
}
