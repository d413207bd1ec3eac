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
  RingLease,
  ShardStart,
  StreamSettings,
  ToShard,
} from "../protocol/control/calls.ts";
import { InvariantError } from "../protocol/errors.ts";
import { Doorbell } from "../protocol/ring/doorbell.ts";
import type { RingWriter } from "../protocol/ring/ring-writer.ts";
import type { ChunkDecoderSnapshot } from "../protocol/rtmp/chunk-decoder.ts";
import type { ServerSessionSnapshot } from "../protocol/rtmp/server-session.ts";
import { runFault } from "./fault.ts";
import { monotonicMs } from "./io/clock.ts";
import { SocketRows } from "./io/socket-rows.ts";
import { SocketTransport } from "./io/socket-transport.ts";
import { LoadMeter } from "./load-meter.ts";
import { openPrimaryLink, type PrimaryLink } from "./primary-link.ts";
import { Copies } from "./session/copies.ts";
import { Players } from "./session/players.ts";
import { type NewStream, Publisher, type PublisherHost } from "./session/publisher.ts";
import { StallGrace } from "./stall-grace.ts";
import { FanOut } from "./stream/fan-out.ts";
import type { FanOutEnd, FanOutHost, TurnTaker } from "./stream/fan-out-host.ts";
import { LiveStream, type LiveStreamHost } from "./stream/live-stream.ts";
import { Preamble } from "./stream/preamble.ts";
import type { RingView } from "./stream/ring-view.ts";
import { wakeReaders } from "./wake-readers.ts";

/** The tick while there are players, and while there are none. */
const TICK_MS = 10;
const TICK_IDLE_MS = 50;
/** A turn of sends is cut after this. */
const TURN_MS = 4;
const SECOND_MS = 1000;
const TENTH_MS = 100;
/** The doorbell is looked at again at least this often. */
const BELL_TIMEOUT_MS = 1000;

/** One shard thread's state. */
export class ShardRuntime implements FanOutHost, LiveStreamHost {
  readonly thread: number;
  readonly board: Board;
  readonly rows: SocketRows;
  readonly preamble: Preamble = new Preamble();
  readonly #post: (message: FromShard) => void;
  readonly #bell: Doorbell;
  readonly #primary: PrimaryLink;
  readonly #players: Players;
  readonly #copies: Copies;
  readonly #publisherHost: PublisherHost;
  readonly #meter = new LoadMeter();
  readonly #grace = new StallGrace(monotonicMs());
  readonly #fanOuts = new Map<number, FanOut>();
  readonly #publishers = new Map<number, Publisher>();
  readonly #owners = new Map<LiveStream, Publisher>();
  readonly #cutTurns: TurnTaker[] = [];
  #turnEnd = 0;
  #isStopped = false;
  #isContinuing = false;
  #nextTenth = 0;
  #nextSecond = 0;

