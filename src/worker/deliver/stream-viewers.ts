/**
 * Live streams as endless bodies: asks the primary who may watch what, and keeps a row for each viewer. Paths that no
 * mount serves are handed on.
 */
import { type Board, RowState } from "../../protocol/control/board.ts";
import type {
  EndReason,
  FromShard,
  ViewerAnswer,
  ViewerQuestion,
} from "../../protocol/control/calls.ts";
import { countRefusal } from "../../protocol/control/refusal-counts.ts";
import type { HeaderList, HttpReply, HttpRequest } from "../io/http-backend.ts";
import { slowest } from "../stream/slowest.ts";
import type { HttpRows } from "./http-rows.ts";
import type { HttpService } from "./http-service.ts";
import type { GatewayStream, Outlet } from "./outlet.ts";
import { Viewer } from "./viewer.ts";
import { viewerQuestion } from "./viewer-question.ts";

/** A viewer that took bytes this recently may have a larger ring. */
const TOOK_LATELY_MS = 2000;

type Admitted = Extract<ViewerAnswer, { allowed: true }>;
type Refused = Extract<ViewerAnswer, { allowed: false; isMounted: true }>;

/** What viewers are served with. */
export interface StreamViewersHost {
  readonly board: Board;
  readonly rows: HttpRows;
  /** Headers of every answer. */
  readonly cors: HeaderList;
  admitViewer(question: ViewerQuestion): Promise<ViewerAnswer>;
  /** Makes the stream of an answer known, if it is not. */
  learn(answer: Admitted): GatewayStream;
  /** A turn of sending begins. */
  beginTurn(): void;
  post(message: FromShard): void;
}

/** All viewers of a gateway. */
export class StreamViewers implements HttpService {
  readonly #host: StreamViewersHost;
  readonly #viewers = new Map<number, Viewer>();
  #isStopped = false;
  /** Closed because they took nothing. */
  stalls = 0;
  /** Closed because the stream had passed them. */
  resets = 0;

  constructor(host: StreamViewersHost) {
    this.#host = host;
  }

  /** Viewers that hold a row. */
  get count(): number {
    return this.#viewers.size;
  }

