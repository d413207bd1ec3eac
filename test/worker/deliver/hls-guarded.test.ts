/** E-10 on a gateway: what a permitted playlist lists is given for what it carries, by any gateway, and to nobody else. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type {
  HlsAnswer,
  HlsFile,
  HlsNews,
  HlsPlaylist,
  HlsSettings,
} from "../../../src/protocol/control/hls.ts";
import { KEYS_ELSEWHERE } from "../../../src/protocol/control/hls-guards.ts";
import type { ThreadRefusal } from "../../../src/protocol/control/refusal-counts.ts";
import { HlsService } from "../../../src/worker/deliver/hls-service.ts";
import { HLS_DEFAULTS } from "../../support/hls-settings.ts";
import { FakeReply, fakeRequest } from "./fake-http.ts";

const LIMIT = { timeout: 20_000 };
const VHOST = "__defaultVhost__";
const KEY = `${VHOST}/live/a`;
const SECRET = new Uint8Array(32).fill(3);

const ADMITTED: Extract<HlsAnswer, { kind: "admitted" }> = {
  ...{ kind: "admitted", key: KEY, session: "s1", isNew: false, isNamed: true },
  ...{ hasSegmentSessions: true, isMasterRelative: false, isForAll: false, waitMs: 1000 },
};
const NAMELESS = { ...ADMITTED, session: `/${KEY}`, isNamed: false };

function file(uri: string, group: number): HlsFile {
  const [id, bytes] = [files++, new SharedArrayBuffer(188)];
  return { id, path: `/live/${uri}`, uri, group, contentType: "video/MP2T", bytes };
}
let files = 0;

/** Two segments of two groups, a part, and one that comes next. */
const TEXT = [
  "#EXTM3U",
  '#EXT-X-KEY:METHOD=AES-128,URI="a-0.key",IV=0x0',
  '#EXT-X-MAP:URI="init.mp4"',
  "#EXTINF:1.000, no desc",
  "a-0.m4s",
  "#EXTINF:1.000, no desc",
  "a-1.m4s",
  '#EXT-X-PART:DURATION=0.500,URI="a-2.0.m4s"',
  '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="a-2.1.m4s"',
  "",
].join("\n");
const DELTA = TEXT.replace("#EXTINF:1.000, no desc\na-0.m4s\n", "#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n");
const PLAYLIST: HlsPlaylist = {
  ...{ text: TEXT, deltaText: DELTA, mediaSequence: 0, parts: [1, 1], nextSequence: 2 },
  ...{ openParts: 1, hint: "/live/a-2.1.m4s", group: 2 },
};
const FILES: readonly HlsFile[] = [
  file("a-0.key", 0),
  file("init.mp4", 0),
  file("a-0.m4s", 0),
  file("a-1.m4s", 0),
  file("a-2.0.m4s", 2),
];

