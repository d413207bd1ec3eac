/**
 * A publishing connection on its shard: the protocol machine between the socket and the live streams it feeds.
 * One connection may publish and play several streams, each on its own message stream; a player that asks for a second
 * stream goes on as such a connection.
 */
import { RowRole, RowState } from "../../protocol/control/board.ts";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
  GivePublisher,
  StreamSettings,
} from "../../protocol/control/calls.ts";
import { ProtocolError, RejectedError } from "../../protocol/errors.ts";
import { CLOSE_TIMEOUT_MS } from "../../protocol/limits.ts";
import { type Message, MessageType } from "../../protocol/rtmp/message.ts";
import type {
  PlayOptions,
  ServerSession,
  ServerSessionSink,
  ServerSessionSnapshot,
  StreamRequest,
} from "../../protocol/rtmp/server-session.ts";
import type { RowSocket } from "../io/row-socket.ts";
import type { NewStream } from "../stream/live-streams.ts";
import { MediaClock } from "./media-clock.ts";
import { playEndOf, RECONNECT_TEXT, STREAM_NOT_FOUND } from "./notices.ts";
import { Plays, type SharedConnection } from "./plays.ts";
import { PublishedStreams } from "./published-streams.ts";
import type { PublisherHost, TakenRow } from "./publisher-host.ts";
import { Pushes } from "./pushes.ts";
import { ReadingPace } from "./reading-pace.ts";
import { ReplyBound } from "./reply-bound.ts";

const PLAY_FAILED = "NetStream.Play.Failed";
const TOO_MANY_PLAYS = "No room for one more play.";
const NOTHING = new Uint8Array(0);

/** One connection that publishes, or carries several streams. */
export class Publisher implements ServerSessionSink, SharedConnection {
  readonly row: number;
  readonly #host: PublisherHost;
  readonly #session: ServerSession;
  readonly #socket: RowSocket;
  readonly #published = new PublishedStreams(() => this.ringInstalled());
  readonly #plays: Plays;
  /** Of an edge. */
  readonly #pushes: Pushes;
  /** **Owned**: bytes read while a decision was pending. */
  #rest: Uint8Array = NOTHING;
  readonly #replies = new ReplyBound();
  /** When the bytes being consumed were read. Whole milliseconds, monotonic. */
  #readMs: number;
  readonly #pace: ReadingPace;
  readonly #clock: MediaClock;
  /** Why it ends, and when that was said. */
  #ending: { reason: EndReason; detail: string; atMs: number } | undefined;
  #isClosed = false;