  constructor(start: ShardStart, calls: MessagePort, post: (message: FromShard) => void) {
    this.#post = post;
    this.thread = start.thread;
    this.board = new Board(start.board);
    this.rows = new SocketRows(this.board, new SocketTransport(this.board));
    this.#bell = new Doorbell(start.doorbells);
    this.#copies = new Copies(this.rows);
    this.#primary = openPrimaryLink(calls, {
      kick: (row, inode, reason) => this.board.inode[row] === inode && this.#kick(row, reason),
      fault: (fault) => runFault(start.allowFaults, fault),
      unused: (lease) => this.ringReleased(lease.ringId),
    });
    this.#publisherHost = {
      board: this.board,
      now: monotonicMs,
      openStream: (publisher, what) => this.#openStream(publisher, what),
      closeStream: (stream) => this.#closeStream(stream),
      admit: (question) => this.#admit(question),
      gone: (publisher, reason, detail) => this.#publisherGone(publisher, reason, detail),
    };
    const fanOut = (streamId: number): FanOut | undefined => this.#fanOuts.get(streamId);
    this.#players = new Players({
      board: this.board,
      rows: this.rows,
      now: monotonicMs,
      fanOut,
      admit: (question) => this.#admit(question),
      learn: (streamId, answer) => {
        this.#learn(streamId, answer.key, answer.settings);
        if (answer.lease !== null) {
          this.#openRing(streamId, answer.lease);
        }
      },
      gone: (row, reason, detail, bytesIn, bytesOut) =>
        this.#post({ kind: "gone", row, reason, detail, bytesIn, bytesOut }),
    });
  }

  /** Starts ticking and listening to the doorbell. */
  run(): void {
    this.rows.begin();
    this.board.counters[Counter.Heartbeat] = monotonicMs();
    this.#tick();
    void this.#listen();
  }

  /** Takes one message of the primary. */
  take(
    message: Exclude<ToShard<ServerSessionSnapshot, ChunkDecoderSnapshot>, { kind: "stop" }>,
  ): void {
    this.#beginTurn();
    switch (message.kind) {
      case "stream":
        this.#learn(message.streamId, message.key, message.settings);
        break;
      case "ring":
        if (message.lease !== null) {
          this.#openRing(message.streamId, message.lease);
        }
        break;
      case "forget":
        this.#fanOuts.get(message.streamId)?.close();
        this.#fanOuts.delete(message.streamId);
        break;
      case "give-player":
        this.#players.adopt(message);
        break;
      case "give-publisher":
        this.#adoptPublisher(message);
        break;
    }
  }

  /** Ends every connection; nothing runs after. */
  stop(): void {
    this.#isStopped = true;
    this.#players.endAll("server stops");
    for (const publisher of this.#publishers.values()) {
      publisher.end("server stops", "");
    }
    this.rows.end();
    this.#bell.ring(this.thread);
  }

  // --- FanOutHost ---

  now(): number {
    return monotonicMs();
  }

  stretch(): number {
    return this.#meter.stretch;
  }

  endRow(row: number, reason: FanOutEnd): void {
    this.#players.end(row, reason);
  }

  sendCopies(view: RingView, row: number): number {
    return this.#copies.send(view, row);
  }

  ringReleased(ringId: number): void {
    this.#post({ kind: "ring-released", ringId });
  }

  turnEnd(): number {
    return this.#turnEnd;
  }

  continueLater(fanOut: TurnTaker): void {
    this.#cutTurns.push(fanOut);
    if (!this.#isContinuing) {
      this.#isContinuing = true;
      setImmediate(() => this.#continueTurns());
    }
  }

  // --- LiveStreamHost ---

  requestRing(stream: LiveStream, wrapBytes: number): void {
    this.#primary.leaseRing(stream.streamId, wrapBytes).then(
      (lease) => this.#install(stream, lease),
      () => this.#install(stream, null),
    );
  }

  ringOpened(stream: LiveStream, lease: RingLease): void {
    this.#post({ kind: "ring-opened", streamId: stream.streamId, lease });
    // The primary counts a second lease for this shard's players.
    this.#openRing(stream.streamId, lease);
  }

  ringClosed(lease: RingLease): void {
    // The writer's own hold; players of this shard hold it on their own account.
    this.#post({ kind: "ring-released", ringId: lease.ringId });
  }

  wake(stream: LiveStream, writer: RingWriter): void {
    wakeReaders(writer, this.#bell, this.thread);
    const fanOut = this.#fanOuts.get(stream.streamId);
    if (fanOut !== undefined) {
      this.#beginTurn();
      const began = performance.now();
      fanOut.advance();
      this.#meter.addSending(performance.now() - began);
    }
  }

  // --- inside ---

  #learn(streamId: number, key: string, settings: StreamSettings): void {
    if (!this.#fanOuts.has(streamId)) {
      this.#fanOuts.set(streamId, new FanOut(streamId, key, settings, this));
    }
  }

  /**
   * Asks the primary about one more publish or play. The answer comes on another port than the news of its stream, so
   * either may be first: both make the stream known. A publisher that left meanwhile has no use for its ring.
   */
  async #admit(question: AdmissionQuestion): Promise<AdmissionAnswer> {
    const { row } = question;
    const publisher = this.#publishers.get(row);
    const answer = await this.#primary.admit({ ...question, inode: this.board.inode[row] ?? -1 });
    if (answer.allowed && answer.lease !== null) {
      if (publisher !== undefined && this.#publishers.get(row) === publisher) {
        this.#learn(answer.streamId, answer.key, answer.settings);
      } else {
        this.ringReleased(answer.lease.ringId);
      }
    }
    return answer;
  }

  /** Every lease is used or let go. */
  #openRing(streamId: number, lease: RingLease): void {
    const fanOut = this.#fanOuts.get(streamId);
    if (fanOut === undefined) {
      this.ringReleased(lease.ringId);
    } else {
      fanOut.openRing(lease);
    }
  }

  #adoptPublisher(give: GivePublisher<ServerSessionSnapshot>): void {
    const fanOut = this.#fanOuts.get(give.streamId);
    if (fanOut === undefined) {
      throw new InvariantError("a publisher of a stream that was never announced");
    }
    this.#publishers.set(give.row, new Publisher(give, fanOut.settings, this.#publisherHost));
  }

  #openStream(publisher: Publisher, what: NewStream): LiveStream {
    const stream = new LiveStream({ ...what, host: this });
    this.#owners.set(stream, publisher);
    return stream;
  }

  #closeStream(stream: LiveStream): void {
    this.#owners.delete(stream);
    const end = stream.end();
    this.#post({ kind: "ring-ended", streamId: stream.streamId, ringId: stream.ringId, end });
  }

  #install(stream: LiveStream, lease: RingLease | null): void {
    const publisher = this.#owners.get(stream);
    if (publisher === undefined) {
      if (lease !== null) {
        this.ringClosed(lease);
      }
      return;
    }
    stream.installRing(lease);
    publisher.ringInstalled();
  }

  #publisherGone(publisher: Publisher, reason: EndReason, detail: string): void {
    const { row } = publisher;
    this.#publishers.delete(row);
    const bytesIn = this.board.bytesIn[row] ?? 0;
    const bytesOut = this.board.bytesOut[row] ?? 0;
    this.#post({ kind: "gone", row, reason, detail, bytesIn, bytesOut });
  }

  #kick(row: number, reason: EndReason): boolean {
    const publisher = this.#publishers.get(row);
    if (publisher !== undefined) {
      publisher.end(reason, "");
      return true;
    }
    if (!this.#players.has(row)) {
      return false;
    }
    this.#players.end(row, reason);
    return true;
  }

  #beginTurn(): void {
    this.#turnEnd = monotonicMs() + TURN_MS;
  }

  #advanceAll(): void {
    this.#beginTurn();
    const began = performance.now();
    for (const fanOut of this.#fanOuts.values()) {
      fanOut.advance();
    }
    this.#meter.addSending(performance.now() - began);
  }

  #continueTurns(): void {
    this.#isContinuing = false;
    this.#beginTurn();
    const began = performance.now();
    for (const fanOut of this.#cutTurns.splice(0)) {
      fanOut.continueTurn();
    }
    this.#meter.addSending(performance.now() - began);
  }

  async #listen(): Promise<void> {
    while (!this.#isStopped) {
      const seen = this.#bell.value(this.thread);
      this.#advanceAll();
      const rung = this.#bell.wait(this.thread, seen, BELL_TIMEOUT_MS);
      if (rung !== null) {
        await rung;
      } else {
        // Rung meanwhile: other work gets its turn before the next look.
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }
  }

  #tick(): void {
    if (this.#isStopped) {
      return;
    }
    const now = monotonicMs();
    this.#grace.tick(now, TICK_IDLE_MS);
    this.#beginTurn();
    this.#players.poll();
    const began = performance.now();
    for (const fanOut of this.#fanOuts.values()) {
      fanOut.tick();
    }
    this.#meter.addSending(performance.now() - began);
    if (now >= this.#nextTenth) {
      this.#nextTenth = now + TENTH_MS;
      this.#tickTenth(now);
    }
    if (now >= this.#nextSecond) {
      this.#nextSecond = now + SECOND_MS;
      this.#tickSecond();
    }
    setTimeout(() => this.#tick(), this.#players.count > 0 ? TICK_MS : TICK_IDLE_MS);
  }

  #tickTenth(now: number): void {
    if (this.#grace.mayJudge(now)) {
      this.#players.checkBlocked();
      const playersOf = (streamId: number): number => this.#fanOuts.get(streamId)?.players ?? 0;
      for (const publisher of this.#publishers.values()) {
        publisher.tick(playersOf);
      }
    }
    this.#meter.update(now);
    const { counters } = this.board;
    counters[Counter.Heartbeat] = now;
    counters[Counter.Players] = this.#players.count;
    counters[Counter.Publishers] = this.#publishers.size;
    counters[Counter.Stalls] = this.#players.stalls;
    counters[Counter.Resets] = this.#players.resets;
    counters[Counter.Utilisation] = this.#meter.utilisation;
    counters[Counter.MergeStretch] = this.#meter.stretch;
    counters[Counter.Sends] = this.rows.sends;
  }

  #tickSecond(): void {
    this.#players.tickSlow();
    let skips = 0;
    for (const fanOut of this.#fanOuts.values()) {
      fanOut.tickSlow();
      skips += fanOut.skips;
    }
    this.board.counters[Counter.Skips] = skips;
  }
}
