/**
 * A publishing connection on its shard: the protocol machine between the socket and the live streams it feeds.
 * One connection may publish several streams, each on its own message stream.
 */
import { type Board, RowState } from "../../protocol/control/board.ts";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
  GivePublisher,
  RingLease,
  StreamSettings,
  TimelineEnd,
} from "../../protocol/control/calls.ts";
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";
import { CONTROL_BACKLOG_BYTES_MAX } from "../../protocol/limits.ts";
import { type Message, MessageType } from "../../protocol/rtmp/message.ts";
import {
  ServerSession,
  type ServerSessionSink,
  type ServerSessionSnapshot,
  type StreamRequest,
} from "../../protocol/rtmp/server-session.ts";
import { PublisherSocket } from "../io/publisher-socket.ts";
import type { LiveStream } from "../stream/live-stream.ts";
import { sessionHost } from "./session-host.ts";

/** What a publisher asks of its shard. */
export interface PublisherHost {
  readonly board: Board;
  now(): number;
  openStream(publisher: Publisher, what: NewStream): LiveStream;
  closeStream(stream: LiveStream): void;
  admit(question: AdmissionQuestion): Promise<AdmissionAnswer>;
  gone(publisher: Publisher, reason: EndReason, detail: string): void;
}

/** A stream that the primary has admitted. */
export interface NewStream {
  readonly streamId: number;
  readonly settings: StreamSettings;
  readonly lease: RingLease;
  /** The end of the time line to go on from. */
  readonly previous: TimelineEnd | null;
}

interface Published {
  readonly stream: LiveStream;
  readonly settings: StreamSettings;
}

const NOTHING = new Uint8Array(0);

/** One publishing connection. */
export class Publisher implements ServerSessionSink {
  readonly row: number;
  readonly connectionId: string;
  readonly #host: PublisherHost;
  readonly #session: ServerSession;
  readonly #socket: PublisherSocket;
  readonly #published = new Map<number, Published>();
  /** **Owned**: bytes read while a decision was pending. */
  #rest: Uint8Array = NOTHING;
  #lastMediaMs: number;
  #idleSinceMs: number;
  #hasMedia = false;
  #reason: EndReason | undefined;
  #detail = "";
  #isClosed = false;

