/** All callbacks of a server: bounds of what waits, and a configuration that changes meanwhile. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Hooks } from "../../../src/main/hooks/hooks.ts";
import type { HookSubject } from "../../../src/main/hooks/payload.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { HlsSegmentNews } from "../../../src/protocol/control/hls.ts";
import { HookServer } from "../../support/hook-server.ts";
import { waitUntil } from "../../support/scratch.ts";

const LIMIT = { timeout: 30_000 };
const WAIT_MS = 20_000;
const NO_BYTES = { sent: 0, received: 0 };

let server: HookServer;
let other: HookServer;
let hooks: Hooks;
let config: Config;
let warnings: string[];

function configure(vhost: string): void {
  const text = `listen 1; vhost __defaultVhost__ { ${vhost} }`;
  ({ config } = decodeConfig(text, "x.conf", { include: () => "", environment: {} }));
}

function subjectOf(stream: string, more: Partial<HookSubject> = {}): HookSubject {
  const place = { vhost: "__defaultVhost__", app: "live", stream };
  const from = { clientId: "c", ip: "1.2.3.4", param: "?p=1", tcUrl: "rtmp://one/live" };
  return { ...from, pageUrl: "", ...place, ...more };
}

function segmentOf(sequence: number): HlsSegmentNews {
  return {
    sequence,
    durationMs: 1000,
    uri: `a-${sequence}.ts`,
    file: `/tmp/live/a-${sequence}.ts`,
    playlistFile: "/tmp/live/a.m3u8",
    playlistPath: "live/a.m3u8",
  } as HlsSegmentNews;
}

/** A client that plays a stream and leaves. */
async function playOnce(stream: string): Promise<void> {
  const session = hooks.open() ?? assert.fail();
  await session.begin("play", subjectOf(stream));
  session.close(NO_BYTES);
}

beforeEach(async () => {
  server = await HookServer.start();
  other = await HookServer.start();
  warnings = [];
  const log = {
    info: () => undefined,
    warn: (_: string, text: string) => void warnings.push(text),
    isEnabled: () => false,
  } as unknown as Logger;
  hooks = new Hooks({
    config: () => config,
    log,
    version: "0",
    ids: { serverId: "s", serviceId: "r" },
    streamId: (key) => `id-of-${key}`,
  });
});

afterEach(async () => {
  await hooks.close(0);
  await server.close();
  await other.close();
});

test(
  "segments of a stream whose server hangs: so many wait, others are left out and counted",
  LIMIT,
  async () => {
    configure(
      server.directives(["on_hls"], "hook_queue 10; hook_concurrency 1; hook_timeout 0.3;"),
    );
    server.answers.set("on_hls", "hang");
    for (let sequence = 0; sequence < 5000; sequence += 1) {
      hooks.segment(subjectOf("a"), segmentOf(sequence));
    }
    assert.ok(hooks.backlog.count < 50, `${hooks.backlog.count} wait`);
    assert.equal(hooks.caller.counts.dropped, 5000 - 11);
    server.answers.clear();
    await hooks.backlog.empty();
    assert.deepEqual(
      server.of("on_hls").map(({ fields }) => fields.seq_no),
      Array.from({ length: 11 }, (_, index) => index),
    );
  },
);

test("a server that hangs takes no place of another one's news", LIMIT, async () => {
  configure(
    `http_hooks { enabled on; hook_queue 2; hook_concurrency 1; hook_timeout 20;
      on_unpublish ${server.url("on_unpublish")}; on_stop ${other.url("on_stop")}; }`,
  );
  server.answers.set("on_unpublish", "hang");
  for (let index = 0; index < 10; index += 1) {
    const session = hooks.open() ?? assert.fail();
    session.begin("publish", subjectOf(`p${index}`));
    session.close(NO_BYTES);
  }
  await waitUntil("too much waits", () => hooks.caller.counts.dropped === 7, WAIT_MS);
  await playOnce("a");
  await waitUntil("it is told", () => other.of("on_stop").length === 1, WAIT_MS);
  assert.equal(hooks.caller.counts.dropped, 7);
});

test("hook_queue 0: what need not wait is told", LIMIT, async () => {
  configure(server.directives(["on_stop"], "hook_queue 0;"));
  await playOnce("a");
  await hooks.backlog.empty();
  assert.equal(server.of("on_stop").length, 1);
});

