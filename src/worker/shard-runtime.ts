/**
 * What a shard does: takes streams, rings and descriptors from the primary, wakes when rings move, ticks for what has
 * no event, and keeps its board.
 */
import type { MessagePort } from "node:worker_threads";
import { Board, Counter } from "../protocol/control/board.ts";
import type {
  AdmissionAnswer,
  AdmissionQuestion,
  EndReason,
  FromShard,
  GivePublisher,
  RelayToShard,
  SettingsChange,
  ShardStart,
  ToShard,
} from "../protocol/control/calls.ts";
import { InvariantError } from "../protocol/errors.ts";
import { Doorbell } from "../protocol/ring/doorbell.ts";
import type { RingWriter } from "../protocol/ring/ring-writer.ts";
import type { ChunkDecoderSnapshot } from "../protocol/rtmp/chunk-decoder.ts";
import { ServerSession, type ServerSessionSnapshot } from "../protocol/rtmp/server-session.ts";
import { runFault } from "./fault.ts";
import { whenHeld } from "./held-row.ts";
import { monotonicMs } from "./io/clock.ts";
import { type Connections, openConnections } from "./io/connections.ts";
import { SocketRows } from "./io/socket-rows.ts";
import { openPrimaryLink, type PrimaryLink } from "./primary-link.ts";
import { Copies } from "./session/copies.ts";
import { Players } from "./session/players.ts";
import type { PlaysHost } from "./session/plays.ts";
import { Publisher } from "./session/publisher.ts";
import type { PublisherHost, TakenRow } from "./session/publisher-host.ts";
import { Publishers } from "./session/publishers.ts";
import { sessionHost } from "./session/session-host.ts";
import { FanOut } from "./stream/fan-out.ts";
import type { FanOutEnd, FanOutHost, TurnTaker } from "./stream/fan-out-host.ts";
import { KnownStreams } from "./stream/known-streams.ts";
import { LiveStreams } from "./stream/live-streams.ts";
import { Preamble } from "./stream/preamble.ts";
import type { RingView } from "./stream/ring-view.ts";
import { ThreadLoop } from "./thread-loop.ts";
import { Upstreams } from "./upstream/upstreams.ts";
import { wakeReaders } from "./wake-readers.ts";

/** One shard thread's state. */
export class ShardRuntime implements FanOutHost {
  readonly thread: number;
  readonly board: Board;
  readonly rows: SocketRows;
  readonly preamble: Preamble = new Preamble();
  readonly #post: (message: FromShard) => void;
  readonly connections: Connections;
  readonly #bell: Doorbell;
  readonly #primary: PrimaryLink;
  readonly #players: Players;
  readonly #copies: Copies;
  readonly #publisherHost: PublisherHost;
  readonly #streams: KnownStreams<FanOut>;
  readonly #loop: ThreadLoop;
  readonly #publishers = new Publishers();
  readonly #writers: LiveStreams;
  readonly #upstreams: Upstreams;