  constructor(
    give: GivePublisher<ServerSessionSnapshot>,
    settings: StreamSettings,
    host: PublisherHost,
  ) {
    this.row = give.row;
    this.connectionId = give.connectionId;
    this.#host = host;
    this.#lastMediaMs = host.now();
    this.#idleSinceMs = this.#lastMediaMs;
    Atomics.store(host.board.state, give.row, RowState.Held);
    this.#session = ServerSession.restore(give.session, sessionHost);
    this.#socket = new PublisherSocket(host.board.descriptor[give.row] ?? -1, {
      read: (bytes) => this.#read(bytes),
      closed: (error) => this.#closed(error),
    });
    const { streamId, lease, previous } = give;
    this.#open(give.messageStream, { streamId, settings, lease, previous });
    if (give.rest.length > 0) {
      this.#consume(give.rest);
    }
  }

  /** Streams being published, for the shard's tables. */
  *streams(): Iterable<LiveStream> {
    for (const { stream } of this.#published.values()) {
      yield stream;
    }
  }

  /** The larger ring of `stream` is there: what waited is written and reading goes on. */
  ringInstalled(): void {
    if (!this.#isFull() && !this.#session.isWaiting) {
      this.#continue();
    }
  }

  /** Every 100 ms: publishers that send nothing are ended. */
  tick(playersOf: (streamId: number) => number): void {
    const now = this.#host.now();
    for (const { stream, settings } of this.#published.values()) {
      const limit = this.#hasMedia ? settings.normalTimeoutMs : settings.firstPacketTimeoutMs;
      if (now - this.#lastMediaMs > limit) {
        this.end("no media", `nothing for ${Math.round(now - this.#lastMediaMs)} ms`);
        return;
      }
      if (playersOf(stream.streamId) > 0) {
        this.#idleSinceMs = now;
      } else if (
        settings.kickoffForIdleMs > 0 &&
        now - this.#idleSinceMs > settings.kickoffForIdleMs
      ) {
        this.end("nobody watches", `for ${Math.round(now - this.#idleSinceMs)} ms`);
        return;
      }
    }
  }

  /** Ends the connection from the server's side; replies on their way still go out. */
  end(reason: EndReason, detail: string): void {
    if (this.#reason === undefined) {
      this.#reason = reason;
      this.#detail = detail;
    }
    for (const messageStream of [...this.#published.keys()]) {
      this.#session.endPublish(messageStream, this);
    }
    this.#closeStreams();
    Atomics.store(this.#host.board.state, this.row, RowState.Closing);
    this.#socket.end();
  }

  // --- ServerSessionSink ---

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
    const { bytesOut } = this.#host.board;
    bytesOut[this.row] = (bytesOut[this.row] ?? 0) + bytes.length;
    if (this.#socket.backlogBytes > CONTROL_BACKLOG_BYTES_MAX) {
      this.#fail("protocol error", "reads no replies");
    }
  }

  connect(): void {
    this.#fail("protocol error", "connect after hand-off");
  }

  publish(messageStream: number, request: StreamRequest): void {
    this.#socket.pause();
    const question: AdmissionQuestion = {
      row: this.row,
      action: "publish",
      stream: { vhost: request.vhost, app: request.app, stream: request.stream },
      param: request.param,
    };
    this.#host.admit(question).then(
      (answer) => this.#admitted(messageStream, answer),
      (error: unknown) => this.#fail("closed", String(error)),
    );
  }

  play(messageStream: number): void {
    const text = "A connection that publishes cannot play.";
    this.#session.rejectPlay(messageStream, "NetStream.Play.Failed", text, this);
  }

  media(messageStream: number, message: Message): void {
    const published = this.#published.get(messageStream);
    if (published === undefined) {
      return;
    }
    this.#lastMediaMs = this.#host.now();
    if (message.type !== MessageType.DataAmf0) {
      this.#hasMedia = true;
    }
    published.stream.append(message);
  }

  closeStream(messageStream: number): void {
    const published = this.#published.get(messageStream);
    if (published !== undefined) {
      this.#published.delete(messageStream);
      this.#host.closeStream(published.stream);
    }
  }

  pause(): void {
    // A publisher has nothing to pause; the session has answered.
  }

  receive(): void {
    // As for pause.
  }

  // --- socket ---

  #read(bytes: Uint8Array): boolean {
    const { board } = this.#host;
    board.bytesIn[this.row] = (board.bytesIn[this.row] ?? 0) + bytes.length;
    board.progress[this.row] = this.#host.now() & 0x7f_ff_ff_ff;
    return this.#consume(bytes);
  }

  /** @returns false when reading should stop for now. */
  #consume(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#reason !== undefined) {
      return true;
    }
    try {
      const consumed = this.#session.push(bytes, this);
      if (consumed < bytes.length) {
        this.#rest = bytes.slice(consumed);
      }
    } catch (error) {
      if (error instanceof RejectedError) {
        // The session has written the refusal.
        this.end("closed", error.message);
        return true;
      }
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#fail("protocol error", `${error.code}: ${error.message}`);
      return true;
    }
    for (const { stream } of this.#published.values()) {
      stream.flush();
    }
    const mustWait = this.#session.isWaiting || this.#isFull();
    if (mustWait) {
      this.#socket.pause();
    }
    return !mustWait;
  }

  #continue(): void {
    const rest = this.#rest;
    this.#rest = NOTHING;
    if (rest.length === 0 || this.#consume(rest)) {
      this.#socket.resume();
    }
  }

  #isFull(): boolean {
    for (const { stream } of this.#published.values()) {
      if (stream.isFull) {
        return true;
      }
    }
    return false;
  }

  #admitted(messageStream: number, answer: AdmissionAnswer): void {
    if (this.#isClosed) {
      return;
    }
    if (answer.allowed && answer.lease !== null) {
      const { streamId, settings, lease, previous } = answer;
      this.#hasMedia = false;
      this.#lastMediaMs = this.#host.now();
      this.#open(messageStream, { streamId, settings, lease, previous });
    } else if (!answer.allowed) {
      this.#session.rejectPublish(messageStream, answer.status, answer.description, this);
    }
    this.#continue();
  }

  #open(messageStream: number, what: NewStream): void {
    const stream = this.#host.openStream(this, what);
    this.#published.set(messageStream, { stream, settings: what.settings });
    this.#session.acceptPublish(messageStream, this);
  }

  #fail(reason: EndReason, detail: string): void {
    if (this.#reason === undefined) {
      this.#reason = reason;
      this.#detail = detail;
    }
    this.#closeStreams();
    this.#socket.destroy();
  }

  #closeStreams(): void {
    const all = [...this.#published.values()];
    this.#published.clear();
    for (const { stream } of all) {
      this.#host.closeStream(stream);
    }
  }

  #closed(error: Error | undefined): void {
    this.#isClosed = true;
    this.#closeStreams();
    const { board } = this.#host;
    board.descriptor[this.row] = -1;
    Atomics.store(board.state, this.row, RowState.Free);
    const reason = this.#reason ?? (error === undefined ? "closed by peer" : "network error");
    this.#host.gone(this, reason, this.#detail || (error?.message ?? ""));
  }
}
