/** What the fan-outs of a shard ask of it. */
import type { SocketRows } from "../io/socket-rows.ts";
import type { Preamble } from "./preamble.ts";
import type { RingView } from "./ring-view.ts";

/** Who goes on with a turn that took too long. */
export interface TurnTaker {
  continueTurn(): void;
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
  /** Frames per send that the shard's load asks for; 1 or more, not whole. */
  stretch(): number;
  /** Ends a row's session. */
  endRow(row: number, reason: FanOutEnd): void;
  /** Sends re-encoded copies on a row that cannot take ring bytes. */
  sendCopies(view: RingView, row: number): number;
  /** The thread holds no view of the ring any more. */
  ringReleased(ringId: number): void;
  /** Lets a cut turn go on after other work had its chance; asked for once until then. */
  continueLater(fanOut: TurnTaker): void;
  /** Milliseconds at which the present turn must end. */
  turnEnd(): number;
}
