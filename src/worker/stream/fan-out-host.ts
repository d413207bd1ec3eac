/** What the fan-outs of a shard ask of it. */
import type { KeyframeRef } from "../../protocol/ring/ring-reader.ts";
import type { Rows } from "../io/rows.ts";
import type { RingView } from "./ring-view.ts";

/** What a player gets before its first ring bytes. */
export interface PreambleForm {
  /**
   * The preamble of a player that starts at `keyframe` of `view`; `greet`: it has had nothing yet.
   * @returns **Borrowed** until the next call; null while the headers are being changed.
   */
  encode(
    view: RingView,
    keyframe: KeyframeRef,
    messageStream: number,
    greet: boolean,
  ): Uint8Array | null;
  /** What a player gets that has to wait; empty: nothing. */
  encodeReplies(messageStream: number, chunkSize: number): Uint8Array;
}

/** Who goes on with a turn that took too long. */
export interface TurnTaker {
  continueTurn(): void;
}

/** Why a row must be closed. */
export type FanOutEnd =
  | "passed by the ring"
  | "network error"
  | "no stream"
  | "stalled"
  | "duration over";

/** What a fan-out asks of its shard. */
export interface FanOutHost {
  /** Milliseconds, monotonic. */
  now(): number;
  readonly rows: Rows;
  readonly preamble: PreambleForm;
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
