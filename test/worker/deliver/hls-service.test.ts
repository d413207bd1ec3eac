/** What a gateway answers of HLS: at once, when it comes, or not at all. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { FromShard, HlsQuestion } from "../../../src/protocol/control/calls.ts";
import type {
  HlsAnswer,
  HlsFile,
  HlsNews,
  HlsPlaylist,
} from "../../../src/protocol/control/hls.ts";
import { HlsService } from "../../../src/worker/deliver/hls-service.ts";
import type { HttpRequest } from "../../../src/worker/io/http-backend.ts";
import { FakeReply, fakeRequest } from "./fake-http.ts";

const KEY = "__defaultVhost__/live/a";
const ADMITTED: HlsAnswer = {
  kind: "admitted",
  key: KEY,
  session: "s1",
  isNew: false,
  isNamed: true,
  hasSegmentSessions: true,
  isMasterRelative: false,
  waitMs: 1000,
};

function playlist(nextSequence: number, more: Partial<HlsPlaylist> = {}): HlsPlaylist {
  return {
    text: `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:${nextSequence - 1}\n#EXTINF:1.000, no desc\na-${nextSequence - 1}.ts\n`,
    deltaText: null,
    mediaSequence: nextSequence - 1,
    parts: [],
    nextSequence,
    openParts: 0,
    hint: "",
    ...more,
  };
}

function file(id: number, path: string): HlsFile {
  const bytes = new SharedArrayBuffer(188);
  return { id, path, contentType: "video/MP2T", bytes };
}

function request(path: string, query = "", method = "GET"): HttpRequest {
  return { ...fakeRequest(method, path), query };
}

describe("the service", () => {
  let service: HlsService;
  let now: number;
  let answer: HlsAnswer;
  let questions: HlsQuestion[];
  let posted: FromShard[];

  beforeEach(() => {
    now = 0;
    answer = ADMITTED;
    questions = [];
    posted = [];
    service = new HlsService({
      cors: [["Access-Control-Allow-Origin", "*"]],
      now: () => now,
      admitHls: (question) => {
        questions.push(question);
        return Promise.resolve(answer);
      },
      post: (message) => posted.push(message),
    });
    service.news({ kind: "hls-told" });
  });

  function tell(news: Partial<HlsNews>): void {
    const none = { added: [], dropped: [], segment: null, isFirst: false };
    service.news({
      kind: "hls",
      key: KEY,
      path: "/live/a.m3u8",
      playlist: undefined,
      ...none,
      ...news,
    });
  }

  async function ask(asked: HttpRequest): Promise<FakeReply & { wasNext: boolean }> {
    const reply = Object.assign(new FakeReply(), { wasNext: false });
    service.take(asked, reply, () => {
      reply.wasNext = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    return reply;
  }

  test("hands on what is none of it", async () => {
    assert.equal((await ask(request("/live/a.flv"))).wasNext, true);
    assert.equal((await ask(request("/live/a-9.ts"))).wasNext, true);
    assert.equal((await ask(request("/live/%zz.m3u8"))).wasNext, true);
    assert.equal((await ask(request("/live/a.m3u8", "", "POST"))).wasNext, true);
    assert.equal(questions.length, 0);
    answer = { kind: "elsewhere" };
    assert.equal((await ask(request("/vod/film.m3u8"))).wasNext, true);
  });

  test("a refusal is told with its status, and with where the playlist is instead", async () => {
    const location = "http://127.0.0.2:8080/live/a.m3u8";
    answer = { kind: "refused", status: 302, description: "elsewhere", location };
    const sent = await ask(request("/live/a.m3u8"));
    assert.deepEqual([sent.status, new Map(sent.headers).get("Location")], [302, location]);
    answer = { kind: "refused", status: 404, description: "nowhere", location: null };
    const refused = await ask(request("/live/a.m3u8"));
    assert.deepEqual([refused.status, new Map(refused.headers).has("Location")], [404, false]);
  });

  test("a new viewer is told of its session, with what it asked for", async () => {
    answer = { ...ADMITTED, isNew: true };
    const master = await ask(request("/live/a.m3u8", "token=x&hls_ctx="));
    assert.equal(
      master.body,
      "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,AVERAGE-BANDWIDTH=1\n/live/a.m3u8?hls_ctx=s1&token=x\n",
    );
    answer = { ...ADMITTED, isNew: true, isMasterRelative: true };
    assert.match((await ask(request("/live/a.m3u8"))).body, /\na\.m3u8\?hls_ctx=s1\n$/);
  });

  test("a session is asked about once, its segments carry it, and its requests are told", async () => {
    tell({ playlist: playlist(1), added: [file(1, "/live/a-0.ts")] });
    for (let round = 0; round < 3; round += 1) {
      const { body } = await ask(request("/live/a.m3u8", "hls_ctx=s1"));
      assert.match(body, /\na-0\.ts\?hls_ctx=s1\n$/);
    }
    assert.equal(questions.length, 1);
    assert.equal((await ask(request("/live/a-0.ts", "hls_ctx=s1"))).status, 200);
    service.tickSlow();
    const [touched] = posted;
    assert.equal(touched?.kind, "hls-touched");
    assert.deepEqual(touched?.kind === "hls-touched" && touched.sessions.map(([id]) => id), ["s1"]);
    assert.ok(touched?.kind === "hls-touched" && (touched.sessions[0]?.[1] ?? 0) > 188);
    // Under another path it is another question.
    await ask(request("/live/b.m3u8", "hls_ctx=s1"));
    assert.equal(questions.length, 2);
  });

  test("a session that is over is asked about again; one that was ended gets nothing", async () => {
    tell({ playlist: playlist(1), added: [file(1, "/live/a-0.ts")] });
    await ask(request("/live/a.m3u8", "hls_ctx=s1"));
    service.news({ kind: "hls-ended", sessions: ["s1"], isInterrupted: false });
    await ask(request("/live/a.m3u8", "hls_ctx=s1"));
    assert.equal(questions.length, 2);
    service.news({ kind: "hls-ended", sessions: ["s1"], isInterrupted: true });
    assert.equal((await ask(request("/live/a-0.ts", "hls_ctx=s1"))).status, 404);
    now = 121_000;
    service.tickSlow();
    assert.equal((await ask(request("/live/a-0.ts", "hls_ctx=s1"))).status, 200);
  });

  test("a playlist that is not there yet is waited for, and no longer than was said", async () => {
    const [first, second] = [
      await ask(request("/live/a.m3u8")),
      await ask(request("/live/a.m3u8")),
    ];
    assert.equal(first.isOpen, true);
    second.leave();
    tell({ playlist: playlist(1) });
    assert.equal(first.status, 200);
    assert.equal(second.status, 0);
    tell({ playlist: null });
    const late = await ask(request("/live/a.m3u8"));
    now = 999;
    service.tick(now);
    assert.equal(late.isOpen, true);
    now = 1000;
    service.tick(now);
    assert.equal(late.status, 404);
  });

  test("blocking reloads and announced parts", async () => {
    const parts = { parts: [2, 2], hint: "/live/a-5.1.m4s", openParts: 1, mediaSequence: 3 };
    tell({ playlist: playlist(5, parts), added: [file(1, "/live/a-5.0.m4s")] });
    const reload = (query: string) => ask(request("/live/a.m3u8", `hls_ctx=s1&${query}`));
    assert.equal((await reload("_HLS_msn=5&_HLS_part=0")).status, 200);
    assert.equal((await reload("_HLS_msn=99")).status, 400);
    assert.equal((await reload("_HLS_part=1")).status, 400);
    const next = await reload("_HLS_msn=5&_HLS_part=1");
    const part = await ask(request("/live/a-5.1.m4s"));
    const never = await reload("_HLS_msn=6");
    assert.deepEqual([next.isOpen, part.isOpen, never.isOpen], [true, true, true]);
    const later = { ...parts, hint: "/live/a-5.2.m4s", openParts: 2 };
    tell({ playlist: playlist(5, later), added: [file(2, "/live/a-5.1.m4s")] });
    assert.deepEqual([next.status, part.status, never.status], [200, 200, 0]);
    assert.equal((await ask(request("/live/a-5.3.m4s"))).wasNext, true);
    now = 60_000;
    service.tick(now);
    assert.equal(never.status, 503);
  });

  test("a file leaves when it is dropped, but not with an older one of its name", async () => {
    tell({ playlist: playlist(1), added: [file(1, "/live/a-0.ts")] });
    tell({ added: [file(2, "/live/a-0.ts")], dropped: [1] });
    assert.equal((await ask(request("/live/a-0.ts"))).status, 200);
    tell({ dropped: [2] });
    assert.equal((await ask(request("/live/a-0.ts"))).wasNext, true);
  });

  test("a gateway that has just started says of nothing that it is not there", async () => {
    const young = new HlsService({
      cors: [],
      now: () => now,
      admitHls: () => Promise.resolve(answer),
      post: () => undefined,
    });
    service = young;
    const early = await ask(request("/live/a-0.ts"));
    const other = await ask(request("/live/a-1.ts"));
    assert.equal((await ask(request("/live/a.flv"))).wasNext, true);
    assert.deepEqual([early.isOpen, other.wasNext], [true, false]);
    tell({ playlist: playlist(1), added: [file(1, "/live/a-0.ts")] });
    young.news({ kind: "hls-told" });
    assert.deepEqual([early.status, other.wasNext], [200, true]);
  });

  test("a stop answers all who wait", async () => {
    const waiting = await ask(request("/live/a.m3u8"));
    service.stop();
    assert.equal(waiting.status, 404);
  });
});
