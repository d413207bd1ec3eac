/** What weir adds to SRS's callbacks: failing open, repetitions, signatures, kept verdicts, bounds, reload. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { HOOK_ACTIONS, HOOK_WAIT_MS, openHookBench } from "../support/hook-bench.ts";
import type { HookNote } from "../support/hook-server.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";

const TIMEOUT = { timeout: 60_000 };

const bench = openHookBench();

test(
  "fail open lets in when no valid answer comes, and not when the answer is no",
  TIMEOUT,
  async () => {
    await bench.reload(bench.hooks.directives(HOOK_ACTIONS, "hook_fail_open on_publish;"));
    bench.hooks.answers.set("on_publish", "500");
    const peer = await new RtmpPeer(bench.urlOf("open"), "publish").waitReady(HOOK_WAIT_MS);
    peer.close();
    await bench.only("on_unpublish");
    bench.hooks.answers.set("on_publish", "code 1");
    const refused = new RtmpPeer(bench.urlOf("open"), "publish");
    await refused.waitEnd(HOOK_WAIT_MS);
    assert.equal(refused.isReady, false);
  },
);

test(
  "what only tells is repeated, with the same key, before what comes after it",
  TIMEOUT,
  async () => {
    const more = "hook_retries 3; hook_retry_delay 0.05;";
    await bench.reload(bench.hooks.directives(HOOK_ACTIONS, more));
    bench.hooks.answers.set("on_unpublish", "500");
    const peer = await new RtmpPeer(bench.urlOf("again"), "publish").waitReady(HOOK_WAIT_MS);
    peer.close();
    const all = (): HookNote[] =>
      bench.hooks.notes.filter(({ action }) => action === "on_unpublish");
    await waitUntil("two attempts", () => all().length >= 2, HOOK_WAIT_MS);
    bench.hooks.answers.clear();
    await bench.only("on_close");
    assert.ok(all().length <= 4);
    assert.equal(new Set(all().map(({ headers }) => headers["idempotency-key"])).size, 1);
    assert.equal(bench.hooks.notes.at(-1)?.action, "on_close");
  },
);

test("an answer that says no is not repeated", TIMEOUT, async () => {
  const more = "hook_retries 3; hook_retry_delay 0.05;";
  await bench.reload(bench.hooks.directives(HOOK_ACTIONS, more));
  bench.hooks.answers.set("on_unpublish", "code 1");
  const peer = await new RtmpPeer(bench.urlOf("no"), "publish").waitReady(HOOK_WAIT_MS);
  peer.close();
  await bench.only("on_close");
  assert.equal(bench.hooks.notes.filter(({ action }) => action === "on_unpublish").length, 1);
});

test("E-22: callbacks are signed with the secret", TIMEOUT, async () => {
  const secret = "a-secret-of-the-back-end";
  await bench.reload(bench.hooks.directives(HOOK_ACTIONS, `hook_secret ${secret};`));
  const peer = await new RtmpPeer(bench.urlOf("signed"), "publish").waitReady(HOOK_WAIT_MS);
  peer.close();
  await bench.only("on_close");
  for (const { headers, body } of bench.hooks.notes) {
    const [, time = "", digest = ""] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers["x-weir-signature"])) ?? [];
    const text = `${time}.${String(headers["idempotency-key"])}.${body}`;
    assert.equal(digest, createHmac("sha256", secret).update(text).digest("hex"));
    assert.ok(Math.abs(Date.now() / 1000 - Number(time)) < 60);
  }
});

test("a verdict that is kept: the next play does not wait, and is told", TIMEOUT, async () => {
  await bench.reload(bench.hooks.directives(["on_play", "on_stop"], "hook_play_cache 60;"));
  const first = await new RtmpPeer(bench.urlOf("kept"), "play").waitReady(HOOK_WAIT_MS);
  first.close();
  await bench.only("on_stop");
  bench.hooks.answers.set("on_play", "hang");
  const second = await new RtmpPeer(bench.urlOf("kept"), "play").waitReady(HOOK_WAIT_MS);
  await bench.told("on_play", 2);
  const other = new RtmpPeer(bench.urlOf("kept?token=other"), "play");
  await bench.told("on_play", 3);
  assert.equal(other.isReady, false, "another token is another question");
  second.close();
  other.reset();
  await bench.weir.close();
  await bench.start();
});

test("so many calls at one time and no more; all are answered", TIMEOUT, async () => {
  await bench.reload(bench.hooks.directives(["on_play"], "hook_concurrency 4;"));
  bench.hooks.delayMs = 20;
  bench.hooks.openMost = 0;
  const players = Array.from({ length: 60 }, () => new RtmpPeer(bench.urlOf("many"), "play"));
  await Promise.all(players.map((player) => player.waitReady(HOOK_WAIT_MS)));
  assert.equal(bench.hooks.of("on_play").length, 60);
  assert.equal(bench.hooks.openMost, 4);
  for (const player of players) {
    player.close();
  }
});

test("a reload turns callbacks on and off", TIMEOUT, async () => {
  await bench.reload("");
  const quiet = await new RtmpPeer(bench.urlOf("hot"), "publish").waitReady(HOOK_WAIT_MS);
  await bench.reload(bench.hooks.directives(HOOK_ACTIONS));
  quiet.close();
  await bench.settle();
  assert.equal(bench.hooks.notes.length, 0, "a session is told of from its begin or not at all");
  const peer = await new RtmpPeer(bench.urlOf("hot"), "publish").waitReady(HOOK_WAIT_MS);
  await bench.reload("");
  peer.close();
  await bench.settle();
  assert.deepEqual(
    bench.hooks.notes.map(({ action }) => action),
    ["on_connect", "on_publish"],
  );
});
