/**
 * The playing connections of one shard: rows, not objects. Inbound bytes go through one decoder that is loaded from
 * and saved to the row; pings and acks are answered and counted at once, and only a command revives a session, from one
 * compact string, dropped again when it is answered.
 */
import type { Board } from "../../protocol/control/board.ts";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
  Give,
} from "../../protocol/control/calls.ts";
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";
import {
  CONTROL_MESSAGES_BURST,
  MESSAGE_BYTES_MAX_BEFORE_IDENTIFY,
} from "../../protocol/limits.ts";
import { ChunkDecoder, type ChunkDecoderSnapshot } from "../../protocol/rtmp/chunk-decoder.ts";
import { type Message, MessageType, UserControlEvent } from "../../protocol/rtmp/message.ts";
import {
  encodeUserControl,
  type PlayOptions,
  ServerSession,
  type ServerSessionSink,
  type ServerSessionSnapshot,
  type StreamRequest,
} from "../../protocol/rtmp/server-session.ts";
import { Epoll, unacknowledgedBytes } from "../io/native.ts";
import type { SocketRows } from "../io/socket-rows.ts";
import type { FanOut } from "../stream/fan-out.ts";
import { RowFlag } from "../stream/row-flags.ts";
import { sessionHost } from "./session-host.ts";

/** Reads taken from one row in one turn: fairness under a flood. */
const READS_PER_TURN = 4;
/** Unsent bytes allowed in a socket: one second of the stream within these bounds. */
const UNSENT_MIN = 64 * 1024;
const UNSENT_MAX = 1024 * 1024;
/** A player that took bytes this recently may have a larger ring. */
const TOOK_LATELY_MS = 2000;
const MS_MASK = 0x7f_ff_ff_ff;

/** What the players ask of their shard. */
export interface PlayersHost {
  readonly board: Board;
  readonly rows: SocketRows;
  now(): number;
  /** The stream's fan-out; it exists from the primary's news on. */
  fanOut(streamId: number): FanOut | undefined;
  admit(question: AdmissionQuestion): Promise<AdmissionAnswer>;
  /** Makes an admitted stream known here. */
  learn(streamId: number, answer: AdmissionAnswer & { allowed: true }): void;
  gone(row: number, reason: EndReason, detail: string, bytesIn: number, bytesOut: number): void;
}

/** A session that a command brought back and that waits for an answer. */
interface Revived {
  readonly session: ServerSession;
  /** **Owned**: bytes after the command. */
  rest: Uint8Array;
}

/** All players of a shard. */
export class Players implements ServerSessionSink {
  readonly #host: PlayersHost;
  readonly #board: Board;
  readonly #rows: SocketRows;
  readonly #decoder = new ChunkDecoder({ identified: true });
  /** Each row's session as JSON: one string, no object graph. */
  readonly #sessions = new Map<number, string>();
  /** Decoder states that do not fit their row. */
  readonly #spilled = new Map<number, ChunkDecoderSnapshot>();
  readonly #revived = new Map<number, Revived>();
  /** Inbound messages of this second, of rows that sent any. */
  readonly #inbound = new Map<number, number>();
  /** The row whose bytes are being decoded. */
  #row = -1;
  #session: ServerSession | undefined;
  #closing: { reason: EndReason; detail: string } | undefined;
  count = 0;
  stalls = 0;
  resets = 0;

  constructor(host: PlayersHost) {
    this.#host = host;
    this.#board = host.board;
    this.#rows = host.rows;
  }

