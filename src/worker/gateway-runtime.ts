/**
 * What a gateway does: answers HTTP, asks the primary who may watch what, and sends streams in the forms that browsers
 * and CDNs take, each made once for all its viewers here. It reads the rings that shards write and owns no descriptor.
 */
import type { MessagePort } from "node:worker_threads";
import { Board, Counter, RowState } from "../protocol/control/board.ts";
import type {
  EndReason,
  ForgetStream,
  FromShard,
  GatewayStart,
  RingNews,
  SettingsNews,
  StreamNews,
  ViewerAnswer,
} from "../protocol/control/calls.ts";
import { VersionWord } from "../protocol/control/version-word.ts";
import { Doorbell } from "../protocol/ring/doorbell.ts";
import { FlvForm } from "./deliver/flv-form.ts";
import type { Form } from "./deliver/form.ts";
import { HttpRows } from "./deliver/http-rows.ts";
import { GatewayStream, type GatewayStreamHost, type Outlet } from "./deliver/outlet.ts";
import { Viewer } from "./deliver/viewer.ts";
import { runFault } from "./fault.ts";
import { monotonicMs } from "./io/clock.ts";
import type { HeaderList, HttpReply, HttpRequest } from "./io/http-backend.ts";
import { LoadMeter } from "./load-meter.ts";
import { openPrimaryLink, type PrimaryLink } from "./primary-link.ts";
import { SendTurns } from "./send-turns.ts";
import { Copies } from "./session/copies.ts";
import { SettingsChanges } from "./settings-changes.ts";
import { StallGrace } from "./stall-grace.ts";
import type { FanOut } from "./stream/fan-out.ts";
import type { FanOutEnd, FanOutHost } from "./stream/fan-out-host.ts";

