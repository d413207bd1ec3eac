/** What the fan-outs of a shard ask of it. */
import type { SocketRows } from "../io/socket-rows.ts";
import type { Preamble } from "./preamble.ts";
import type { RingView } from "./ring-view.ts";

/** The rest of a turn that took too long: rows `index`, `index + step`, … of the current ring. */
export interface CutTurn {
  readonly index: number;
  readonly step: number;
}

/** Who goes on with a cut turn. */
export interface TurnTaker {
  continueTurn(turn: CutTurn): void;
}

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
  continueLater(fanOut: TurnTaker, turn: CutTurn): void;
  /** Milliseconds at which the present turn must end. */
  turnEnd(): number;
}
