/**
 * What players say: one decoder for all rows of the shard, loaded from and saved to the row. Pings and acks are
 * answered and counted at once; only a command revives a session, from one compact string, dropped again when it is
 * answered.
 */
import { joinBytes } from "../../protocol/bytes/join-bytes.ts";
import type { Board } from "../../protocol/control/board.ts";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
} from "../../protocol/control/calls.ts";
import { countRefusal } from "../../protocol/control/refusal-counts.ts";
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";
import {
  CONTROL_MESSAGES_BURST,
  CONTROL_MESSAGES_PER_SECOND,
  MESSAGE_BYTES_MAX_BEFORE_IDENTIFY,
} from "../../protocol/limits.ts";
import { ChunkDecoder, type ChunkDecoderSnapshot } from "../../protocol/rtmp/chunk-decoder.ts";
import { type Message, MessageType, UserControlEvent } from "../../protocol/rtmp/message.ts";
import {
  encodeUserControl,
  type PlayOptions,
  type ServerSession,
  type ServerSessionSink,
  type StreamRequest,
} from "../../protocol/rtmp/server-session.ts";
import type { SocketRows } from "../io/socket-rows.ts";
import type { FanOut } from "../stream/fan-out.ts";
import { RowFlag, setFlag } from "../stream/row-flags.ts";
import { readInt32 } from "./bytes.ts";
import { IdentityTexts } from "./identity-texts.ts";
import { type PlayEnd, RECONNECT_TEXT } from "./notices.ts";
import { limitPlay } from "./play-limit.ts";
import type { TakenRow } from "./publisher-host.ts";
import { reviveSession, wholeSession } from "./session-host.ts";
import { switchTrack } from "./track-switch.ts";

const NO_ROOM = "The server has no room for one more stream of this connection.";

/** What the dialogue asks of the players' keeper. */
export interface PlayerDialogueHost {
  readonly rows: SocketRows;
  fanOut(streamId: number): FanOut | undefined;
  admit(question: AdmissionQuestion): Promise<AdmissionAnswer>;
  /** Makes an admitted stream known here. */
  learn(answer: AdmissionAnswer & { allowed: true }): void;
  /** A play ended and its connection stays. */
  playEnded(row: number, play: number): void;
  /** The row is to carry several streams: it leaves the players. */
  share(taken: TakenRow): void;
  /** Ends a player's connection. */
  end(row: number, reason: EndReason, detail: string): void;
}

/** A play that waits for its answer. */
type Asked = Pick<TakenRow["asked"], "messageStream" | "durationMs">;

/** A session that a command brought back and that waits for an answer. */
interface Revived {
  readonly session: ServerSession;
  /** **Owned**: bytes after the command. */
  rest: Uint8Array;
}

/** The protocol side of all players of a shard. */
export class PlayerDialogue implements ServerSessionSink {
  readonly #host: PlayerDialogueHost;
  readonly #board: Board;
  readonly #rows: SocketRows;
  readonly #decoder = new ChunkDecoder({ identified: true });
  /** Each row's session as JSON: one string, no object graph. */
  readonly #sessions = new IdentityTexts();
  /** Decoder states that do not fit their row. */
  readonly #spilled = new Map<number, ChunkDecoderSnapshot>();
  readonly #revived = new Map<number, Revived>();
  /** Inbound messages that are not forgiven yet, of rows that sent any. */
  readonly #inbound = new Map<number, number>();
  /** The row whose bytes are being decoded. */
  #row = -1;
  #session: ServerSession | undefined;
  /** What the row asks for beside the one play that a row can have. */
  #asked: TakenRow["asked"] | undefined;
  #closing: { reason: EndReason; detail: string } | undefined;

  constructor(host: PlayerDialogueHost) {
    this.#host = host;
    this.#rows = host.rows;
    this.#board = host.rows.board;
  }

  /** Rows that are open. */
  get rows(): Iterable<number> {
    return this.#sessions.rows;
  }

  has(row: number): boolean {
    return this.#sessions.has(row);
  }

  /** A row begins with this session; `decoder` where its state did not fit the row. */
  open(row: number, identity: string, decoder: ChunkDecoderSnapshot | null): void {
    this.#sessions.set(row, identity);
    if (decoder !== null) {
      this.#spilled.set(row, decoder);
    }
  }

  /** The row is over. */
  close(row: number): void {
    this.#sessions.delete(row);
    this.#spilled.delete(row);
    this.#revived.delete(row);
    this.#inbound.delete(row);
  }

  /** Every second: as many messages as may come in one are forgiven. */
  tickSlow(): void {
    for (const [row, count] of this.#inbound) {
      if (count > CONTROL_MESSAGES_PER_SECOND) {
        this.#inbound.set(row, count - CONTROL_MESSAGES_PER_SECOND);
      } else {
        this.#inbound.delete(row);
      }
    }
  }

