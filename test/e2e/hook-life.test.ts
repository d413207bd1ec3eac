/** Callbacks through the life of sessions: what they carry, who waits, and what happens when somebody leaves. */
import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import { HOOK_WAIT_MS, openHookBench } from "../support/hook-bench.ts";
import { MultiPeer } from "../support/multi-peer.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";

const TIMEOUT = { timeout: 60_000 };

const bench = openHookBench();

test("SRS 1C: what callbacks about RTMP clients carry", TIMEOUT, async () => {
  const publisher = await new RtmpPeer(bench.urlOf("a?key=1"), "publish").waitReady(HOOK_WAIT_MS);
  const pageUrl = "http://page.example/";
  const player = await new RtmpPeer(bench.urlOf("a?token=2"), "play", { pageUrl }).waitReady(
    HOOK_WAIT_MS,
  );
  player.close();
  await bench.told("on_stop");
  publisher.close();
  await bench.settle();
  const tcUrl = `rtmp://127.0.0.1:${bench.weir.port}/live`;
  const server = { server_id: "vid-test", ip: "127.0.0.1", vhost: "__defaultVhost__", app: "live" };
  const stream = { tcUrl, stream: "a", stream_url: "/live/a" };
  const wanted: Readonly<Record<string, object>> = {
    on_publish: { ...server, ...stream, param: "?key=1" },
    on_unpublish: { ...server, ...stream, param: "?key=1" },
    on_play: { ...server, ...stream, param: "?token=2", pageUrl },
    on_stop: { ...server, ...stream, param: "?token=2" },
  };
  for (const [action, fields] of Object.entries(wanted)) {
    const note = await bench.only(action);
    assert.equal(note.method, "POST");
    assert.equal(note.headers["content-type"], "application/json");
    const { client_id: client, service_id: service, stream_id: id, ...rest } = note.fields;
    assert.match(String(client), /^[a-z0-9]{8}$/);
    assert.ok(String(service).length > 0 && String(id).length > 0);
    assert.deepEqual(rest, { action, ...fields });
  }
  const [first, second] = await bench.told("on_connect", 2);
  const { client_id: _, service_id: __, ...connected } = second?.fields ?? {};
  assert.deepEqual(connected, {
    action: "on_connect",
    ...server,
    stream: "",
    param: "",
    tcUrl,
    pageUrl,
  });
  assert.equal(first?.fields.client_id, bench.hooks.of("on_publish")[0]?.fields.client_id);
  const [closed] = await bench.told("on_close", 2);
  const {
    send_bytes: sent,
    recv_bytes: received,
    client_id: ___,
    service_id: ____,
    ...rest
  } = closed?.fields ?? {};
  assert.deepEqual(rest, { action: "on_close", ...server });
  assert.ok(Number(sent) > 3000 && Number(received) > 3000, `${String(sent)} ${String(received)}`);
});

test(
  "viewers by HTTP: on_play before the first byte, on_stop when they leave",
  TIMEOUT,
  async () => {
    bench.hooks.answers.set("on_play", "code 1");
    assert.equal(await bench.statusOf("/live/a.flv?token=3"), 403);
    const { fields } = await bench.only("on_play");
    assert.equal(fields.stream, "a");
    assert.equal(fields.param, "?token=3");
    assert.equal(fields.tcUrl, "rtmp://__defaultVhost__/live");
    await bench.settle();
    assert.equal(bench.hooks.of("on_stop").length, 0);
    bench.hooks.answers.clear();
    const request = get(`http://127.0.0.1:${bench.http}/live/a.flv`, { agent: false });
    request.on("error", () => undefined);
    await bench.told("on_play", 2);
    await waitUntil("it is let in", () => bench.weir.server.clients.size === 1, HOOK_WAIT_MS);
    request.destroy();
    await bench.only("on_stop");
    await bench.settle();
    const actions = bench.hooks.notes.map(({ action }) => action);
    assert.deepEqual(actions, ["on_play", "on_play", "on_stop"]);
  },
);

test("several URLs are asked in order, the first that refuses ends the list", TIMEOUT, async () => {
  const urls = ["one", "two", "three"].map((name) => bench.hooks.url(name)).join(" ");
  await bench.reload(`http_hooks { enabled on; on_publish ${urls}; on_close ${urls}; }`);
  bench.hooks.answers.set("two", "403");
  const peer = new RtmpPeer(bench.urlOf("list"), "publish");
  await peer.waitEnd(HOOK_WAIT_MS);
  await bench.settle();
  const asked = bench.hooks.notes.map(({ action, fields }) => `${action} ${String(fields.action)}`);
  assert.deepEqual(asked, [
    "one on_publish",
    "two on_publish",
    "one on_close",
    "two on_close",
    "three on_close",
  ]);
});

test("of several who ask for a name while it is decided one gets it", TIMEOUT, async () => {
  bench.hooks.delayMs = 300;
  const peers = Array.from({ length: 5 }, () => new RtmpPeer(bench.urlOf("once"), "publish"));
  const isDecided = (): boolean => peers.every(({ isReady, end }) => isReady || end !== "open");
  await waitUntil("all have an answer", isDecided, HOOK_WAIT_MS);
  assert.equal(peers.filter(({ isReady }) => isReady).length, 1);
  assert.equal(bench.hooks.of("on_publish").length, 1, "the others were not even asked about");
  for (const peer of peers) {
    peer.close();
  }
});