describe("what a guarded playlist lists", () => {
  let gateways: readonly [HlsService, HlsService];
  let answer: HlsAnswer;
  let questions: number;
  let refused: ThreadRefusal[];
  let now: number;

  const tell = (news: Parameters<HlsService["news"]>[0]): void => {
    for (const gateway of gateways) {
      gateway.news(news);
    }
  };
  const guard = (names: readonly string[], more: Partial<HlsSettings> = {}): void => {
    const hls = { ...HLS_DEFAULTS, enabled: true, ...more };
    const vhosts = names.map((name) => ({ name, hls }));
    tell({ kind: "hls-guards", secret: SECRET, vhosts });
  };
  const news = (more: Partial<HlsNews>): HlsNews => ({
    ...{ kind: "hls", key: KEY, path: "/live/a.m3u8", playlist: undefined, added: [] },
    ...{ dropped: [], segment: null, isFirst: false },
    ...more,
  });

  beforeEach(() => {
    [questions, refused, now, answer] = [0, [], 0, ADMITTED];
    const open = (): HlsService =>
      new HlsService(
        {
          cors: [],
          now: () => now,
          version: () => 0,
          admitHls: () => {
            questions += 1;
            return Promise.resolve(answer);
          },
          post: () => undefined,
        },
        (reason) => refused.push(reason),
      );
    gateways = [open(), open()];
    guard([VHOST]);
    tell(news({ playlist: PLAYLIST, added: FILES }));
    tell({ kind: "hls-told" });
  });

  async function ask(gateway: HlsService, target: string, method = "GET"): Promise<FakeReply> {
    const [path = "", query = ""] = target.split("?");
    const reply = new FakeReply();
    gateway.take({ ...fakeRequest(method, path), query }, reply, () => reply.send(404, [], ""));
    await nextTurn();
    return reply;
  }

  async function uris(query = "hls_ctx=s1"): Promise<string[]> {
    const { status, body } = await ask(gateways[0], `/live/a.m3u8?${query}`);
    assert.equal(status, 200, body);
    return body.split("\n").flatMap((line) => {
      const uri = line.startsWith("#") ? /URI="([^"]+)"/.exec(line)?.[1] : line;
      return uri ? [uri] : [];
    });
  }

  /** Statuses at both gateways; what is waited for is 0. */
  async function statuses(uri: string): Promise<number[]> {
    const replies = gateways.map((gateway) => ask(gateway, `/live/${uri}`));
    return (await Promise.all(replies)).map(({ status }) => status);
  }

  test(
    "carries the session and a signature, and any gateway knows it without a question",
    LIMIT,
    async () => {
      const listed = await uris();
      assert.equal(listed.length, 6);
      for (const uri of listed) {
        assert.match(uri, /\?hls_ctx=s1&hls_sign=[\w-]{22}$/);
        assert.deepEqual(await statuses(uri), uri.startsWith("a-2.1") ? [0, 0] : [200, 200], uri);
      }
      assert.equal(questions, 1);
      assert.deepEqual(refused, []);
      // Each keeps its URL for as long as it is listed, in delta updates too.
      assert.deepEqual(await uris(), listed);
      const delta = await uris("hls_ctx=s1&_HLS_skip=YES");
      assert.deepEqual(
        delta,
        listed.filter((uri) => !uri.startsWith("a-0.m4s")),
      );
    },
  );

  test(
    "is not for a stranger: bare, guessed, another's session, half a signature",
    LIMIT,
    async () => {
      const listed = await uris();
      for (const uri of listed) {
        const [name = "", query = ""] = uri.split("?");
        const [session = "", signature = ""] = query.split("&");
        for (const wrong of [
          "",
          session,
          signature,
          `hls_ctx=s2&${signature}`,
          `${session}&hls_sign=`,
          query.slice(0, -1),
          `${query}A`,
          `vhost=${VHOST}`,
        ]) {
          assert.deepEqual(await statuses(`${name}?${wrong}`), [403, 403], `${name}?${wrong}`);
        }
      }
      const head = await ask(gateways[0], "/live/a-0.m4s", "HEAD");
      assert.equal(head.status, 403);
      assert.deepEqual(new Set(refused), new Set(["http_unsigned"]));
      assert.deepEqual(await statuses("a-77.m4s"), [404, 404]);
    },
  );

  test(
    "a signature is of one stream, and of what was made until soon after it",
    LIMIT,
    async () => {
      const other = `${VHOST}/live/b`;
      tell(news({ key: other, path: "/live/b.m3u8", added: [{ ...file("b-0.m4s", 0), id: 900 }] }));
      tell(news({ added: [file("a-2.m4s", 2), file("a-9.m4s", 9)] }));
      const [query] = (await uris())
        .filter((uri) => uri.startsWith("a-1"))
        .map((uri) => uri.split("?")[1]);
      assert.deepEqual(await statuses(`a-1.m4s?${query}`), [200, 200]);
      assert.deepEqual(await statuses(`b-0.m4s?${query}`), [403, 403]);
      assert.deepEqual(await statuses(`a-2.m4s?${query}`), [403, 403]);
      assert.deepEqual(await statuses(`a-9.m4s?${query}`), [403, 403]);
      const [hint] = (await uris()).filter((uri) => uri.startsWith("a-2.1"));
      assert.deepEqual(await statuses(`a-2.m4s?${hint?.split("?")[1]}`), [200, 200]);
    },
  );

  test("a part that was announced is waited for by those who may have it", LIMIT, async () => {
    const hint = (await uris()).at(-1) ?? "";
    const waiting = await ask(gateways[1], `/live/${hint}`);
    assert.equal(waiting.isOpen, true);
    tell(
      news({ playlist: { ...PLAYLIST, hint: "/live/a-2.2.m4s" }, added: [file("a-2.1.m4s", 2)] }),
    );
    assert.equal(waiting.status, 200);
    assert.deepEqual(await statuses(hint), [200, 200]);
  });

  test("a viewer that is ended gets nothing more, at any gateway", LIMIT, async () => {
    const listed = await uris();
    tell({ kind: "hls-ended", sessions: ["s1"], refusedMs: 5000 });
    for (const uri of listed.slice(0, -1)) {
      assert.deepEqual(await statuses(uri), [404, 404]);
    }
    assert.ok(refused.every((reason) => reason === "interrupted"));
  });

  test("hls_ts_ctx off: all viewers have the same URLs, which caches may keep", LIMIT, async () => {
    answer = { ...ADMITTED, hasSegmentSessions: false };
    const listed = await uris();
    assert.match(listed[0] ?? "", /^a-0\.key\?hls_sign=[\w-]{22}$/);
    answer = { ...ADMITTED, session: "s2", hasSegmentSessions: false };
    assert.deepEqual(await uris("hls_ctx=s2"), listed);
    assert.deepEqual(await statuses(listed[2] ?? ""), [200, 200]);
    assert.deepEqual(await statuses("a-0.m4s"), [403, 403]);
  });

  test("hls_ctx off: signed as well; headers alone give nothing away", LIMIT, async () => {
    answer = NAMELESS;
    const listed = await uris("vhost=x");
    assert.match(listed[0] ?? "", /^a-0\.key\?vhost=x&hls_sign=[\w-]{22}$/);
    assert.deepEqual(await statuses(listed[0] ?? ""), [200, 200]);
    answer = { ...NAMELESS, session: "" };
    assert.doesNotMatch((await uris()).join(), /hls_sign/);
  });

  test("keys elsewhere carry it too", LIMIT, async () => {
    const text = TEXT.replace("a-0.key", "https://keys.example/a-0.key");
    tell(news({ playlist: { ...PLAYLIST, text, hint: "", group: KEYS_ELSEWHERE } }));
    const [key] = await uris();
    assert.match(key ?? "", /^https:\/\/keys\.example\/a-0\.key\?hls_ctx=s1&hls_sign=[\w-]{22}$/);
  });

  test("where nobody is asked for permission URLs stay bare, before and after", LIMIT, async () => {
    guard([]);
    answer = NAMELESS;
    assert.deepEqual(await uris(), TEXT.match(/[\w.-]+\.(?:key|mp4|m4s)/g));
    assert.deepEqual(await statuses("a-0.m4s"), [200, 200]);
    // A reload that asks: players come to the next playlist first.
    guard([VHOST], { fragmentMs: 2000 });
    assert.match((await uris())[2] ?? "", /hls_sign/);
    assert.deepEqual(await statuses("a-0.m4s"), [200, 200]);
    now = 6000;
    assert.deepEqual(await statuses("a-0.m4s"), [403, 403]);
  });

  test("a gateway that starts asks for signatures before it serves anything", LIMIT, async () => {
    const { 0: old } = gateways;
    const [, , uri = ""] = await uris();
    const young = new HlsService({
      cors: [],
      now: () => now,
      version: () => 0,
      admitHls: () => Promise.resolve(answer),
      post: () => undefined,
    });
    gateways = [young, old];
    const bare = ask(young, "/live/a-0.m4s");
    const signed = ask(young, `/live/${uri}`);
    guard([VHOST]);
    tell(news({ playlist: PLAYLIST, added: FILES }));
    const late = [await bare, await signed];
    tell({ kind: "hls-told" });
    assert.deepEqual(
      late.map(({ status }) => status),
      [403, 200],
    );
  });
});