  constructor(start: ShardStart, calls: MessagePort, post: (message: FromShard) => void) {
    this.#post = post;
    this.thread = start.thread;
    this.board = new Board(start.board);
    this.connections = openConnections(start, this.board, post);
    this.rows = new SocketRows(this.board, this.connections.players);
    this.#bell = new Doorbell(start.doorbells);
    this.#streams = new KnownStreams({
      open: ({ streamId, key, settings }) => new FanOut(streamId, key, settings, this),
      ringReleased: (ringId) => this.ringReleased(ringId),
    });
    this.#loop = this.#openLoop(start);
    this.#copies = new Copies(this.rows, true);
    this.#primary = openPrimaryLink(calls, {
      kick: async (row, inode, reason) =>
        (await whenHeld(this.board, row, inode)) && this.#kick(row, reason),
      fault: (fault) => runFault(start.allowFaults, fault, () => this.#loop.beat()),
      unused: (lease) => this.ringReleased(lease.ringId),
      // Viewers are a gateway's.
      unusedRow: () => undefined,
    });
    this.#writers = new LiveStreams({
      now: monotonicMs,
      leaseRing: (streamId, wrapBytes) => this.#primary.leaseRing(streamId, wrapBytes),
      post,
      ringOpened: (streamId, lease) => {
        this.#streams.openRing(streamId, lease);
        this.#upstreams.ringOpened(streamId, lease);
      },
      wake: (streamId, writer) => this.#wake(streamId, writer),
    });
    this.#upstreams = new Upstreams({
      now: monotonicMs,
      nextOrigin: (question) => this.#primary.nextOrigin(question),
      openStream: (owner, what) => this.#writers.open(owner, what),
      closeStream: (stream) => this.#writers.close(stream),
      random: Math.random,
      ringOf: (streamId) => this.#writers.ringOf(streamId),
      queueLengthMs: (id) =>
        this.#streams.find(id)?.settings.queueLengthMs ?? Number.POSITIVE_INFINITY,
      post,
    });
    const plays: PlaysHost = {
      rows: this.rows,
      now: monotonicMs,
      fanOut: (streamId) => this.#streams.find(streamId),
      learn: (answer) => void this.#streams.learn(answer),
      playEnded: (row, play) => this.#primary.playEnded(row, play),
    };
    this.#publisherHost = {
      board: this.board,
      plays,
      now: monotonicMs,
      openSocket: (row, sink) => this.connections.openSocket(row, sink),
      openStream: (row, what) => {
        const ringInstalled = (): void => this.#publishers.find(row)?.ringInstalled();
        return this.#writers.open({ ringInstalled }, what);
      },
      closeStream: (stream) => {
        // It says for the last time that there is something to read, and forwards do.
        this.#writers.close(stream);
        this.#upstreams.forwards.end(stream.streamId);
      },
      upstreams: this.#upstreams,
      ringReleased: (ringId) => this.ringReleased(ringId),
      admit: (question) => this.#admit(question),
      gone: (row, reason, detail) => this.#publisherGone(row, reason, detail),
    };
    this.#players = new Players({
      ...plays,
      board: this.board,
      admit: (question) => this.#admit(question),
      share: (taken, unsent) => this.#share(taken, unsent),
      gone: (row, reason, detail, bytesIn, bytesOut) =>
        this.#post({ kind: "gone", row, reason, detail, bytesIn, bytesOut }),
    });
  }

  /** Starts ticking and listening to the doorbell. */
  run(): void {
    this.rows.begin();
    this.#loop.run();
  }

  /** Takes one message of the primary. */
  take(
    message: Exclude<
      ToShard<ServerSessionSnapshot, ChunkDecoderSnapshot>,
      RelayToShard | { kind: "stop" }
    >,
  ): void {
    this.#loop.turns.begin();
    switch (message.kind) {
      case "stream":
      case "ring":
      case "forget":
        this.#streams.take(message);
        break;
      case "settings":
        this.#loop.take(message);
        break;
      case "give-player":
        this.#players.adopt(message);
        break;
      case "give-publisher":
        this.#adoptPublisher(message);
        break;
      case "pull":
        this.#upstreams.pull(message, this.#streams.find(message.streamId)?.settings);
        break;
      case "pull-stop":
        this.#upstreams.stopPull(message.pullId);
        break;
      case "forwards":
        this.#upstreams.forwards.take(message);
        break;
      case "end-slow":
        this.#players.endSlow(message.count);
        break;
      case "drain":
        this.#players.drain();
        this.#publishers.drain();
        break;
    }
  }

  /** Ends every connection; nothing runs after. */
  stop(): void {
    this.#players.endAll("server stops");
    this.#publishers.endAll("server stops");
    this.#upstreams.stop();
    this.rows.end();
    this.#loop.stop();
  }

  // --- FanOutHost ---

  now(): number {
    return monotonicMs();
  }

  stretch(): number {
    return this.#loop.stretch;
  }

  endRow(row: number, reason: FanOutEnd): void {
    if (row < this.board.rows) {
      this.#players.end(row, reason);
    } else {
      this.rows.sharing.carrierOf(row)?.ended(row, reason);
    }
  }

  sendCopies(view: RingView, row: number): number {
    return this.#copies.send(view, row);
  }

  ringReleased(ringId: number): void {
    this.#post({ kind: "ring-released", ringId });
  }

  turnEnd(): number {
    return this.#loop.turns.end;
  }

  continueLater(fanOut: TurnTaker): void {
    this.#loop.turns.continueLater(fanOut);
  }

  // --- inside ---

  /**
   * Asks the primary about one more publish or play. The answer comes on another port than the news of its stream, so
   * either may be first: both make the stream known. A publisher that left meanwhile has no use for its ring.
   */
  async #admit(question: AdmissionQuestion): Promise<AdmissionAnswer> {
    const { row } = question;
    const publisher = this.#publishers.find(row);
    const answer = await this.#primary.admit({ ...question, inode: this.board.inode[row] ?? -1 });
    if (answer.allowed && answer.lease !== null) {
      if (publisher !== undefined && this.#publishers.find(row) === publisher) {
        this.#streams.learn(answer);
        // The publisher is to hold what a reload changes.
        const settings = this.#streams.find(answer.streamId)?.settings ?? answer.settings;
        return { ...answer, settings };
      } else {
        this.ringReleased(answer.lease.ringId);
      }
    }
    return answer;
  }

  #adoptPublisher(give: GivePublisher<ServerSessionSnapshot>): void {
    const fanOut = this.#streams.find(give.streamId);
    if (fanOut === undefined) {
      throw new InvariantError("a publisher of a stream that was never announced");
    }
    const session = ServerSession.restore(give.session, sessionHost);
    const publisher = this.#openPublisher(give.row, session);
    publisher.adopt(give, fanOut.settings);
    this.#publishers.adopted(publisher);
  }

  #wake(streamId: number, writer: RingWriter): void {
    const isOwnReader = wakeReaders(writer, this.#bell, this.thread);
    this.#upstreams.wake(streamId);
    const fanOut = isOwnReader ? this.#streams.find(streamId) : undefined;
    if (fanOut !== undefined) {
      const began = this.#loop.turns.begin();
      fanOut.advance();
      this.#loop.turns.finish(began);
    }
  }

  #share(taken: TakenRow, unsent: Uint8Array): void {
    this.#openPublisher(taken.row, taken.session).takeOver(taken, unsent);
  }

  #openPublisher(row: number, session: ServerSession): Publisher {
    const publisher = new Publisher(row, session, this.#publisherHost);
    this.#publishers.add(publisher);
    return publisher;
  }

  #publisherGone(row: number, reason: EndReason, detail: string): void {
    this.#publishers.remove(row);
    const bytesIn = this.board.bytesIn[row] ?? 0;
    const bytesOut = this.board.bytesOut[row] ?? 0;
    this.#post({ kind: "gone", row, reason, detail, bytesIn, bytesOut });
  }

  #kick(row: number, reason: EndReason): boolean {
    const publisher = this.#publishers.find(row);
    const isThere = publisher !== undefined || this.#players.has(row);
    publisher?.end(reason, "");
    this.#players.end(row, reason);
    return isThere;
  }

  /** All that works for a stream holds the same settings. */
  #change({ streamId, settings }: SettingsChange): void {
    const known = this.#streams.find(streamId)?.settings;
    if (known === undefined) {
      return;
    }
    const { tcpNodelay, playerStallMs } = known;
    Object.assign(known, settings);
    if (known.tcpNodelay !== tcpNodelay || known.playerStallMs !== playerStallMs) {
      this.#players.tune(streamId, settings);
    }
  }

  #openLoop(start: ShardStart): ThreadLoop {
    return new ThreadLoop({
      start,
      board: this.board,
      bell: this.#bell,
      streams: this.#streams,
      post: this.#post,
      work: {
        isServing: () => this.#plays > 0,
        poll: (now) => {
          this.#players.poll();
          this.#publishers.readAtLeisure(now);
        },
        judge: (now) => {
          this.#players.checkBlocked();
          this.#publishers.tick((streamId) => this.#streams.find(streamId)?.players ?? 0);
          this.#upstreams.tick(now);
        },
        tickTenth: () => {
          const { counters } = this.board;
          counters[Counter.Players] = this.#plays;
          counters[Counter.Publishers] = this.#writers.size;
          counters[Counter.Stalls] = this.#players.stalls;
          counters[Counter.Resets] = this.#players.resets;
          counters[Counter.Sends] = this.rows.sends;
        },
        tickSlow: () => this.#players.tickSlow(),
        change: (change) => this.#change(change),
      },
    });
  }

  get #plays(): number {
    return this.#players.count + this.rows.sharing.count;
  }
}
