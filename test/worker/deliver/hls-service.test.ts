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
import { HLS_OPEN_PLAYLISTS_MAX, HLS_WAITING_MAX } from "../../../src/protocol/limits.ts";
import { HlsService } from "../../../src/worker/deliver/hls-service.ts";
import type { HttpRequest } from "../../../src/worker/io/http-backend.ts";
import { FakeReply, fakeRequest } from "./fake-http.ts";

const KEY = "__defaultVhost__/live/a";
const ADMITTED: Extract<HlsAnswer, { kind: "admitted" }> = {
  ...{ kind: "admitted", key: KEY, session: "s1", isNew: false, isNamed: true },
  ...{ hasSegmentSessions: true, isMasterRelative: false, isForAll: false, waitMs: 1000 },
};

function playlist(nextSequence: number, more: Partial<HlsPlaylist> = {}): HlsPlaylist {
  return {
    text: `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:${nextSequence - 1}\n#EXTINF:1.000, no desc\na-${nextSequence - 1}.ts\n`,
    mediaSequence: nextSequence - 1,
    nextSequence,
    ...{ deltaText: null, parts: [], openParts: 0, hint: "", group: 0 },
    ...more,
  };
}

function file(id: number, path: string): HlsFile {
  const bytes = new SharedArrayBuffer(188);
  const uri = path.slice(path.lastIndexOf("/") + 1);
  return { id, path, uri, group: 0, contentType: "video/MP2T", bytes };
}

function request(path: string, query = "", method = "GET"): HttpRequest {
  return { ...fakeRequest(method, path), query };
}