const TICK_MS = 10;
const TICK_IDLE_MS = 50;
const TENTH_MS = 100;
const SECOND_MS = 1000;
const BELL_TIMEOUT_MS = 1000;
/** A viewer that took bytes this recently may have a larger ring. */
const TOOK_LATELY_MS = 2000;
const CORS: HeaderList = [
  ["Access-Control-Allow-Origin", "*"],
  ["Access-Control-Allow-Methods", "GET, HEAD, OPTIONS"],
  ["Access-Control-Allow-Headers", "*"],
];

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
  readonly #viewers = new Map<number, Viewer>();
  readonly #cors: HeaderList;
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
    this.#cors = start.crossdomain ? CORS : [];
    this.#changes = new SettingsChanges(new VersionWord(start.version), (change) =>
      this.#streams.get(change.streamId)?.change(change.settings),
    );
    this.#primary = openPrimaryLink(calls, {
      kick: (row, inode, reason) => this.board.inode[row] === inode && this.#kick(row, reason),
      fault: (fault) => runFault(start.allowFaults, fault),
      unused: (lease) => this.ringReleased(lease.ringId),
      unusedRow: (row) => this.#giveBack(row, "closed by peer"),
    });
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
    for (const row of [...this.#viewers.keys()]) {
      this.#end(row, "server stops");
    }
    this.#bell.ring(this.thread);
  }

  /** Answers one request. */
  request(request: HttpRequest, reply: HttpReply): void {
    const { method, path } = request;
    if (method === "OPTIONS") {
      reply.send(204, this.#cors, "");
      return;
    }
    if (method !== "GET" && method !== "HEAD") {
      reply.send(405, [...this.#cors, ["Allow", "GET, HEAD, OPTIONS"]], "Method not allowed\n");
      return;
    }
    const question = {
      path,
      query: request.query,
      host: request.header("host"),
      ip: request.ip,
      referer: request.header("referer"),
      userAgent: request.header("user-agent"),
      isSecure: request.isSecure,
    };
    this.#primary.admitViewer(question).then(
      (answer) => this.#answered(answer, method, reply),
      () => reply.send(504, this.#cors, "No answer in time\n"),
    );
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
      endRow: (row, reason) => this.#end(row, reason),
      sendCopies: (view, row) => copies.send(view, row),
      // A tape's rings are this thread's own.
      ringReleased: () => undefined,
      continueLater: (taker) => this.#turns.continueLater(taker),
      turnEnd: () => this.#turns.end,
    };
  }

  // --- viewers ---

  #answered(answer: ViewerAnswer, method: string, reply: HttpReply): void {
    if (!answer.allowed) {
      const location: HeaderList = answer.location === null ? [] : [["Location", answer.location]];
      const headers: HeaderList = [...this.#cors, ...location, ["Content-Type", "text/plain"]];
      reply.send(answer.status, headers, `${answer.description}\n`);
      return;
    }
    const { row, streamId } = answer;
    const stream = this.#learn(answer);
    const name = `flv/${JSON.stringify(answer.flv)}`;
    const outlet = stream.outlet(name, () => new FlvForm(answer.flv));
    const headers: HeaderList = [
      ...this.#cors,
      ["Content-Type", outlet.form.contentType],
      ["Cache-Control", "no-cache"],
    ];
    if (!reply.isOpen || method === "HEAD" || this.#isStopped) {
      reply.send(200, headers, "");
      this.#giveBack(row, "closed by peer");
      return;
    }
    this.#open(
      new Viewer({ row, streamId, outlet: name }, reply, headers, this.#viewerEvents),
      outlet,
    );
  }

  readonly #viewerEvents = {
    drained: (row: number): void => this.#drained(row),
    gone: (row: number): void => this.#end(row, "closed by peer"),
  };

  #open(viewer: Viewer, { fanOut }: Outlet): void {
    const { row, streamId } = viewer;
    this.#viewers.set(row, viewer);
    this.rows.open(row, viewer);
    Atomics.store(this.board.state, row, RowState.Held);
    this.board.stream[row] = streamId;
    this.board.messageStream[row] = 1;
    this.board.place[row] = -1;
    this.#turns.begin();
    fanOut.join(row);
  }

  #end(row: number, reason: EndReason | FanOutEnd): void {
    const viewer = this.#viewers.get(row);
    if (viewer === undefined) {
      return;
    }
    this.#viewers.delete(row);
    this.#fanOutOf(viewer)?.leave(row);
    this.rows.close(row);
    const inOrder = reason !== "passed by the ring" && reason !== "stalled";
    viewer.end(
      inOrder,
      reason === "no stream" ? 404 : 503,
      reason === "no stream" ? "No such stream" : reason,
    );
    this.#giveBack(row, reason);
  }

  /** The row is FREE again. */
  #giveBack(row: number, reason: EndReason): void {
    const bytesIn = this.board.bytesIn[row] ?? 0;
    const bytesOut = this.board.bytesOut[row] ?? 0;
    Atomics.store(this.board.state, row, RowState.Free);
    this.#post({ kind: "gone", row, reason, detail: "", bytesIn, bytesOut });
  }

  #kick(row: number, reason: EndReason): boolean {
    const isHere = this.#viewers.has(row);
    this.#end(row, reason);
    return isHere;
  }

  #drained(row: number): void {
    const viewer = this.#viewers.get(row);
    if (viewer !== undefined) {
      this.rows.unblock(row);
      this.#turns.begin();
      this.#fanOutOf(viewer)?.sendRow(row);
    }
  }

  #fanOutOf({ streamId, outlet }: Viewer): FanOut | undefined {
    return this.#streams.get(streamId)?.find(outlet)?.fanOut;
  }

  /** Rows that are full: lag, and standing still. */
  #checkBlocked(now: number): void {
    for (const row of [...this.rows.blocked]) {
      const viewer = this.#viewers.get(row);
      const fanOut = viewer === undefined ? undefined : this.#fanOutOf(viewer);
      const stillFor = this.rows.stillFor(row, now);
      if (fanOut !== undefined && stillFor > fanOut.settings.playerStallMs) {
        this.#end(row, "stalled");
      } else {
        fanOut?.checkLag(row, 0, stillFor < TOOK_LATELY_MS);
      }
    }
  }

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
    setTimeout(() => this.#tick(), this.#viewers.size > 0 ? TICK_MS : TICK_IDLE_MS);
  }

  #tickTenth(now: number): void {
    if (this.#grace.mayJudge(now)) {
      this.#checkBlocked(now);
    }
    this.#meter.update(now);
    const { counters } = this.board;
    counters[Counter.Heartbeat] = now;
    counters[Counter.Players] = this.#viewers.size;
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
