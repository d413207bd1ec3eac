/** What a publishing connection and its shard tell each other. */
import type { Board } from "../../protocol/control/board.ts";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
} from "../../protocol/control/calls.ts";
import type { ServerSession, StreamRequest } from "../../protocol/rtmp/server-session.ts";
import type { RowSocket, RowSocketSink } from "../io/row-socket.ts";
import type { LiveStream } from "../stream/live-stream.ts";
import type { NewStream } from "../stream/live-streams.ts";
import type { PlaysHost } from "./plays.ts";
import type { PushesHost } from "./pushes.ts";

/** What a publisher asks of its shard. */
export interface PublisherHost extends PushesHost {
  readonly board: Board;
  readonly plays: PlaysHost;
  now(): number;
  /** The connection of a row; sink calls come later. */
  openSocket(row: number, sink: RowSocketSink): RowSocket;
  /** @param row of the connection that writes it. */
  openStream(row: number, what: NewStream): LiveStream;
  closeStream(stream: LiveStream): void;
  admit(question: AdmissionQuestion): Promise<AdmissionAnswer>;
  gone(row: number, reason: EndReason, detail: string): void;
}

/** A connection that was a player's row until it asked for one stream more. */
export interface TakenRow {
  readonly row: number;
  /** Waits for the answer to what was asked. */
  readonly session: ServerSession;
  readonly asked: {
    readonly action: "publish" | "play";
    readonly messageStream: number;
    readonly request: StreamRequest;
    /** Of a play, as in {@link PlayOptions}. */
    readonly durationMs: number;
  };
  /** **Owned**: bytes read and not consumed. */
  readonly rest: Uint8Array;
}