test(
  "a URL that a reload takes away is not called again: no repetition, no segment that waits",
  LIMIT,
  async () => {
    const more = "hook_retries 10; hook_retry_delay 0.05;";
    configure(server.directives(["on_stop", "on_hls"], more));
    server.answers.set("on_stop", "500").set("on_hls", "500");
    await playOnce("a");
    for (let sequence = 0; sequence < 5; sequence += 1) {
      hooks.segment(subjectOf("a"), segmentOf(sequence));
    }
    const isTold = (): boolean =>
      server.of("on_stop").length === 1 && server.of("on_hls").length === 1;
    await waitUntil("both are told", isTold, WAIT_MS);
    configure("");
    await hooks.backlog.empty();
    assert.equal(server.of("on_hls").length, 1, "the others waited");
    assert.ok(server.notes.length < 8, `${server.notes.length} calls`);
  },
);

test("what a publisher calls itself is not filled in once more", LIMIT, async () => {
  configure(
    `http_hooks { enabled on; on_hls_notify ${server.url("n")}/[app]/[stream]?u=[ts_url]&p=[param]&s=[server_id]; }`,
  );
  hooks.segment(subjectOf("[ts_url][param]$&"), segmentOf(1));
  await hooks.backlog.empty();
  assert.equal(server.notes[0]?.method, "GET");
  assert.equal(server.notes[0]?.url, "/n/live/[ts_url][param]$&?u=a-1.ts&p=?p=1&s=s");
});

test("a verdict that is kept counts for the same tcUrl only", LIMIT, async () => {
  configure(server.directives(["on_play"], "hook_play_cache 60;"));
  const play = (tcUrl: string): Promise<void> | undefined =>
    hooks.open()?.begin("play", subjectOf("a", { tcUrl }));
  await play("rtmp://one/live");
  assert.equal(play("rtmp://one/live"), undefined, "it is known");
  server.answers.set("on_play", "code 1");
  await assert.rejects(async () => play("rtmp://two/live"), /refuses/);
});

test("a server whose URLs all differ fills no log", LIMIT, async () => {
  const port = other.port;
  await other.close();
  configure(`http_hooks { enabled on; on_hls_notify http://127.0.0.1:${port}/[ts_url]; }`);
  for (let sequence = 0; sequence < 50; sequence += 1) {
    hooks.segment(subjectOf("a"), segmentOf(sequence));
  }
  await hooks.backlog.empty();
  assert.ok(warnings.length < 10, `${warnings.length} lines`);
  other = await HookServer.start();
});

test(
  "a verdict of the old configuration that comes after a reload is not kept",
  LIMIT,
  async () => {
    const text = server.directives(["on_play"], "hook_play_cache 60;");
    configure(text);
    server.delayMs = 200;
    const verdict = hooks.open()?.begin("play", subjectOf("a"));
    await waitUntil("it is asked", () => server.of("on_play").length === 1, WAIT_MS);
    configure(text);
    await verdict;
    await hooks.open()?.begin("play", subjectOf("a"));
    assert.equal(server.of("on_play").length, 2);
    assert.equal(hooks.open()?.begin("play", subjectOf("a")), undefined, "that one is kept");
  },
);

test("who was let in because nobody answered is asked about again", LIMIT, async () => {
  configure(server.directives(["on_play"], "hook_play_cache 60; hook_fail_open on_play;"));
  server.answers.set("on_play", "500");
  await hooks.open()?.begin("play", subjectOf("a"));
  server.answers.set("on_play", "code 1");
  await assert.rejects(async () => hooks.open()?.begin("play", subjectOf("a")), /refuses/);
});

test(
  "who leaves while others are asked about gives its place in line back, and is not asked about",
  LIMIT,
  async () => {
    configure(server.directives(["on_play", "on_stop"], "hook_concurrency 1; hook_queue 50;"));
    server.answers.set("on_play", "hang");
    const first = hooks.open()?.begin("play", subjectOf("first"));
    await waitUntil("it is asked", () => server.of("on_play").length === 1, WAIT_MS);
    for (let index = 0; index < 500; index += 1) {
      const session = hooks.open() ?? assert.fail();
      const verdict = session.begin("play", subjectOf("leaver"));
      session.close(NO_BYTES);
      await assert.rejects(async () => verdict, /left/);
    }
    assert.equal(hooks.caller.load.verdicts, 0);
    assert.equal(hooks.caller.counts.failures.size, 0);
    server.answers.clear();
    server.closeConnections();
    await assert.rejects(async () => first);
    await hooks.open()?.begin("play", subjectOf("last"));
    await hooks.backlog.empty();
    const asked = server.of("on_play").map(({ fields }) => fields.stream);
    assert.deepEqual(asked, ["first", "last"]);
    assert.equal(server.of("on_stop").length, 0);
  },
);