test("A5-21: nothing that says Start comes before the verdict", TIMEOUT, async () => {
  bench.hooks.delayMs = 500;
  const peer = new RtmpPeer(bench.urlOf("late"), "publish");
  await bench.told("on_publish");
  const askedAt = bench.hooks.of("on_publish")[0]?.at ?? 0;
  await waitUntil("Start", () => peer.statuses.length > 0, HOOK_WAIT_MS);
  assert.ok(performance.now() - askedAt > 450, "it waited");
  peer.close();
});

test(
  "who leaves while it is decided: the name is free at once, the end is told",
  TIMEOUT,
  async () => {
    await bench.reload(bench.hooks.directives(["on_publish", "on_close"], "hook_timeout 3;"));
    bench.hooks.answers.set("on_publish", "hang");
    const peer = new RtmpPeer(bench.urlOf("leaver"), "publish");
    const { at } = await bench.only("on_publish");
    bench.hooks.answers.clear();
    await bench.normal();
    peer.reset();
    await waitUntil("it has left", () => bench.weir.server.lobby.size === 0, HOOK_WAIT_MS);
    const other = await new RtmpPeer(bench.urlOf("leaver"), "publish").waitReady(HOOK_WAIT_MS);
    const isFirstOver = bench.hooks.of("on_close").length > 0;
    assert.ok(!isFirstOver || performance.now() - at > 2900, "its verdict still hangs");
    other.close();
    await bench.told("on_close", 2);
    assert.equal(bench.hooks.of("on_unpublish").length, 1, "of the one that was allowed");
  },
);

test(
  "who leaves while it is decided and is allowed after all: begin and end",
  TIMEOUT,
  async () => {
    bench.hooks.delayMs = 400;
    const peer = new RtmpPeer(bench.urlOf("leaver2"), "publish");
    await bench.told("on_publish");
    peer.reset();
    bench.hooks.delayMs = 0;
    await bench.told("on_close");
    const actions = bench.hooks.notes.map(({ action }) => action);
    assert.deepEqual(actions, ["on_connect", "on_publish", "on_unpublish", "on_close"]);
  },
);

test(
  "several streams on one connection: each is asked, each end is told, a refusal ends one only",
  TIMEOUT,
  async () => {
    const peer = await MultiPeer.connect(bench.weir.port);
    const published = await peer.publish("m1");
    const played = await peer.play("m2");
    bench.hooks.answers.set("on_play", "code 1");
    const refused = await peer.create();
    refused.say("play", null, "m3");
    await refused.waitStatus("NetStream.Play.Failed");
    bench.hooks.answers.set("on_publish", "code 1");
    const denied = await peer.create();
    denied.say("publish", null, "m4", "live");
    await denied.waitStatus("NetStream.Publish.Denied");
    bench.hooks.answers.clear();
    played.delete();
    await bench.only("on_stop");
    published.delete();
    await bench.only("on_unpublish");
    const again = await peer.publish("m4");
    assert.equal(again.end, "open");
    peer.close();
    await bench.settle();
    const told = bench.hooks.notes.map(
      ({ action, fields }) => `${action} ${String(fields.stream ?? "")}`,
    );
    assert.deepEqual(told, [
      "on_connect ",
      "on_publish m1",
      "on_play m2",
      "on_play m3",
      "on_publish m4",
      "on_stop m2",
      "on_unpublish m1",
      "on_publish m4",
      "on_unpublish m4",
      "on_close ",
    ]);
  },
);

test("a shard that dies: all ends are told", TIMEOUT, async () => {
  const publisher = await new RtmpPeer(bench.urlOf("dies"), "publish").waitReady(HOOK_WAIT_MS);
  const player = await new RtmpPeer(bench.urlOf("dies"), "play").waitReady(HOOK_WAIT_MS);
  await bench.weir.server.supervisor.links[0]?.fault("throw").catch(() => undefined);
  await bench.only("on_unpublish");
  await bench.only("on_stop");
  await bench.told("on_close", 2);
  publisher.close();
  player.close();
  const isBack = (): boolean => bench.weir.server.supervisor.links[0]?.isAlive === true;
  await waitUntil("the shard is back", isBack, HOOK_WAIT_MS);
});

test(
  "C-09: a server that stops tells all ends first, as long as it may take",
  TIMEOUT,
  async () => {
    bench.hooks.delayMs = 50;
    const publisher = await new RtmpPeer(bench.urlOf("stop"), "publish").waitReady(HOOK_WAIT_MS);
    const player = await new RtmpPeer(bench.urlOf("stop"), "play").waitReady(HOOK_WAIT_MS);
    await bench.weir.close();
    assert.equal(bench.hooks.of("on_unpublish").length, 1);
    assert.equal(bench.hooks.of("on_stop").length, 1);
    assert.equal(bench.hooks.of("on_close").length, 2);
    publisher.close();
    player.close();
    await bench.start();
  },
);

test("a server that stops does not wait for a callback that hangs", TIMEOUT, async () => {
  const publisher = await new RtmpPeer(bench.urlOf("stop2"), "publish").waitReady(HOOK_WAIT_MS);
  bench.hooks.answers.set("on_unpublish", "hang");
  const began = performance.now();
  await bench.weir.close();
  assert.ok(performance.now() - began < 10_000);
  publisher.close();
  await bench.start();
});
