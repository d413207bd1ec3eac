/**
 * What a gateway does: answers HTTP by services in an order, and sends streams in the forms that browsers and CDNs
 * take, each made once for all its viewers here. It reads the rings that shards write and owns no descriptor.
 */
import type { MessagePort } from "node:worker_threads";
import { Board, Counter } from "../protocol/control/board.ts";
import type {
  ForgetStream,
  FromShard,
  GatewayStart,
  RingNews,
  SettingsNews,
  StreamNews,
} from "../protocol/control/calls.ts";
import { VersionWord } from "../protocol/control/version-word.ts";
import { Doorbell } from "../protocol/ring/doorbell.ts";
import { ApiService } from "./deliver/api-service.ts";
import type { Form } from "./deliver/form.ts";
import { HttpRows } from "./deliver/http-rows.ts";
import { corsHeaders, HttpServices } from "./deliver/http-services.ts";
import { GatewayStream, type GatewayStreamHost } from "./deliver/outlet.ts";
import { StreamViewers } from "./deliver/stream-viewers.ts";
import { runFault } from "./fault.ts";
import { monotonicMs } from "./io/clock.ts";
import type { HttpReply, HttpRequest } from "./io/http-backend.ts";
import { LoadMeter } from "./load-meter.ts";
import { openPrimaryLink, type PrimaryLink } from "./primary-link.ts";
import { SendTurns } from "./send-turns.ts";
import { Copies } from "./session/copies.ts";
import { SettingsChanges } from "./settings-changes.ts";
import { StallGrace } from "./stall-grace.ts";
import type { FanOutHost } from "./stream/fan-out-host.ts";

const TICK_MS = 10;
const TICK_IDLE_MS = 50;
const TENTH_MS = 100;
const SECOND_MS = 1000;
const BELL_TIMEOUT_MS = 1000;

/** News of streams. */
export type GatewayNews = StreamNews | RingNews | SettingsNews | ForgetStream;

/** One gateway thread's state. */
export class GatewayRuntime implements GatewayStreamHost {
  readonly thread: number;
  readonly board: Board;
  readonly rows: HttpRows;
  readonly #post: (message: FromShard) => void;
  readonly #bell: Doorbell;
  readonly #primary: PrimaryLink;
  readonly #meter = new LoadMeter();
  readonly #grace = new StallGrace(monotonicMs());
  readonly #streams = new Map<number, GatewayStream>();
  readonly #viewers: StreamViewers;
  readonly #services: HttpServices;
  readonly #changes: SettingsChanges;
  readonly #turns: SendTurns = new SendTurns(this.#meter, () => this.#changes.follow());
  #isStopped = false;
  #nextTenth = 0;
  #nextSecond = 0;

