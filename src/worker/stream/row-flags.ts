/** What a shard notes of its rows besides the counters that others read. */
import type { Board } from "../../protocol/control/board.ts";

/** Flags of a player's row; the shard's own. */
export const RowFlag = {
  /** The socket took less than was offered; EPOLLOUT is watched. */
  Blocked: 1,
  /** Out-of-band bytes (replies, the rest of a rescued message) go out before ring bytes; the cursor is at a boundary. */
  Pending: 2,
  /** Waits for a keyframe or for the stream to be live. */
  Waiting: 4,
  /** Play replies were sent already. */
  Greeted: 8,
  Paused: 16,
  /** Gets re-encoded copies: another message stream than 1, or a track switched off. */
  Copied: 32,
  NoAudio: 64,
  NoVideo: 128,
  /** Jumps to the newest keyframe at the next boundary. */
  Skip: 256,
  /** Video was switched on again: gets none before a keyframe. */
  NeedsKeyframe: 512,
  /** Has no socket: shares a connection with other streams and always gets copies. */
  Sharing: 1024,
  /** Asked for so much of the stream and no more: see session/play-limit.ts. */
  Limited: 2048,
  /** Of these: it has had media, `playedTo` tells of what time. */
  Begun: 4096,
} as const;

/** Gets nothing for now. */
export const HELD: number = RowFlag.Waiting | RowFlag.Paused;
/** What keeps a row from getting ring bytes as they are. */
export const SPECIAL: number =
  HELD | RowFlag.Blocked | RowFlag.Pending | RowFlag.Copied | RowFlag.Skip;

/** Sets a flag of a row. */
export function setFlag(board: Board, row: number, flag: number): void {
  board.flags[row] = (board.flags[row] ?? 0) | flag;
}

/** Clears a flag of a row. */
export function clearFlag(board: Board, row: number, flag: number): void {
  board.flags[row] = (board.flags[row] ?? 0) & ~flag;
}
