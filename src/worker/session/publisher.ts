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
/** A connection is read at leisure after nobody has watched it for this long. */
const LEISURELY_AFTER_MS = 1000;

/** One publishing connection. */
export class Publisher implements ServerSessionSink {
  readonly row: number;
  readonly connectionId: string;
  readonly #host: PublisherHost;
  readonly #session: ServerSession;
  readonly #socket: PublisherSocket;
  readonly #published = new Map<number, Published>();
  /** What is published, if it is one stream alone, as it nearly always is; and its message stream. */
  #only: Published | undefined;
  #onlyId = -1;
  /** **Owned**: bytes read while a decision was pending. */
  #rest: Uint8Array = NOTHING;
  // Whole milliseconds, monotonic.
  /** When the bytes being consumed were read. */
  #readMs: number;
  #lastMediaMs: number;
  #idleSinceMs: number;
  /** When somebody was last seen to read what is published. */
  #watchedMs: number;
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
    this.#readMs = Math.floor(host.now());
    this.#lastMediaMs = this.#readMs;
    this.#idleSinceMs = this.#readMs;
    this.#watchedMs = this.#readMs;
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

  /** About every 100 ms: reads what has gathered while nobody watches. */
  readAtLeisure(): void {
    this.#choosePace();
    if (this.#socket.isLeisurely) {
      this.#socket.readNow();
    }
  }

  /** Every 100 ms, unless the thread stood still: publishers that send nothing are ended. */
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
    const published =
      messageStream === this.#onlyId ? this.#only : this.#published.get(messageStream);
    if (published === undefined) {
      return;
    }
    this.#lastMediaMs = this.#readMs;
    if (message.type !== MessageType.DataAmf0) {
      this.#hasMedia = true;
    }
    published.stream.append(message);
  }

  closeStream(messageStream: number): void {
    const published = this.#published.get(messageStream);
    if (published !== undefined) {
      this.#published.delete(messageStream);
      this.#findOnly();
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
    this.#readMs = Math.floor(this.#host.now());
    board.bytesIn[this.row] = (board.bytesIn[this.row] ?? 0) + bytes.length;
    board.progress[this.row] = this.#readMs & 0x7f_ff_ff_ff;
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
    this.#flush();
    const mustWait = this.#session.isWaiting || this.#isFull();
    if (mustWait) {
      this.#socket.pause();
    }
    return !mustWait;
  }

  /** Nobody waits for the bytes of a stream without readers: many messages at once cost what one costs. */
  #choosePace(): void {
    const now = Math.floor(this.#host.now());
    for (const { stream } of this.#published.values()) {
      if (stream.isWatched) {
        this.#watchedMs = now;
      }
    }
    this.#socket.setLeisurely(now - this.#watchedMs > LEISURELY_AFTER_MS);
  }

  #flush(): void {
    if (this.#only !== undefined) {
      this.#only.stream.flush();
      return;
    }
    for (const { stream } of this.#published.values()) {
      stream.flush();
    }
  }

  #continue(): void {
    this.#readMs = Math.floor(this.#host.now());
    const rest = this.#rest;
    this.#rest = NOTHING;
    if (rest.length === 0 || this.#consume(rest)) {
      this.#socket.resume();
    }
  }

  #isFull(): boolean {
    if (this.#only !== undefined) {
      return this.#only.stream.isFull;
    }
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
      this.#lastMediaMs = Math.floor(this.#host.now());
      this.#open(messageStream, { streamId, settings, lease, previous });
    } else if (!answer.allowed) {
      this.#session.rejectPublish(messageStream, answer.status, answer.description, this);
    }
    this.#continue();
  }

  #open(messageStream: number, what: NewStream): void {
    const stream = this.#host.openStream(this, what);
    this.#published.set(messageStream, { stream, settings: what.settings });
    this.#findOnly();
    this.#session.acceptPublish(messageStream, this);
  }

  #findOnly(): void {
    const [first] = this.#published.size === 1 ? this.#published : [];
    this.#onlyId = first?.[0] ?? -1;
    this.#only = first?.[1];
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
    this.#findOnly();
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