describe("the service", () => {
  let service: HlsService;
  let now: number;
  let answer: HlsAnswer;
  let version: number;
  let questions: HlsQuestion[];
  let posted: FromShard[];

  beforeEach(() => {
    now = 0;
    answer = ADMITTED;
    version = 0;
    questions = [];
    posted = [];
    service = new HlsService({
      cors: [["Access-Control-Allow-Origin", "*"]],
      now: () => now,
      version: () => version,
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

  test("segments carry the vhost by which the playlist was asked for", async () => {
    tell({ playlist: playlist(1) });
    for (const query of ["vhost=b.example", "domain=b.example", "vhost=&domain=b.example"]) {
      const { body } = await ask(request("/live/a.m3u8", `hls_ctx=s1&${query}`));
      assert.match(body, /\na-0\.ts\?hls_ctx=s1&vhost=b\.example\n$/, query);
    }
  });

  describe("a playlist that anybody may have", () => {
    const forAll: HlsAnswer = { ...ADMITTED, session: `/${KEY}`, isNamed: false, isForAll: true };
    const poll = (query = ""): Promise<FakeReply> => ask(request("/live/a.m3u8", query));

    beforeEach(() => {
      answer = forAll;
      tell({ playlist: playlist(1) });
    });

    test("is asked about once in a second, whoever wants it, and its requests are told", async () => {
      for (now = 0; now < 10_000; now += 5) {
        assert.equal((await poll(now % 10 === 0 ? "" : `_HLS_skip=YES&t=${now}`)).status, 200);
      }
      assert.equal(questions.length, 10, "2000 polls");
      service.tickSlow();
      assert.equal(posted.length, 1);
      assert.deepEqual(posted[0]?.kind === "hls-touched" && posted[0].sessions.map(([id]) => id), [
        `/${KEY}`,
      ]);
    });

    test("of many that come when it is time one asks, the others do not wait", async () => {
      await poll();
      now = 1000;
      const replies = await Promise.all(Array.from({ length: 50 }, () => poll()));
      assert.ok(replies.every(({ status }) => status === 200));
      assert.equal(questions.length, 2);
    });

    test("is asked about when the configuration changed, also while the question was on its way", async () => {
      await poll();
      version = 1;
      const asked = poll();
      version = 2;
      await asked;
      await poll();
      assert.equal(questions.length, 3);
      await poll();
      assert.equal(questions.length, 3);
    });

    test("is asked about when the stream has none any more, or the session of all is over", async () => {
      await poll();
      service.news({ kind: "hls-ended", sessions: ["s9"], refusedMs: 0 });
      await poll();
      assert.equal(questions.length, 1);
      service.news({ kind: "hls-ended", sessions: [`/${KEY}`], refusedMs: 0 });
      await poll();
      assert.equal(questions.length, 2);
      tell({ playlist: null });
      answer = { kind: "refused", status: 404, description: "gone", location: null };
      assert.equal((await poll()).status, 404);
      tell({ playlist: playlist(1) });
      assert.equal((await poll()).status, 404, "a refusal is kept for nobody");
      assert.equal(questions.length, 4);
    });

    test("other hosts, other ways to name a vhost, and sessions that were ended are asked about", async () => {
      await poll();
      const elsewhere = { ...request("/live/a.m3u8"), header: () => "another" };
      await ask(elsewhere);
      const spellings = [
        "vhost=x",
        "v%68ost=x",
        "domain=x",
        "a...vhost...x",
        "VHOST=x",
        "+vhost=x",
      ];
      for (const query of spellings) {
        await poll(query);
      }
      assert.equal(questions.length, 2 + spellings.length);
      service.news({ kind: "hls-ended", sessions: ["s3"], refusedMs: 120_000 });
      await poll("hls_ctx=s3");
      assert.equal(questions.length, 3 + spellings.length);
    });

    test("how many are kept is bounded, and none longer than it counts", async () => {
      for (let host = 0; host <= HLS_OPEN_PLAYLISTS_MAX; host += 1) {
        service.take(
          { ...request("/live/a.m3u8"), header: () => `h${host}` },
          new FakeReply(),
          () => undefined,
        );
      }
      await poll();
      await poll();
      assert.equal(questions.length, HLS_OPEN_PLAYLISTS_MAX + 3, "no room");
      now = 1000;
      service.tickSlow();
      await poll();
      await poll();
      assert.equal(questions.length, HLS_OPEN_PLAYLISTS_MAX + 4);
    });
  });

  test("who waits for one stream is nothing to news of another, and how many wait is bounded", async () => {
    const parts = { parts: [2], hint: "/live/a-1.1.m4s", openParts: 1 };
    tell({ playlist: playlist(1, parts) });
    await ask(request("/live/a.m3u8", "hls_ctx=s1"));
    const replies = Array.from({ length: HLS_WAITING_MAX + 5 }, () => new FakeReply());
    for (const reply of replies) {
      service.take(request("/live/a.m3u8", "hls_ctx=s1&_HLS_msn=2"), reply, () => undefined);
    }
    const late = replies.filter(({ status }) => status === 503);
    assert.equal(late.length, 5);
    // Whoever leaves makes room.
    replies[0]?.leave();
    const last = await ask(request("/live/a.m3u8", "hls_ctx=s1&_HLS_msn=2"));
    assert.equal(last.isOpen, true);
    tell({ key: "__defaultVhost__/live/b", path: "/live/b.m3u8", playlist: playlist(9) });
    assert.equal(last.isOpen, true);
    tell({ playlist: playlist(3, parts) });
    assert.equal(last.status, 200);
    assert.equal(replies.filter(({ status }) => status === 200).length, HLS_WAITING_MAX - 1);
    assert.equal((await ask(request("/live/a.m3u8", "hls_ctx=s1&_HLS_msn=4"))).isOpen, true);
  });

  test("what no reload is gets 400: far ahead, no number, a part of nothing, too long", async () => {
    const parts = { parts: [2], hint: "/live/a-1.1.m4s", openParts: 1 };
    tell({ playlist: playlist(1, parts) });
    for (const query of [
      "_HLS_msn=3",
      "_HLS_msn=999999999999999",
      "_HLS_msn=9999999999999999",
      "_HLS_msn=-1",
      "_HLS_msn=NaN",
      "_HLS_msn=1e9",
      "_HLS_msn=",
      "_HLS_msn=0x1",
      "_HLS_part=0",
      "_HLS_msn=1&_HLS_part=-1",
      `x=${"y".repeat(4096)}`,
    ]) {
      const { status } = await ask(request("/live/a.m3u8", `hls_ctx=s1&${query}`));
      assert.equal(status, 400, query);
    }
    assert.equal((await ask(request("/live/a.m3u8", "hls_ctx=s1&_HLS_msn=0"))).status, 200);
    assert.equal(
      (await ask(request("/live/a.m3u8", "hls_ctx=s1&_HLS_msn=1&_HLS_part=0"))).status,
      200,
    );
  });

  test("a session that is over is asked about again; one that was ended gets nothing", async () => {
    tell({ playlist: playlist(1), added: [file(1, "/live/a-0.ts")] });
    await ask(request("/live/a.m3u8", "hls_ctx=s1"));
    service.news({ kind: "hls-ended", sessions: ["s1"], refusedMs: 0 });
    await ask(request("/live/a.m3u8", "hls_ctx=s1"));
    assert.equal(questions.length, 2);
    service.news({ kind: "hls-ended", sessions: ["s1"], refusedMs: 120_000 });
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

  test("of many who wait for the first playlist some have it at once, all within a second", async (t) => {
    const many = 1000;
    const replies = await Promise.all(
      Array.from({ length: many }, () => ask(request("/live/a.m3u8"))),
    );
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const answered = (): number => replies.filter(({ status }) => status === 200).length;
    tell({ playlist: playlist(1, { parts: [2], hint: "/live/a-1.1.m4s", openParts: 1 }) });
    assert.ok(answered() > 0 && answered() < 100, `${answered()} at once`);
    const reload = await ask(request("/live/a.m3u8", "hls_ctx=s1&_HLS_msn=1&_HLS_part=1"));
    const later = { parts: [2], hint: "/live/a-1.2.m4s", openParts: 2 };
    tell({ playlist: playlist(1, later) });
    assert.equal(reload.status, 200, "what was announced is not kept back");
    assert.equal((await ask(request("/live/a.m3u8"))).status, 200, "nor is who comes now");
    assert.ok(answered() < 100, `${answered()} in the same moment`);
    for (let ms = 0; ms < 1000; ms += 10) {
      t.mock.timers.tick(10);
    }
    assert.equal(answered(), many);
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
      version: () => version,
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