  /** Takes a given player over and starts it. */
  adopt(give: Give<ServerSessionSnapshot>): void {
    const { row } = give;
    const fanOut = this.#host.fanOut(give.streamId);
    const rate = fanOut?.bytesPerSecond ?? 0;
    const settings = fanOut?.settings;
    this.#rows.adopt(row, {
      noDelay: settings?.tcpNodelay ?? true,
      stallMs: settings?.playerStallMs ?? 0,
      unsentBytes: Math.min(UNSENT_MAX, Math.max(UNSENT_MIN, rate)),
    });
    this.count += 1;
    this.#touch(row);
    this.#board.messageStream[row] = give.messageStream;
    this.#board.stream[row] = give.streamId;
    this.#board.place[row] = -1;
    this.#begin(row, () => {
      const session = ServerSession.restore(give.session, sessionHost);
      session.acceptPlay(give.messageStream, this, true);
      this.#sessions.set(row, JSON.stringify(session.snapshotIdentity()));
      this.#save(row, session.decoder);
    });
    if (give.messageStream !== 1) {
      this.#setFlag(row, RowFlag.Copied);
    }
    fanOut?.join(row);
    if (give.rest.length > 0 && this.#sessions.has(row)) {
      this.#decode(row, give.rest);
    }
  }

  /** Looks at every row with something to read, room to write, or a peer that left. */
  poll(): void {
    const count = this.#rows.poll();
    for (let index = 0; index < count; index += 1) {
      const row = this.#rows.eventRow(index);
      const bits = this.#rows.eventBits(index);
      if (!this.#sessions.has(row)) {
        continue;
      }
      if ((bits & Epoll.Out) !== 0) {
        this.#writable(row);
      }
      const isInbound = (bits & (Epoll.In | Epoll.RdHup | Epoll.Hup | Epoll.Err)) !== 0;
      if (isInbound && this.#sessions.has(row)) {
        this.#readable(row, (bits & (Epoll.Hup | Epoll.Err)) !== 0);
      }
    }
  }

  /** Every 100 ms: rows that are full are looked at for lag and for standing still. */
  checkBlocked(): void {
    const now = this.#host.now();
    for (const row of [...this.#rows.blocked]) {
      const fanOut = this.#host.fanOut(this.#board.stream[row] ?? 0);
      const unacknowledged = unacknowledgedBytes(this.#board.descriptor[row] ?? -1);
      const stillFor = this.#stillFor(row, unacknowledged, now);
      if (fanOut !== undefined && stillFor > fanOut.settings.playerStallMs) {
        this.stalls += 1;
        this.end(row, "stalled", `took nothing for ${Math.round(stillFor)} ms`);
        continue;
      }
      fanOut?.checkLag(row, Math.max(0, unacknowledged), stillFor < TOOK_LATELY_MS);
    }
  }

  /** Every second: message counts start again. */
  tickSlow(): void {
    this.#inbound.clear();
  }

  /** Ends a player's connection. */
  end(row: number, reason: EndReason, detail = ""): void {
    if (!this.#sessions.has(row)) {
      return;
    }
    if (reason === "no stream") {
      this.#tell(row, "NetStream.Play.StreamNotFound", "No such stream.");
    }
    this.#sessions.delete(row);
    this.count -= 1;
    this.#spilled.delete(row);
    this.#revived.delete(row);
    this.#host.fanOut(this.#board.stream[row] ?? 0)?.leave(row);
    const isPassed = reason === "passed by the ring";
    this.resets += isPassed ? 1 : 0;
    const bytesIn = this.#board.bytesIn[row] ?? 0;
    const bytesOut = this.#board.bytesOut[row] ?? 0;
    this.#rows.close(row, isPassed);
    this.#host.gone(row, reason, detail, bytesIn, bytesOut);
  }

  /** Ends every player. */
  endAll(reason: EndReason): void {
    for (const row of [...this.#sessions.keys()]) {
      this.end(row, reason);
    }
  }

  has(row: number): boolean {
    return this.#sessions.has(row);
  }

  // --- ServerSessionSink: answers of the row being decoded ---

  write(bytes: Uint8Array): void {
    this.#reply(this.#row, bytes);
  }

  connect(): void {
    this.#closing = { reason: "protocol error", detail: "connect after hand-off" };
  }

  publish(messageStream: number): void {
    const text = "A connection that plays cannot publish.";
    this.#session?.rejectPublish(messageStream, "NetStream.Publish.BadName", text, this);
  }

  play(messageStream: number, request: StreamRequest, _options: PlayOptions): void {
    const row = this.#row;
    const question: AdmissionQuestion = {
      row,
      action: "play",
      stream: { vhost: request.vhost, app: request.app, stream: request.stream },
      param: request.param,
    };
    this.#host.admit(question).then(
      (answer) => this.#admitted(row, messageStream, answer),
      (error: unknown) => this.end(row, "closed", String(error)),
    );
  }

  media(): void {
    // A player's media is not for anyone.
  }

  closeStream(): void {
    this.#host.fanOut(this.#board.stream[this.#row] ?? 0)?.leave(this.#row);
    this.#board.stream[this.#row] = 0;
  }

  pause(_messageStream: number, paused: boolean): void {
    const fanOut = this.#host.fanOut(this.#board.stream[this.#row] ?? 0);
    if (fanOut?.pause(this.#row, paused) === false) {
      this.#closing = { reason: "passed by the ring", detail: "" };
    }
  }

  receive(_messageStream: number, kind: "audio" | "video", enabled: boolean): void {
    const flag = kind === "audio" ? RowFlag.NoAudio : RowFlag.NoVideo;
    const { flags } = this.#board;
    const row = this.#row;
    flags[row] = enabled ? (flags[row] ?? 0) & ~flag : (flags[row] ?? 0) | flag;
    if (!enabled) {
      this.#host.fanOut(this.#board.stream[row] ?? 0)?.detach(row);
      this.#setFlag(row, RowFlag.Copied);
    }
  }

  // --- inbound ---

  #readable(row: number, isBroken: boolean): void {
    for (let reads = 0; reads < READS_PER_TURN; reads += 1) {
      const bytes = this.#rows.read(row);
      if (bytes === null) {
        break;
      }
      if (bytes.length === 0) {
        this.end(row, "closed by peer");
        return;
      }
      this.#decode(row, bytes);
      if (!this.#sessions.has(row)) {
        return;
      }
    }
    if (isBroken) {
      this.end(row, "network error");
    }
  }

  #writable(row: number): void {
    this.#touch(row);
    this.#rows.unblock(row);
    this.#host.fanOut(this.#board.stream[row] ?? 0)?.sendRow(row);
    const isPending = ((this.#board.flags[row] ?? 0) & RowFlag.Pending) !== 0;
    if (this.#sessions.has(row) && isPending) {
      this.#flushPending(row);
    }
  }

  #flushPending(row: number): void {
    const flushed = this.#rows.flushPending(row);
    if (flushed === null) {
      this.end(row, "network error");
    } else if (!flushed) {
      this.#rows.block(row);
    }
  }

  #decode(row: number, bytes: Uint8Array): void {
    const revived = this.#revived.get(row);
    if (revived !== undefined) {
      revived.rest = concatenate(revived.rest, bytes);
      if (revived.rest.length > MESSAGE_BYTES_MAX_BEFORE_IDENTIFY) {
        this.end(row, "protocol error", "too much input while waiting for an answer");
      }
      return;
    }
    this.#begin(row, () => {
      const decoder = this.#load(row);
      const consumed = decoder.push(bytes, this.#messages);
      const waiting = this.#session;
      if (waiting?.isWaiting) {
        this.#revived.set(row, { session: waiting, rest: bytes.slice(consumed) });
      }
      this.#save(row, decoder);
    });
  }

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
    if (this.#closing === undefined && !this.#session.isWaiting) {
      this.#sessions.set(row, JSON.stringify(this.#session.snapshotIdentity()));
    }
    return goesOn && this.#closing === undefined;
  }

  #revive(row: number): ServerSession | undefined {
    const text = this.#sessions.get(row);
    if (text === undefined) {
      return undefined;
    }
    const snapshot: ServerSessionSnapshot = { identity: JSON.parse(text) };
    return ServerSession.restore(snapshot, sessionHost, new ChunkDecoder({ identified: true }));
  }

  #admitted(row: number, messageStream: number, answer: AdmissionAnswer): void {
    const revived = this.#revived.get(row);
    if (revived === undefined) {
      return;
    }
    this.#revived.delete(row);
    this.#begin(row, () => {
      if (answer.allowed) {
        this.#host.learn(answer.streamId, answer);
        this.#host.fanOut(this.#board.stream[row] ?? 0)?.leave(row);
        revived.session.acceptPlay(messageStream, this, true);
        this.#board.stream[row] = answer.streamId;
        this.#board.messageStream[row] = messageStream;
        this.#board.flags[row] =
          (this.#board.flags[row] ?? 0) & (RowFlag.Blocked | RowFlag.Pending);
        if (messageStream !== 1) {
          this.#setFlag(row, RowFlag.Copied);
        }
      } else {
        revived.session.rejectPlay(messageStream, answer.status, answer.description, this);
      }
      this.#sessions.set(row, JSON.stringify(revived.session.snapshotIdentity()));
    });
    if (answer.allowed && this.#sessions.has(row)) {
      this.#host.fanOut(answer.streamId)?.join(row);
    }
    if (revived.rest.length > 0 && this.#sessions.has(row)) {
      this.#decode(row, revived.rest);
    }
  }

  /** Runs work for one row; what it decides about closing is done at the end. */
  #begin(row: number, work: () => void): void {
    this.#row = row;
    this.#session = undefined;
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
      this.end(row, closing.reason, closing.detail);
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

  #tell(row: number, code: string, description: string): void {
    this.#row = row;
    const text = this.#sessions.get(row);
    if (text === undefined) {
      return;
    }
    this.#revive(row)?.notify(this.#board.messageStream[row] ?? 1, code, description, this);
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

  #setFlag(row: number, flag: number): void {
    this.#board.flags[row] = (this.#board.flags[row] ?? 0) | flag;
  }

  #touch(row: number): void {
    this.#board.progress[row] = this.#host.now() & MS_MASK;
  }

  /** Milliseconds for which the peer has acknowledged nothing. */
  #stillFor(row: number, unacknowledged: number, now: number): number {
    const { bytesOut, taken, progress } = this.#board;
    const acknowledged = ((bytesOut[row] ?? 0) - Math.max(0, unacknowledged)) | 0;
    if (taken[row] !== acknowledged) {
      taken[row] = acknowledged;
      this.#touch(row);
    }
    return ((now & MS_MASK) - (progress[row] ?? 0)) & MS_MASK;
  }
}

function readInt32(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) << 24) |
    ((bytes[offset + 1] ?? 0) << 16) |
    ((bytes[offset + 2] ?? 0) << 8) |
    (bytes[offset + 3] ?? 0)
  );
}

function concatenate(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