  constructor(start: GatewayStart, calls: MessagePort, post: (message: FromShard) => void) {
    this.#post = post;
    this.thread = start.thread;
    this.board = new Board(start.board);
    this.rows = new HttpRows(this.board, monotonicMs);
    this.#bell = new Doorbell(start.doorbells);
    this.#changes = new SettingsChanges(new VersionWord(start.version), (change) =>
      this.#streams.get(change.streamId)?.change(change.settings),
    );
    this.#primary = openPrimaryLink(calls, {
      kick: (row, inode, reason) =>
        this.board.inode[row] === inode && this.#viewers.end(row, reason),
      fault: (fault) => runFault(start.allowFaults, fault),
      unused: (lease) => this.ringReleased(lease.ringId),
      unusedRow: (row) => this.#viewers.unused(row),
    });
    const cors = corsHeaders(start.crossdomain);
    this.#viewers = new StreamViewers({
      board: this.board,
      rows: this.rows,
      cors,
      admitViewer: (question) => this.#primary.admitViewer(question),
      learn: (answer) => this.#learn(answer),
      find: (streamId) => this.#streams.get(streamId),
      beginTurn: () => void this.#turns.begin(),
      post,
    });
    const api = new ApiService({ api: (question) => this.#primary.api(question) });
    this.#services = new HttpServices([api, this.#viewers], cors);
  }

  /** Starts ticking and listening to the doorbell. */
  run(): void {
    this.board.counters[Counter.Heartbeat] = monotonicMs();
    this.#tick();
    void this.#listen();
  }

  /** Takes news of the primary. */
  take(news: GatewayNews): void {
    this.#turns.begin();
    if (news.kind === "stream") {
      this.#learn(news);
    } else if (news.kind === "forget") {
      this.#forget(news);
    } else if (news.kind === "settings") {
      this.#changes.take(news);
      this.#post({ kind: "settings-accepted", version: news.version });
    } else if (news.lease !== null) {
      const stream = this.#streams.get(news.streamId);
      if (stream === undefined) {
        this.ringReleased(news.lease.ringId);
      } else {
        stream.openRing(news.lease);
      }
    }
  }

  /** Ends every viewer; nothing runs after. */
  stop(): void {
    this.#isStopped = true;
    this.#viewers.stop();
    this.#bell.ring(this.thread);
  }

  /** Answers one request. */
  request(request: HttpRequest, reply: HttpReply): void {
    this.#services.take(request, reply);
  }

  // --- GatewayStreamHost ---

  now(): number {
    return monotonicMs();
  }

  ringReleased(ringId: number): void {
    this.#post({ kind: "ring-released", ringId });
  }

  fanOutHost(form: Form): FanOutHost {
    const copies = new Copies(this.rows, false);
    return {
      rows: this.rows,
      preamble: form,
      thread: this.thread,
      now: monotonicMs,
      stretch: () => this.#meter.stretch,
      endRow: (row, reason) => void this.#viewers.end(row, reason),
      sendCopies: (view, row) => copies.send(view, row),
      // A tape's rings are this thread's own.
      ringReleased: () => undefined,
      continueLater: (taker) => this.#turns.continueLater(taker),
      turnEnd: () => this.#turns.end,
    };
  }

  // --- streams ---

  #learn({ streamId, key, settings, announcement }: Omit<StreamNews, "kind">): GatewayStream {
    let stream = this.#streams.get(streamId);
    if (stream === undefined) {
      stream = new GatewayStream(streamId, key, settings, this);
      this.#streams.set(streamId, stream);
    }
    stream.announcement = Math.max(stream.announcement, announcement);
    return stream;
  }

  /** Lets a stream go, unless an answer that overtook this news has announced it again. */
  #forget({ streamId, announcement }: ForgetStream): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined && stream.announcement <= announcement) {
      stream.close();
      this.#streams.delete(streamId);
    }
  }

  // --- turns ---

  #measured(work: () => void): void {
    const began = this.#turns.begin();
    work();
    this.#turns.finish(began);
  }

  #advanceAll(): void {
    this.#measured(() => {
      for (const stream of this.#streams.values()) {
        stream.advance();
      }
    });
  }

  async #listen(): Promise<void> {
    while (!this.#isStopped) {
      const seen = this.#bell.value(this.thread);
      this.#advanceAll();
      const rung = this.#bell.wait(this.thread, seen, BELL_TIMEOUT_MS);
      if (rung !== null) {
        await rung;
      } else {
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
    this.#measured(() => {
      for (const stream of this.#streams.values()) {
        stream.tick();
      }
    });
    if (now >= this.#nextTenth) {
      this.#nextTenth = now + TENTH_MS;
      this.#tickTenth(now);
    }
    if (now >= this.#nextSecond) {
      this.#nextSecond = now + SECOND_MS;
      this.#tickSecond();
    }
    setTimeout(() => this.#tick(), this.#viewers.count > 0 ? TICK_MS : TICK_IDLE_MS);
  }

  #tickTenth(now: number): void {
    if (this.#grace.mayJudge(now)) {
      this.#viewers.checkBlocked(now);
    }
    this.#meter.update(now);
    const { counters } = this.board;
    counters[Counter.Heartbeat] = now;
    counters[Counter.Players] = this.#viewers.count;
    counters[Counter.Utilisation] = this.#meter.utilisation;
    counters[Counter.MergeStretch] = this.#meter.stretch;
    counters[Counter.Sends] = this.rows.sends;
  }

  #tickSecond(): void {
    let skips = 0;
    for (const stream of this.#streams.values()) {
      stream.tickSlow();
      for (const { fanOut } of stream.outlets) {
        skips += fanOut.skips;
      }
    }
    this.board.counters[Counter.Skips] = skips;
  }
}
