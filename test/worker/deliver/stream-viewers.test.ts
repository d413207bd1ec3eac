/** What becomes of each answer of the primary about a viewer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Board, boardBytes, RowState } from "../../../src/protocol/control/board.ts";
import type {
  FromShard,
  ViewerAnswer,
  ViewerQuestion,
} from "../../../src/protocol/control/calls.ts";
import { HttpRows } from "../../../src/worker/deliver/http-rows.ts";
import { corsHeaders } from "../../../src/worker/deliver/http-services.ts";
import { GatewayStream } from "../../../src/worker/deliver/outlet.ts";
import { StreamViewers } from "../../../src/worker/deliver/stream-viewers.ts";
import { settings } from "../settings.ts";
import { FakeReply, fakeRequest } from "./fake-http.ts";

const ROW = 2;
const STREAM_ID = 5;
const ADMITTED: ViewerAnswer = {
  allowed: true,
  row: ROW,
  streamId: STREAM_ID,
  key: "v/live/a",
  settings,
  announcement: 1,
  remux: {
    ...{ format: "flv", hasAudio: true, hasVideo: true, guessHasAv: false },
    ...{ dropsUnannounced: true, fastCacheMs: 0, isLegacyHevc: false },
  },
};

/** One request to viewers whose primary gives this answer. */
class Asking {
  readonly reply = new FakeReply();
  readonly posted: FromShard[] = [];
  readonly board = new Board(new SharedArrayBuffer(boardBytes(4)));
  readonly rows = new HttpRows(this.board, () => 0);
  readonly viewers: StreamViewers;
  question: ViewerQuestion | undefined;
  handedOn = 0;

  constructor(answer: () => Promise<ViewerAnswer>) {
    const { board, posted, rows } = this;
    const stream = new GatewayStream(STREAM_ID, "v/live/a", settings, {
      thread: 0,
      now: () => 0,
      ringReleased: () => undefined,
      outletSpent: () => undefined,
      fanOutHost: (form) => ({
        rows,
        preamble: form,
        thread: 0,
        now: () => 0,
        stretch: () => 1,
        endRow: (row, reason) => void this.viewers.end(row, reason),
        sendCopies: () => 0,
        ringReleased: () => undefined,
        continueLater: () => undefined,
        turnEnd: () => Number.POSITIVE_INFINITY,
      }),
    });
    this.viewers = new StreamViewers({
      board,
      rows,
      cors: corsHeaders(true),
      admitViewer: (question) => {
        this.question = question;
        return answer();
      },
      learn: () => stream,
      beginTurn: () => undefined,
      post: (message) => posted.push(message),
    });
  }

  async ask(method = "GET"): Promise<void> {
    this.viewers.take(fakeRequest(method, "/live/a.flv"), this.reply, () => {
      this.handedOn += 1;
    });
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Why rows were given back. */
  get reasons(): string[] {
    return this.posted.map((message) => (message.kind === "gone" ? message.reason : message.kind));
  }
}

test("a path that no mount serves is handed on, unanswered", async () => {
  const asking = new Asking(() => Promise.resolve({ allowed: false, isMounted: false }));
  await asking.ask();
  assert.equal(asking.question?.path, "/live/a.flv");
  assert.equal(asking.handedOn, 1);
  assert.equal(asking.reply.isOpen, true);
});

test("a refusal is answered here", async () => {
  const refusal = { status: 302, description: "Elsewhere", location: "http://o/live/a.flv" };
  const asking = new Asking(() => Promise.resolve({ allowed: false, isMounted: true, ...refusal }));
  await asking.ask();
  assert.equal(asking.handedOn, 0);
  assert.equal(asking.reply.status, 302);
  assert.equal(new Map(asking.reply.headers).get("Location"), refusal.location);
  assert.equal(new Map(asking.reply.headers).get("Access-Control-Allow-Origin"), "*");
});

test("a primary that does not answer is a 504", async () => {
  const asking = new Asking(() => Promise.reject(new Error("late")));
  await asking.ask();
  assert.equal(asking.reply.status, 504);
});

test("other methods are handed on before anybody is asked", async () => {
  const asking = new Asking(() => Promise.resolve(ADMITTED));
  await asking.ask("POST");
  assert.equal(asking.question, undefined);
  assert.equal(asking.handedOn, 1);
});

test("a viewer holds its row until it is ended", async () => {
  const asking = new Asking(() => Promise.resolve(ADMITTED));
  await asking.ask();
  assert.equal(asking.viewers.count, 1);
  assert.equal(asking.board.state[ROW], RowState.Held);
  assert.equal(asking.viewers.end(ROW, "kicked"), true);
  assert.equal(asking.viewers.end(ROW, "kicked"), false);
  assert.equal(asking.board.state[ROW], RowState.Free);
  assert.deepEqual(asking.reasons, ["kicked"]);
  assert.equal(asking.reply.status, 503);
});

test("E-61 memory is short: a viewer that is full for a second is cut, one that keeps up stays", async () => {
  const asking = new Asking(() => Promise.resolve(ADMITTED));
  await asking.ask();
  asking.rows.sendBytes(ROW, new Uint8Array(10));
  asking.viewers.endSlow(5, 70_000);
  asking.rows.block(ROW);
  asking.viewers.endSlow(5, 999);
  asking.viewers.endSlow(0, 70_000);
  assert.deepEqual(asking.reasons, []);
  asking.viewers.endSlow(1, 1000);
  assert.deepEqual(asking.reasons, ["no memory"]);
  assert.equal(asking.reply.ended, "destroyed", "what waits for it is thrown away");
  assert.equal(asking.viewers.count, 0);
});

test("a viewer that leaves gives its row back", async () => {
  const asking = new Asking(() => Promise.resolve(ADMITTED));
  await asking.ask();
  asking.reply.leave();
  assert.equal(asking.viewers.count, 0);
  assert.deepEqual(asking.reasons, ["closed by peer"]);
});

for (const [what, prepare, method] of [
  ["HEAD", (): void => undefined, "HEAD"],
  ["a client that left", (asking: Asking): boolean => (asking.reply.isOpen = false), "GET"],
  ["a gateway that stops", (asking: Asking): void => asking.viewers.stop(), "GET"],
] as const) {
  test(`a row for ${what} is given back at once`, async () => {
    const asking = new Asking(async () => {
      prepare(asking);
      return ADMITTED;
    });
    await asking.ask(method);
    assert.equal(asking.viewers.count, 0);
    assert.deepEqual(asking.reasons, ["closed by peer"]);
  });
}
