/** Callbacks that are slow or wrong, under load, at an edge: media go on, nothing leaks, nothing secret is written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startInProcess } from "../main/accept/in-process.ts";
import { isRun, play, publish, StampedPublisher } from "../main/accept/wire-client.ts";
import { HOOK_ACTIONS, HOOK_WAIT_MS } from "../support/hook-bench.ts";
import { type HookAnswer, HookServer } from "../support/hook-server.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, waitUntil } from "../support/scratch.ts";

const PUBLISHERS = 200;

test("C-30: a server of callbacks that hangs under 200 publishers: media of others are unmoved", {
  timeout: 90_000,
}, async () => {
  const hooks = await HookServer.start();
  const weir = await startInProcess({ workers: 2, vhost: hooks.directives(HOOK_ACTIONS) });
  try {
    const publisher = new StampedPublisher(await publish(weir.port, "a"));
    const players = await Promise.all([1, 2, 3, 4].map(() => play(weir.port, "a")));
    hooks.answers.set("on_publish", "hang");
    const url = (index: number): string => `rtmp://127.0.0.1:${weir.port}/live/p${index}`;
    const waiting = Array.from(
      { length: PUBLISHERS },
      (_, index) => new RtmpPeer(url(index), "publish"),
    );
    // As many are asked about as may be at one time, the others wait for their turn.
    await waitUntil("the server is full", () => hooks.open === 64, HOOK_WAIT_MS);
    const from = publisher.sequence;
    await waitUntil("media go on", () => publisher.sequence > from + 200, HOOK_WAIT_MS);
    for (const player of players) {
      const hasAll = (): boolean => (player.sequences.at(-1) ?? 0) > from + 190;
      await waitUntil("players get them", hasAll, HOOK_WAIT_MS);
      assert.ok(isRun(player.sequences), "a player lost frames");
    }
    assert.ok(waiting.every(({ isReady }) => !isReady));
    for (const peer of waiting) {
      peer.reset();
    }
    await waitUntil("they have left", () => weir.server.lobby.size <= 1, HOOK_WAIT_MS);
  } finally {
    await weir.close();
    await hooks.close();
  }
});

test("E-70, F-86: what clients and operators keep secret is in no log line and no answer", {
  timeout: 90_000,
}, async () => {
  const canary = "CANARY7f3a";
  const hooks = await HookServer.start();
  const http = await findFreePort();
  const secrets = `hook_secret ${canary}hook; hook_timeout 1; hook_retries 1; hook_retry_delay 0.05;`;
  const urls = HOOK_ACTIONS.map((action) => `${action} ${hooks.url(action)}?key=${canary};`);
  const token = `token { enabled on; play off; secret ${canary}token; jwt HS256; jwt_secret ${canary}${canary}${canary}${canary}; }`;
  const weir = await startInProcess({
    workers: 1,
    directives: `srs_log_level_v2 trace; http_backend node; gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; }`,
    vhost: `http_remux { enabled on; } http_hooks { enabled on; ${urls.join(" ")} ${secrets} } ${token}`,
  });
  const answers: string[] = [];
  try {
    for (const answer of [
      "0",
      "code 1",
      "500",
      "garbage",
      "hang",
      "reset",
    ] satisfies HookAnswer[]) {
      for (const action of HOOK_ACTIONS) {
        hooks.answers.set(action, answer);
      }
      const query = `?token=${canary}&sign=${canary}&jwt=${canary}.${canary}.${canary}&expires=1`;
      const tcUrl = `rtmp://user:${canary}@127.0.0.1:${weir.port}/live?auth=${canary}`;
      const url = `rtmp://127.0.0.1:${weir.port}/live/secret${query}`;
      const peers = (["publish", "play"] as const).map((mode) => new RtmpPeer(url, mode));
      const other = new RtmpPeer(tcUrl.replace("/live?", "/live/x?"), "play");
      const response = await fetch(`http://127.0.0.1:${http}/live/secret.flv${query}`, {
        signal: AbortSignal.timeout(1500),
      }).catch(() => undefined);
      if (response !== undefined && response.status !== 200) {
        answers.push(await response.text(), JSON.stringify([...response.headers]));
      }
      for (const peer of [...peers, other]) {
        await waitUntil("an answer", () => peer.isReady || peer.end !== "open", HOOK_WAIT_MS);
        answers.push(...peer.statuses);
        peer.reset();
      }
      const isOver = (): boolean => weir.server.hooks.backlog.count === 0;
      await waitUntil("all is told", isOver, HOOK_WAIT_MS);
    }
  } finally {
    await weir.close();
    await hooks.close();
  }
  const log = weir.log();
  assert.ok(log.includes("on_publish") || log.includes("on_connect"), "nothing was logged");
  for (const text of [log, ...answers]) {
    const at = text.indexOf(canary);
    assert.equal(at, -1, text.slice(Math.max(0, at - 200), at + 100));
  }
});

test("at an edge its own callbacks are asked first, then the origin's about the edge", {
  timeout: 60_000,
}, async () => {
  const [atOrigin, atEdge] = [await HookServer.start(), await HookServer.start()];
  const origin = await startInProcess({ workers: 1, vhost: atOrigin.directives(HOOK_ACTIONS) });
  const cluster = `cluster { mode remote; origin 127.0.0.1:${origin.port}; }`;
  const edge = await startInProcess({
    workers: 1,
    vhost: `${cluster} ${atEdge.directives(HOOK_ACTIONS)}`,
  });
  try {
    atEdge.answers.set("on_publish", "code 1");
    const url = `rtmp://127.0.0.1:${edge.port}/live/e?key=1`;
    const refused = new RtmpPeer(url, "publish");
    await refused.waitEnd(HOOK_WAIT_MS);
    assert.equal(atOrigin.notes.length, 0, "the origin hears nothing of who is refused here");
    atEdge.answers.clear();
    const peer = await new RtmpPeer(url, "publish").waitReady(HOOK_WAIT_MS);
    const [first] = atOrigin.of("on_publish");
    assert.equal(first?.fields.param, "?key=1", "the parameters travel");
    assert.ok((atEdge.of("on_publish")[1]?.at ?? Infinity) < (first?.at ?? 0));
    peer.close();
    await waitUntil("both are told", () => atOrigin.of("on_close").length > 0, HOOK_WAIT_MS);
    await waitUntil("both are told", () => atEdge.of("on_close").length === 2, HOOK_WAIT_MS);
    assert.equal(atEdge.of("on_unpublish").length, 1);
  } finally {
    await edge.close();
    await origin.close();
    await atOrigin.close();
    await atEdge.close();
  }
});