  /** Takes the row's descriptor: nothing is read before {@link adopt} or {@link takeOver}. */
  constructor(row: number, session: ServerSession, host: PublisherHost) {
    this.row = row;
    this.#session = session;
    this.#host = host;
    this.#readMs = Math.floor(host.now());
    this.#pace = new ReadingPace(this.#readMs);
    this.#clock = new MediaClock(this.#readMs);
    Atomics.store(host.board.state, row, RowState.Held);
    this.#plays = new Plays(host.plays, this);
    this.#pushes = new Pushes(host);
    this.#socket = host.openSocket(row, {
      read: (bytes) => this.#read(bytes),
      drained: () => this.#drained(),
      closed: (error) => this.#closed(error),
    });
  }

  /** Starts the stream of a given publisher. */
  adopt(give: GivePublisher<ServerSessionSnapshot>, settings: StreamSettings): void {
    const { streamId, lease, previous } = give;
    this.#open(give.messageStream, { streamId, settings, lease, previous });
    this.#consume(give.rest);
  }

  /** Goes on with a player's row. @param unsent what it still had to send. **Owned**. */
  takeOver({ rest, asked }: TakenRow, unsent: Uint8Array): void {
    const { action, messageStream, request } = asked;
    this.#host.board.role[this.row] = RowRole.Publisher;
    if (unsent.length > 0) {
      this.queue(unsent);
    }
    this.#plays.takeOver();
    this.#rest = rest;
    if (action === "play") {
      this.play(messageStream, request, asked);
    } else {
      this.publish(messageStream, request);
    }
    if (!this.#session.isWaiting) {
      this.#continue();
    }
  }

  /** The larger ring of `stream` is there: what waited is written and reading goes on. */
  ringInstalled(): void {
    if (!this.#published.isFull && !this.#session.isWaiting) {
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

  /** Every 100 ms, unless the thread stood still: publishers that send nothing are ended, and players that take nothing. */
  tick(playersOf: (streamId: number) => number): void {
    const now = this.#host.now();
    if (this.#ending !== undefined) {
      if (now - this.#ending.atMs > CLOSE_TIMEOUT_MS) {
        this.#socket.destroy();
      }
      return;
    }
    const stillFor = this.#plays.tick();
    if (stillFor > 0) {
      this.#fail("stalled", `took nothing for ${Math.round(stillFor)} ms`);
      return;
    }
    const overdue = this.#clock.overdue(this.#published.values, playersOf, now);
    if (overdue !== undefined) {
      this.end(overdue.reason, overdue.detail);
    }
  }

  /** The server stops gracefully: an encoder that understands it goes elsewhere. */
  requestReconnect(): void {
    this.#session.requestReconnect("", RECONNECT_TEXT, this);
  }

  /** Ends the connection from the server's side; replies on their way still go out. */
  end(reason: EndReason, detail: string): void {
    this.#note(reason, detail);
    for (const messageStream of this.#published.messageStreams) {
      this.#session.endPublish(messageStream, this);
    }
    this.#closeStreams();
    Atomics.store(this.#host.board.state, this.row, RowState.Closing);
    this.#socket.end();
  }

  // --- ServerSessionSink ---

  write(bytes: Uint8Array): void {
    const before = this.backlogBytes;
    this.queue(bytes);
    if (!this.#replies.add(bytes.length, before, this.backlogBytes)) {
      this.#fail("protocol error", "reads no replies");
    }
  }

  connect(): void {
    this.#fail("protocol error", "connect after hand-off");
  }

  publish(messageStream: number, request: StreamRequest): void {
    this.#ask("publish", request, (answer) => this.#admitted(messageStream, answer));
  }

  play(
    messageStream: number,
    request: StreamRequest,
    { durationMs }: Pick<PlayOptions, "durationMs">,
  ): void {
    if (this.#plays.takesOneMore()) {
      this.#ask("play", request, (answer) => this.#playAdmitted(messageStream, answer, durationMs));
    } else {
      this.#session.rejectPlay(messageStream, PLAY_FAILED, TOO_MANY_PLAYS, this);
    }
  }

  media(messageStream: number, message: Message): void {
    const published = this.#published.find(messageStream);
    if (published === undefined) {
      return;
    }
    this.#clock.took(message.type !== MessageType.DataAmf0, this.#readMs);
    published.stream.append(message);
  }

  closeStream(messageStream: number): void {
    const published = this.#published.remove(messageStream);
    if (published !== undefined) {
      this.#pushes.close(messageStream);
      this.#host.closeStream(published.stream);
    }
    this.#plays.close(messageStream);
  }

  pause(messageStream: number, paused: boolean): void {
    this.#plays.pause(messageStream, paused);
  }

  receive(messageStream: number, kind: "audio" | "video", enabled: boolean): void {
    this.#plays.switchTrack(messageStream, { kind, enabled });
  }

  // --- SharedConnection ---

  get backlogBytes(): number {
    return this.#socket.backlogBytes;
  }

  get chunkSizeOut(): number {
    return this.#session.chunkSizeOut;
  }

  set chunkSizeOut(chunkSize: number) {
    this.#session.chunkSizeOut = chunkSize;
  }

  queue(bytes: Uint8Array): void {
    this.#socket.write(bytes);
    const { bytesOut } = this.#host.board;
    bytesOut[this.row] = (bytesOut[this.row] ?? 0) + bytes.length;
  }

  playLost(messageStream: number, reason: EndReason): void {
    const { code, description } = playEndOf(reason) ?? STREAM_NOT_FOUND;
    this.#session.endPlay(messageStream, code, description, this);
    if (this.#plays.count === 0 && this.#published.size === 0) {
      this.end(reason, "");
    }
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
    if (this.#isClosed || this.#ending !== undefined) {
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
    this.#published.flush();
    const mustWait = this.#session.isWaiting || this.#published.mustWait(this.#readMs);
    if (mustWait) {
      this.#socket.pause();
    }
    return !mustWait;
  }

  #choosePace(): void {
    const others = this.#plays.count + this.#pushes.count;
    const isWatched = others > 0 || this.#published.isWatched(this.#host.upstreams.forwards);
    this.#socket.setLeisurely(this.#pace.isLeisurely(isWatched, this.#host.now()));
  }

  #continue(): void {
    this.#readMs = Math.floor(this.#host.now());
    const rest = this.#rest;
    this.#rest = NOTHING;
    // Even with nothing left: the session may hold a message that needs no more bytes.
    if (this.#consume(rest)) {
      this.#socket.resume();
    }
  }

  /** Asks the primary; nothing is read until it has answered. */
  #ask(
    action: AdmissionQuestion["action"],
    { vhost, app, stream, param }: StreamRequest,
    answered: (answer: AdmissionAnswer) => void,
  ): void {
    this.#socket.pause();
    const question = { row: this.row, action, stream: { vhost, app, stream }, param };
    const failed = (error: unknown): void => this.#fail("closed", String(error));
    this.#host.admit(question).then(answered, failed);
  }

  #playAdmitted(messageStream: number, answer: AdmissionAnswer, durationMs: number): void {
    // A connection that ended takes its plays along.
    if (this.#isClosed || this.#ending !== undefined) {
      return;
    }
    if (!answer.allowed) {
      this.#session.rejectPlay(messageStream, answer.status, answer.description, this);
    } else if (this.#plays.takesOneMore()) {
      this.#session.acceptPlay(messageStream, this, true);
      this.#plays.open(messageStream, answer, durationMs);
    } else {
      this.#host.plays.playEnded(this.row, answer.play);
      this.#session.rejectPlay(messageStream, PLAY_FAILED, TOO_MANY_PLAYS, this);
    }
    this.#continue();
  }

  #admitted(messageStream: number, answer: AdmissionAnswer): void {
    if (this.#isClosed) {
      return;
    }
    if (answer.allowed && answer.lease !== null) {
      const { streamId, settings, lease, previous } = answer;
      this.#clock.begin(this.#host.now());
      this.#open(messageStream, { streamId, settings, lease, previous });
    } else if (!answer.allowed) {
      this.#session.rejectPublish(messageStream, answer.status, answer.description, this);
    }
    this.#continue();
  }

  #open(messageStream: number, what: NewStream): void {
    const { upstream } = what.settings;
    if (upstream === null) {
      this.#start(messageStream, what);
      return;
    }
    // An edge's publish begins when an origin has accepted it; until then the client waits.
    this.#pushes.open(
      messageStream,
      { ...what, upstream },
      {
        accepted: () => {
          this.#clock.begin(this.#host.now());
          this.#start(messageStream, what);
          this.#continue();
        },
        refused: (status, description) => {
          this.#session.rejectPublish(messageStream, status, description, this);
          this.end("no origin", `${status} ${description}`);
        },
        lost: (detail) => this.end("no origin", detail),
      },
    );
  }

  #start(messageStream: number, what: NewStream): void {
    const stream = this.#host.openStream(this.row, what);
    this.#published.add(messageStream, { stream, settings: what.settings });
    this.#session.acceptPublish(messageStream, this);
  }

  #fail(reason: EndReason, detail: string): void {
    this.#note(reason, detail);
    this.#closeStreams();
    this.#socket.destroy();
  }

  /** The first reason counts. */
  #note(reason: EndReason, detail: string): void {
    this.#ending ??= { reason, detail, atMs: this.#host.now() };
  }

  #drained(): void {
    this.#replies.clear();
    this.#plays.drained();
  }

  #closeStreams(): void {
    this.#plays.closeAll();
    this.#pushes.closeAll();
    for (const { stream } of this.#published.removeAll()) {
      this.#host.closeStream(stream);
    }
  }

  #closed(error: Error | undefined): void {
    this.#isClosed = true;
    // Who had ended all that it did may leave without reading the last replies.
    const isLost = error !== undefined && this.#published.size + this.#plays.count > 0;
    this.#closeStreams();
    this.#host.board.descriptor[this.row] = -1;
    Atomics.store(this.#host.board.state, this.row, RowState.Free);
    const reason = isLost ? "network error" : "closed by peer";
    const ending = this.#ending ?? { reason, detail: "" };
    this.#host.gone(this.row, ending.reason, ending.detail || (isLost ? error.message : ""));
  }
}
