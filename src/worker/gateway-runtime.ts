/**
 * What a gateway does: answers HTTP by services in an order, and sends streams in the forms that browsers and CDNs
 * take, each made once for all its viewers here. It reads the rings that shards write and owns no descriptor.
 */
import type { MessagePort } from "node:worker_threads";
import type { ApiQuestion } from "../protocol/control/api.ts";
import { Board, Counter } from "../protocol/control/board.ts";
import type {
  EndSlow,
  ForgetStream,
  FromShard,
  GatewayStart,
  HlsQuestion,
  RingNews,
  SettingsNews,
  StaticNews,
  StreamNews,
} from "../protocol/control/calls.ts";
import type { HlsEnded, HlsNews, HlsTold } from "../protocol/control/hls.ts";
import type { HlsGuards } from "../protocol/control/hls-guards.ts";
import { countRefusal, type RefusalSink } from "../protocol/control/refusal-counts.ts";
import { VersionWord } from "../protocol/control/version-word.ts";
import { Doorbell } from "../protocol/ring/doorbell.ts";
import { ApiService } from "./deliver/api-service.ts";
import { ConsoleService } from "./deliver/console-service.ts";
import type { Form } from "./deliver/form.ts";
import { HlsService } from "./deliver/hls-service.ts";
import { HttpRows } from "./deliver/http-rows.ts";
import { corsHeaders, HttpServices } from "./deliver/http-services.ts";

import { GatewayStream, type GatewayStreamHost, type Outlet } from "./deliver/outlet.ts";
import { StaticFiles } from "./deliver/static-files.ts";

import { StreamViewers } from "./deliver/stream-viewers.ts";
import { runFault } from "./fault.ts";
import { monotonicMs } from "./io/clock.ts";
import type { HttpReply, HttpRequest } from "./io/http-backend.ts";
import { openPrimaryLink, type PrimaryLink } from "./primary-link.ts";
import { Copies } from "./session/copies.ts";
import type { FanOutHost } from "./stream/fan-out-host.ts";
import { KnownStreams } from "./stream/known-streams.ts";
import { ThreadLoop } from "./thread-loop.ts";

/** News of streams. */
export type GatewayNews =
  | StreamNews
  | RingNews
  | SettingsNews
  | ForgetStream
  | EndSlow
  | StaticNews
  | HlsNews
  | HlsEnded
  | HlsGuards
  | HlsTold;

/** One gateway thread's state. */
export class GatewayRuntime implements GatewayStreamHost {
  readonly thread: number;
  readonly board: Board;
  readonly rows: HttpRows;
  readonly #post: (message: FromShard) => void;
  readonly #primary: PrimaryLink;
  readonly #streams: KnownStreams<GatewayStream>;
  readonly #loop: ThreadLoop;
  readonly #viewers: StreamViewers;
  readonly #files: StaticFiles;
  readonly #hls: HlsService;
  readonly #services: HttpServices;

  constructor(start: GatewayStart, calls: MessagePort, post: (message: FromShard) => void) {
    this.#post = post;
    this.thread = start.thread;
    this.board = new Board(start.board);
    this.rows = new HttpRows(this.board, monotonicMs);
    this.#streams = new KnownStreams({
      open: ({ streamId, key, settings }) => new GatewayStream(streamId, key, settings, this),
      ringReleased: (ringId) => this.ringReleased(ringId),
    });
    this.#loop = this.#openLoop(start);
    this.#primary = openPrimaryLink(calls, {
      kick: (row, inode, reason) =>
        this.board.inode[row] === inode && this.#viewers.end(row, reason),
      fault: (fault) => runFault(start.allowFaults, fault, () => this.#loop.beat()),
      unused: (lease) => this.ringReleased(lease.ringId),
      unusedRow: (row) => this.#viewers.unused(row),
    });
    const cors = corsHeaders(start.crossdomain);
    this.#viewers = new StreamViewers({
      board: this.board,
      rows: this.rows,
      cors,
      admitViewer: (question) => this.#primary.admitViewer(question),
      learn: (answer) => this.#streams.learn(answer),
      beginTurn: () => void this.#loop.turns.begin(),
      post,
    });
    const primary = { api: (question: ApiQuestion) => this.#primary.api(question) };
    const refused: RefusalSink = (reason) => countRefusal(this.board.counters, reason);
    const api = new ApiService(primary, refused);
    const version = new VersionWord(start.version);
    const hls = {
      cors,
      now: monotonicMs,
      version: () => version.current,
      admitHls: (question: HlsQuestion) => this.#primary.admitHls(question),
      post,
    };
    this.#hls = new HlsService(hls, refused);
    this.#files = new StaticFiles(start.mounts, cors, undefined, refused, (path, request) =>
      this.#hls.admitsFile(path, request),
    );
    const console = new ConsoleService(primary, undefined, refused);
    const services = [api, console, this.#hls, this.#viewers, this.#files];
    this.#services = new HttpServices(services, cors, api, refused);
  }

  /** Starts ticking and listening to the doorbell. */
  run(): void {
    this.#loop.run();
  }

  /** Takes news of the primary. */
  take(news: GatewayNews): void {
    this.#loop.turns.begin();
    if (news.kind === "settings") {
      this.#loop.take(news);
    } else if (news.kind === "static") {
      this.#files.change(news.mounts);
    } else if (news.kind === "end-slow") {
      this.#viewers.endSlow(news.count, monotonicMs());
    } else if (isOfHls(news)) {
      this.#hls.news(news);
    } else {
      this.#streams.take(news);
    }
  }

  /** Ends every viewer; nothing runs after. */
  stop(): void {
    this.#viewers.stop();
    this.#files.stop();
    this.#hls.stop();
    this.#loop.stop();
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

  outletSpent(spent: Outlet, next: Outlet | null): void {
    this.#viewers.reseat(spent, next);
  }

  fanOutHost(form: Form): FanOutHost {
    const copies = new Copies(this.rows, false);
    return {
      rows: this.rows,
      preamble: form,
      thread: this.thread,
      now: monotonicMs,
      stretch: () => this.#loop.stretch,
      endRow: (row, reason) => void this.#viewers.end(row, reason),
      sendCopies: (view, row) => copies.send(view, row),
      // A tape's rings are this thread's own.
      ringReleased: () => undefined,
      continueLater: (taker) => this.#loop.turns.continueLater(taker),
      turnEnd: () => this.#loop.turns.end,
    };
  }

  // --- inside ---

  #openLoop(start: GatewayStart): ThreadLoop {
    return new ThreadLoop({
      start,
      board: this.board,
      bell: new Doorbell(start.doorbells),
      streams: this.#streams,
      post: this.#post,
      work: {
        isServing: () => this.#viewers.count > 0,
        poll: () => undefined,
        judge: (now) => this.#viewers.checkBlocked(now),
        tickTenth: (now) => {
          this.#hls.tick(now);
          const { counters } = this.board;
          counters[Counter.Players] = this.#viewers.count;
          counters[Counter.Stalls] = this.#viewers.stalls;
          counters[Counter.Resets] = this.#viewers.resets;
          counters[Counter.Sends] = this.rows.sends;
        },
        tickSlow: () => this.#hls.tickSlow(),
        change: ({ streamId, settings }) => this.#streams.find(streamId)?.change(settings),
      },
    });
  }
}

function isOfHls(news: GatewayNews): news is HlsNews | HlsEnded | HlsGuards | HlsTold {
  return /^hls(?:-|$)/.test(news.kind);
}
