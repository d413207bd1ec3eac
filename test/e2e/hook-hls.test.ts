/** Callbacks and tokens of HLS: viewers once for each session, segments by on_hls and on_hls_notify. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { signedQuery } from "../../src/main/tokens/signed-url.ts";
import type { Frame } from "../support/flv-file.ts";
import { HookServer } from "../support/hook-server.ts";
import { waitUntil } from "../support/scratch.ts";
import { makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const WAIT_MS = 20_000;
const LIMIT = { timeout: 60_000 };
const ACTIONS = ["on_play", "on_stop", "on_publish", "on_hls"];

let clip: Frame[];
let hooks: HookServer;

before(async () => {
  clip = await makeHlsClip();
  hooks = await HookServer.start();
});

after(() => hooks.close());

test("SRS 1C: on_play and on_stop once for a session, segments are told", LIMIT, async () => {
  const notify = `on_hls_notify ${hooks.url("notified")}/[app]/[stream]?[ts_url]&[param]&[server_id];`;
  const weir = await startHls({ hls: "hls_window 1;", vhost: hooks.directives(ACTIONS, notify) });
  try {
    const publisher = await publishTo(weir.port, "a?key=1", clip);
    await waitUntil("segments are told", () => hooks.of("on_hls").length >= 2, WAIT_MS);
    const [segment] = hooks.of("on_hls");
    const { fields } = segment ?? assert.fail();
    assert.equal(fields.client_id, hooks.of("on_publish")[0]?.fields.client_id);
    assert.equal(fields.stream_id, hooks.of("on_publish")[0]?.fields.stream_id);
    assert.equal(fields.param, "?key=1");
    assert.equal(fields.cwd, process.cwd());
    assert.ok(Number(fields.duration) > 0.1 && Number.isInteger(fields.seq_no));
    assert.match(String(fields.file), /\/live\/a-\d+\.ts$/);
    assert.match(String(fields.url), /^live\/a-\d+\.ts$/);
    assert.match(String(fields.m3u8), /\/live\/a\.m3u8$/);
    assert.equal(fields.m3u8_url, "live/a.m3u8");
    await waitUntil("and notified", () => hooks.of("notified").length > 0, WAIT_MS);
    const [note] = hooks.of("notified");
    assert.equal(note?.method, "GET");
    assert.match(note?.url ?? "", /^\/notified\/live\/a\?a-\d+\.ts&\?key=1&/);
    hooks.answers.set("on_play", "code 1");
    assert.equal((await weir.client.get("/live/a.m3u8?token=x")).status, 403);
    assert.equal(hooks.of("on_stop").length, 0);
    hooks.answers.clear();
    const path = await weir.client.session("/live/a.m3u8");
    assert.equal((await weir.client.get(path)).status, 200);
    assert.equal((await weir.client.get(path)).status, 200);
    assert.equal(hooks.of("on_play").length, 2, "the playlist of a session asks nothing");
    await waitUntil("it is over", () => hooks.of("on_stop").length === 1, WAIT_MS);
    const [play, stop] = [hooks.of("on_play")[1], hooks.of("on_stop")[0]];
    assert.equal(stop?.fields.client_id, play?.fields.client_id);
    publisher.close();
  } finally {
    await weir.close();
  }
});

test(
  "E-10: a token opens a session of HLS, and the session is enough from then on",
  LIMIT,
  async () => {
    const secret = "the-secret";
    const weir = await startHls({ vhost: `token { enabled on; publish off; secret ${secret}; }` });
    try {
      const publisher = await publishTo(weir.port, "a", clip);
      const expires = Math.floor(Date.now() / 1000) + 60;
      const what = {
        action: "play",
        vhost: "__defaultVhost__",
        app: "live",
        expires,
        ip: "",
      } as const;
      assert.equal((await weir.client.get("/live/a.m3u8")).status, 403);
      assert.equal((await weir.client.get("/live/a.m3u8?hls_ctx=guessed")).status, 403);
      const other = signedQuery(secret, { ...what, stream: "b" });
      assert.equal((await weir.client.get(`/live/a.m3u8${other}`)).status, 403);
      const own = signedQuery(secret, { ...what, stream: "a" });
      const path = await weir.client.session(`/live/a.m3u8${own}`);
      // Without its signature.
      const [alone = ""] = path.split("&");
      assert.match(alone, /hls_ctx=/);
      assert.equal((await weir.client.get(alone)).status, 200);
      publisher.close();
    } finally {
      await weir.close();
    }
  },
);

test(
  "a viewer that names its session and asks twice at once is decided about once",
  LIMIT,
  async () => {
    const weir = await startHls({ vhost: hooks.directives(["on_play", "on_stop"]) });
    try {
      const publisher = await publishTo(weir.port, "a", clip);
      hooks.notes.length = 0;
      hooks.delayMs = 300;
      const ask = async (): Promise<number> =>
        (await weir.client.get("/live/a.m3u8?hls_ctx=mine")).status;
      assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [200, 200, 200]);
      hooks.delayMs = 0;
      await waitUntil("it is over", () => hooks.of("on_stop").length > 0, WAIT_MS);
      assert.deepEqual(
        hooks.notes.map(({ action, fields }) => `${action} ${String(fields.client_id)}`),
        ["on_play mine", "on_stop mine"],
      );
      publisher.close();
    } finally {
      hooks.delayMs = 0;
      await weir.close();
    }
  },
);