  /** Takes bytes of a row's peer. */
  take(row: number, bytes: Uint8Array): void {
    const revived = this.#revived.get(row);
    if (revived !== undefined) {
      revived.rest = joinBytes([revived.rest, bytes]);
      if (revived.rest.length > MESSAGE_BYTES_MAX_BEFORE_IDENTIFY) {
        this.#host.end(row, "protocol error", "too much input while waiting for an answer");
      }
      return;
    }
    let taken: TakenRow | undefined;
    this.#begin(row, () => {
      const decoder = this.#load(row);
      const consumed = decoder.push(bytes, this.#messages);
      const waiting = this.#session;
      if (waiting?.isWaiting) {
        const rest = bytes.slice(consumed);
        const asked = this.#asked;
        if (asked === undefined) {
          this.#revived.set(row, { session: waiting, rest });
        } else {
          taken = { row, session: wholeSession(waiting, decoder), asked, rest };
        }
      }
      if (this.#sessions.has(row)) {
        this.#save(row, decoder);
      }
    });
    if (taken !== undefined && this.#sessions.has(row)) {
      this.#host.share(taken);
    }
  }

  /** Tells a player something it did not ask for. */
  tell(row: number, { code, description }: PlayEnd): void {
    this.#row = row;
    const messageStream = this.#board.messageStream[row] ?? 1;
    this.#revive(row)?.notify(messageStream, code, description, this);
  }

  /** Asks a player that announced that it understands it to connect again. */
  requestReconnect(row: number): void {
    // Most have not: their session need not be revived to know.
    if (this.#sessions.get(row)?.includes('"capsEx"') === true) {
      this.#begin(row, () => this.#revive(row)?.requestReconnect("", RECONNECT_TEXT, this));
    }
  }

  // --- ServerSessionSink: answers of the row being decoded ---

  write(bytes: Uint8Array): void {
    this.#reply(this.#row, bytes);
  }

  connect(): void {
    this.#closing = { reason: "protocol error", detail: "connect after hand-off" };
  }

  publish(messageStream: number, request: StreamRequest): void {
    if (this.#rows.sharing.hasRoom) {
      this.#asked = { action: "publish", messageStream, request, durationMs: 0 };
    } else {
      countRefusal(this.#board.counters, "plays_max");
      this.#session?.rejectPublish(messageStream, "NetStream.Publish.Failed", NO_ROOM, this);
    }
  }

  play(messageStream: number, request: StreamRequest, { durationMs }: PlayOptions): void {
    const row = this.#row;
    const inode = this.#board.inode[row] ?? -1;
    if (this.#board.stream[row] !== 0) {
      // An earlier play on the same message stream has ended by now: this is another one.
      this.#playBeside({ action: "play", messageStream, request, durationMs });
      return;
    }
    const question: AdmissionQuestion = {
      row,
      action: "play",
      stream: { vhost: request.vhost, app: request.app, stream: request.stream },
      param: request.param,
    };
    // The row may be somebody else's when the answer comes.
    const isSame = (): boolean => this.#board.inode[row] === inode;
    this.#host.admit(question).then(
      (answer) => isSame() && this.#admitted(row, { messageStream, durationMs }, answer),
      (error: unknown) => isSame() && this.#host.end(row, "closed", String(error)),
    );
  }

  #playBeside(asked: TakenRow["asked"]): void {
    if (this.#rows.sharing.hasRoom) {
      this.#asked = asked;
    } else {
      countRefusal(this.#board.counters, "plays_max");
      this.#session?.rejectPlay(asked.messageStream, "NetStream.Play.Failed", NO_ROOM, this);
    }
  }

  media(): void {
    // A player's media is not for anyone.
  }

  closeStream(): void {
    const row = this.#row;
    const fanOut = this.#host.fanOut(this.#board.stream[row] ?? 0);
    if (fanOut?.detach(row) === false) {
      this.#closing = { reason: "passed by the ring", detail: "" };
    }
    fanOut?.leave(row);
    const play = this.#board.play[row] ?? 0;
    this.#board.stream[row] = 0;
    this.#board.play[row] = 0;
    this.#host.playEnded(row, play);
  }

  pause(_messageStream: number, paused: boolean): void {
    const fanOut = this.#host.fanOut(this.#board.stream[this.#row] ?? 0);
    if (fanOut?.pause(this.#row, paused) === false) {
      this.#closing = { reason: "passed by the ring", detail: "" };
    }
  }

  receive(_messageStream: number, kind: "audio" | "video", enabled: boolean): void {
    const fanOut = this.#host.fanOut(this.#board.stream[this.#row] ?? 0);
    if (!switchTrack(this.#rows, fanOut, this.#row, { kind, enabled })) {
      this.#closing = { reason: "passed by the ring", detail: "" };
    }
  }

  // --- inbound ---

  readonly #messages = { message: (message: Message): boolean => this.#message(message) };

  #message(message: Message): boolean {
    const row = this.#row;
    const count = (this.#inbound.get(row) ?? 0) + 1;
    this.#inbound.set(row, count);
    if (count > CONTROL_MESSAGES_BURST) {
      this.#closing = { reason: "protocol error", detail: "too many messages" };
      return false;
    }
    switch (message.type) {
      case MessageType.Acknowledgement:
        this.#board.acknowledged[row] = readInt32(message.payload, 0);
        return true;
      case MessageType.UserControl:
        this.#userControl(row, message.payload);
        return true;
      case MessageType.CommandAmf0:
      case MessageType.CommandAmf3:
        return this.#command(row, message);
      default:
        return true;
    }
  }

  #userControl(row: number, payload: Uint8Array): void {
    const event = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
    if (event === UserControlEvent.PingRequest && payload.length >= 6) {
      this.#reply(
        row,
        encodeUserControl(UserControlEvent.PingResponse, readInt32(payload, 2) >>> 0),
      );
    }
  }

  #command(row: number, message: Message): boolean {
    this.#session ??= this.#revive(row);
    if (this.#session === undefined) {
      return false;
    }
    const goesOn = this.#session.deliver(message, this);
    if (!this.#sessions.has(row)) {
      // It ended by what its command let go out.
      return false;
    }
    if (this.#closing === undefined && !this.#session.isWaiting) {
      this.#sessions.set(row, JSON.stringify(this.#session.snapshotIdentity()));
    }
    return goesOn && this.#closing === undefined;
  }

  #revive(row: number): ServerSession | undefined {
    const text = this.#sessions.get(row);
    return text === undefined ? undefined : reviveSession(text, this.#rows.chunkSize[row] ?? 0);
  }

  #admitted(row: number, { messageStream, durationMs }: Asked, answer: AdmissionAnswer): void {
    const revived = this.#revived.get(row);
    if (revived === undefined) {
      return;
    }
    this.#revived.delete(row);
    this.#begin(row, () => {
      if (answer.allowed) {
        this.#host.learn(answer);
        revived.session.acceptPlay(messageStream, this, true);
        this.#board.stream[row] = answer.streamId;
        this.#board.play[row] = answer.play;
        this.#board.messageStream[row] = messageStream;
        this.#board.flags[row] =
          (this.#board.flags[row] ?? 0) & (RowFlag.Blocked | RowFlag.Pending);
        if (messageStream !== 1) {
          setFlag(this.#board, row, RowFlag.Copied);
        }
        limitPlay(this.#board, row, durationMs);
      } else {
        revived.session.rejectPlay(messageStream, answer.status, answer.description, this);
      }
      this.#sessions.set(row, JSON.stringify(revived.session.snapshotIdentity()));
    });
    if (answer.allowed && this.#sessions.has(row)) {
      this.#host.fanOut(answer.streamId)?.join(row);
    }
    if (revived.rest.length > 0 && this.#sessions.has(row)) {
      this.take(row, revived.rest);
    }
  }

  /** Runs work for one row; what it decides about closing is done at the end. */
  #begin(row: number, work: () => void): void {
    this.#row = row;
    this.#session = undefined;
    this.#asked = undefined;
    this.#closing = undefined;
    try {
      work();
    } catch (error) {
      if (!(error instanceof ProtocolError || error instanceof RejectedError)) {
        throw error;
      }
      this.#closing = { reason: "protocol error", detail: `${error.code}: ${error.message}` };
    }
    this.#session = undefined;
    const closing = this.#closing as { reason: EndReason; detail: string } | undefined;
    if (closing !== undefined) {
      this.#host.end(row, closing.reason, closing.detail);
    }
  }

  #reply(row: number, bytes: Uint8Array): void {
    const fanOut = this.#host.fanOut(this.#board.stream[row] ?? 0);
    if (fanOut?.detach(row) === false) {
      this.#closing = { reason: "passed by the ring", detail: "" };
      return;
    }
    if (!this.#rows.sendBytes(row, bytes)) {
      this.#closing = { reason: "network error", detail: "" };
    }
  }

  /** The shard's decoder with the row's state in it; a state that did not fit its row has a decoder of its own. */
  #load(row: number): ChunkDecoder {
    const spilled = this.#spilled.get(row);
    if (spilled !== undefined) {
      this.#spilled.delete(row);
      return ChunkDecoder.restore(spilled);
    }
    this.#decoder.load(this.#board.readState(row));
    return this.#decoder;
  }

  #save(row: number, decoder: ChunkDecoder): void {
    if (decoder.save(this.#board.readState(row)) < 0) {
      this.#spilled.set(row, decoder.snapshot());
    }
  }
}