  take(request: HttpRequest, reply: HttpReply, next: () => void): void {
    const { method } = request;
    if (method !== "GET" && method !== "HEAD") {
      next();
      return;
    }
    const question = viewerQuestion(request);
    this.#host.admitViewer(question).then(
      (answer) => {
        if (answer.allowed) {
          this.#serve(answer, method, reply);
        } else if (answer.isMounted) {
          this.#refuse(answer, reply);
        } else {
          next();
        }
      },
      () => {
        countRefusal(this.#host.board.counters, "http_no_answer");
        reply.send(504, this.#host.cors, "No answer in time\n");
      },
    );
  }

  /** Ends the viewer of a row. @returns false when there is none. */
  end(row: number, reason: EndReason): boolean {
    const viewer = this.#viewers.get(row);
    if (viewer === undefined) {
      return false;
    }
    this.#viewers.delete(row);
    viewer.outlet.fanOut.leave(row);
    this.#host.rows.close(row);
    const [isPassed, isStalled] = [reason === "passed by the ring", reason === "stalled"];
    this.resets += isPassed ? 1 : 0;
    this.stalls += isStalled ? 1 : 0;
    const inOrder = !(isPassed || isStalled || reason === "no memory");
    viewer.end(
      inOrder,
      reason === "no stream" ? 404 : 503,
      reason === "no stream" ? "No such stream" : reason,
    );
    this.#giveBack(row, reason);
    return true;
  }

  /** A row that came for nobody is FREE again. */
  unused(row: number): void {
    this.#giveBack(row, "closed by peer");
  }

  /** Rows that are full: lag, and standing still. `now` in milliseconds, monotonic. */
  checkBlocked(now: number): void {
    const { rows } = this.#host;
    for (const row of [...rows.blocked]) {
      const viewer = this.#viewers.get(row);
      const fanOut = viewer?.outlet.fanOut;
      const stillFor = rows.stillFor(row, now);
      if (fanOut !== undefined && stillFor > fanOut.settings.playerStallMs) {
        this.end(row, "stalled");
      } else {
        fanOut?.checkLag(row, 0, stillFor < TOOK_LATELY_MS);
      }
    }
  }

  /** Memory is short: ends at most `count` of those that lag most. `now` in milliseconds, monotonic. */
  endSlow(count: number, now: number): void {
    const { rows } = this.#host;
    const lagOf = (row: number): number =>
      Math.max(rows.stillFor(row, now), this.#viewers.get(row)?.outlet.fanOut.lagMs(row, 0) ?? 0);
    for (const { row } of slowest(rows.blocked, count, lagOf)) {
      this.end(row, "no memory");
    }
  }

  /** Viewers of `spent` that have had nothing yet go to `next`; null: all of them are ended. */
  reseat(spent: Outlet, next: Outlet | null): void {
    for (const [row, viewer] of [...this.#viewers]) {
      if (viewer.outlet === spent && next === null) {
        this.end(row, "closed");
      } else if (viewer.outlet === spent && next !== null && !viewer.isBegun) {
        spent.fanOut.leave(row);
        viewer.outlet = next;
        next.fanOut.join(row);
      }
    }
  }

  /** Ends every viewer, and those to come. */
  stop(): void {
    this.#isStopped = true;
    for (const row of [...this.#viewers.keys()]) {
      this.end(row, "server stops");
    }
  }

  #refuse({ status, description, location }: Refused, reply: HttpReply): void {
    const where: HeaderList = location === null ? [] : [["Location", location]];
    const headers: HeaderList = [...this.#host.cors, ...where, ["Content-Type", "text/plain"]];
    reply.send(status, headers, `${description}\n`);
  }

  #serve(answer: Admitted, method: string, reply: HttpReply): void {
    const { row, streamId } = answer;
    const stream = this.#host.learn(answer);
    const outlet = stream.outletOf(answer.remux);
    const headers: HeaderList = [
      ...this.#host.cors,
      ["Content-Type", outlet.form.contentType],
      ["Cache-Control", "no-cache"],
    ];
    if (!reply.isOpen || method === "HEAD" || this.#isStopped) {
      reply.send(200, headers, "");
      this.unused(row);
      return;
    }
    const viewer = new Viewer({ row, outlet }, reply, headers, this.#viewerEvents);
    this.#open(viewer, streamId);
  }

  readonly #viewerEvents = {
    drained: (row: number): void => this.#drained(row),
    gone: (row: number): void => void this.end(row, "closed by peer"),
  };

  #open(viewer: Viewer, streamId: number): void {
    const { row } = viewer;
    const { board, rows } = this.#host;
    this.#viewers.set(row, viewer);
    rows.open(row, viewer);
    Atomics.store(board.state, row, RowState.Held);
    board.stream[row] = streamId;
    board.messageStream[row] = 1;
    board.place[row] = -1;
    this.#host.beginTurn();
    viewer.outlet.fanOut.join(row);
  }

  /** The row is FREE again. */
  #giveBack(row: number, reason: EndReason): void {
    const { board } = this.#host;
    const bytesIn = board.bytesIn[row] ?? 0;
    const bytesOut = board.bytesOut[row] ?? 0;
    Atomics.store(board.state, row, RowState.Free);
    this.#host.post({ kind: "gone", row, reason, detail: "", bytesIn, bytesOut });
  }

  #drained(row: number): void {
    const viewer = this.#viewers.get(row);
    if (viewer !== undefined) {
      this.#host.rows.unblock(row);
      this.#host.beginTurn();
      viewer.outlet.fanOut.sendRow(row);
    }
  }
}
