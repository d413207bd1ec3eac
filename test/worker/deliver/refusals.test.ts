/** What a gateway refuses without asking the primary is counted by reason; what the primary refused is not counted twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import type { HlsAnswer } from "../../../src/protocol/control/hls.ts";
import { countRefusal, readRefusals } from "../../../src/protocol/control/refusal-counts.ts";
import { API_QUERY_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { ApiService } from "../../../src/worker/deliver/api-service.ts";
import { ConsoleService } from "../../../src/worker/deliver/console-service.ts";
import { HlsService } from "../../../src/worker/deliver/hls-service.ts";
import type { HttpService } from "../../../src/worker/deliver/http-service.ts";
import { HttpServices } from "../../../src/worker/deliver/http-services.ts";
import { StaticFiles } from "../../../src/worker/deliver/static-files.ts";
import type { HttpRequest } from "../../../src/worker/io/http-backend.ts";
import { FakeReply, fakeRequest } from "./fake-http.ts";

const late = (): Promise<never> => Promise.reject(new Error("no answer"));
const ADMITTED: HlsAnswer = {
  kind: "admitted",
  session: "",
  key: "v/live/a",
  isNew: false,
  isNamed: true,
  hasSegmentSessions: true,
  isMasterRelative: false,
  isForAll: false,
  waitMs: 1000,
};

interface Case {
  readonly what: string;
  readonly service: (count: Parameters<typeof countRefusal>[0]) => HttpService;
  readonly request: HttpRequest;
  readonly counted: readonly string[];
}

function hls(answer: () => Promise<HlsAnswer>, nowMs: () => number = () => 0) {
  return (counters: Float64Array): HlsService => {
    const host = {
      cors: [],
      now: nowMs,
      version: () => 0,
      admitHls: answer,
      post: () => undefined,
    };
    const service = new HlsService(host, (reason) => countRefusal(counters, reason));
    service.news({ kind: "hls-told" });
    return service;
  };
}

const CASES: readonly Case[] = [
  {
    what: "the API's call is not answered",
    service: (counters) =>
      new ApiService({ api: late }, (reason) => countRefusal(counters, reason)),
    request: fakeRequest("GET", "/api/v1/versions"),
    counted: ["http_no_answer"],
  },
  {
    what: "a query of the API is too long",
    service: (counters) =>
      new ApiService({ api: late }, (reason) => countRefusal(counters, reason)),
    request: {
      ...fakeRequest("GET", "/api/v1/versions"),
      query: "a".repeat(API_QUERY_BYTES_MAX + 1),
    },
    counted: ["http_bad_request"],
  },
  {
    what: "the console's call is not answered",
    service: (counters) =>
      new ConsoleService({ api: late }, undefined, (reason) => countRefusal(counters, reason)),
    request: fakeRequest("GET", "/console/"),
    counted: ["http_no_answer"],
  },
  {
    what: "a path that is none",
    service: (counters) => {
      const mounts = [{ host: "", path: "/", dir: "/nowhere" }] as unknown as ConstructorParameters<
        typeof StaticFiles
      >[0];
      return new StaticFiles(mounts, [], 1000, (reason) => countRefusal(counters, reason));
    },
    request: fakeRequest("GET", "/%zz/../%00"),
    counted: ["http_bad_request"],
  },
  {
    what: "a playlist's call is not answered",
    service: hls(late),
    request: fakeRequest("GET", "/live/a.m3u8"),
    counted: ["http_no_answer"],
  },
  {
    what: "a reload that is none",
    service: hls(() => Promise.resolve(ADMITTED)),
    request: { ...fakeRequest("GET", "/live/a.m3u8"), query: "_HLS_msn=x" },
    counted: ["http_bad_request"],
  },
  {
    what: "what the primary has refused and counted",
    service: hls(() =>
      Promise.resolve({ kind: "refused", status: 403, description: "no", location: null }),
    ),
    request: fakeRequest("GET", "/live/a.m3u8"),
    counted: [],
  },
];

for (const { what, service, request, counted } of CASES) {
  test(what, async () => {
    const { counters } = new Board(new SharedArrayBuffer(boardBytes(1)));
    const reply = new FakeReply();
    service(counters).take(request, reply, () => assert.fail("handed on"));
    await nextTurn();
    assert.ok(reply.status >= 400, `${reply.status}`);
    const found = readRefusals(counters).map(([reason]) => reason);
    assert.deepEqual(found, counted);
  });
}

test("what nobody serves, and a method that nobody takes", () => {
  const { counters } = new Board(new SharedArrayBuffer(boardBytes(1)));
  const services = new HttpServices([], [], null, (reason) => countRefusal(counters, reason));
  for (const method of ["GET", "HEAD", "POST"]) {
    services.take(fakeRequest(method, "/nothing"), new FakeReply());
  }
  // Whoever has left is not refused.
  const gone = new FakeReply();
  gone.onGone(() => undefined);
  gone.leave();
  services.take(fakeRequest("GET", "/nothing"), gone);
  assert.deepEqual(readRefusals(counters), [
    ["http_not_found", 2],
    ["http_bad_method", 1],
  ]);
});

test("a playlist that does not come in time", async () => {
  const { counters } = new Board(new SharedArrayBuffer(boardBytes(1)));
  let now = 0;
  const service = hls(
    () => Promise.resolve(ADMITTED),
    () => now,
  )(counters);
  const waiting = new FakeReply();
  service.take(fakeRequest("GET", "/live/a.m3u8"), waiting, () => undefined);
  await nextTurn();
  now = ADMITTED.kind === "admitted" ? ADMITTED.waitMs + 1 : 0;
  service.tick(now);
  assert.equal(waiting.status, 404);
  assert.deepEqual(readRefusals(counters), [["http_late", 1]]);
});
