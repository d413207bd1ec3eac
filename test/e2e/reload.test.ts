/** What a reload changes at a running server, and what it leaves alone. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Counter, RowRole } from "../../src/protocol/control/board.ts";
import { KERNEL_LATER_MS } from "../../src/worker/io/native.ts";
import {
  type InProcess,
  type InProcessOptions,
  namesByShard,
  startInProcess,
} from "../main/accept/in-process.ts";
import { isRun, play, publish, StampedPublisher, WireClient } from "../main/accept/wire-client.ts";
import { command } from "../protocol/rtmp/session-harness.ts";
import { hasNoDelay, userTimeoutOf } from "../support/descriptor-options.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";

const running: InProcess[] = [];
const publishers: StampedPublisher[] = [];

async function start(options: InProcessOptions): Promise<InProcess> {
  const one = await startInProcess(options);
  running.push(one);
  return one;
}

afterEach(async () => {
  for (const publisher of publishers.splice(0)) {
    publisher.close();
  }
  await Promise.all(running.splice(0).map((one) => one.close()));
});

/** A publisher of stamped video and a player of it, of which some came. */
async function stream(port: number, name: string): Promise<[StampedPublisher, WireClient]> {
  const publisher = new StampedPublisher(await publish(port, name));
  publishers.push(publisher);
  const player = await play(port, name);
  await waitUntil("it plays", () => player.media.length > 5, 5000);
  return [publisher, player];
}

async function playsOn(player: WireClient, frames = 20): Promise<void> {
  const from = player.media.length;
  await waitUntil("it plays on", () => player.media.length > from + frames, 5000);
  assert.ok(isRun(player.sequences), "no frame is lost or doubled");
  assert.equal(player.end, "open");
}

test("listen: addresses come and go, one that cannot be had changes nothing", async () => {
  const [second, third] = [await findFreePort(), await findFreePort()];
  const one = await start({ workers: 1, listen: [`127.0.0.1:${second}`] });
  const [, player] = await stream(second, "here");
  const added = await one.reload({ workers: 1, listen: [`127.0.0.1:${third}`] });
  assert.equal(added.error, undefined);
  assert.deepEqual([await isListening(second), await isListening(third)], [false, true]);
  assert.ok(await isListening(one.port), "the one that stayed");
  (await play(third, "here")).destroy();
  await playsOn(player);

  // 192.0.2.0/24 is for documentation: no host has it.
  const fourth = await findFreePort();
  const wanted = [`127.0.0.1:${fourth}`, `192.0.2.1:${third}`];
  const refused = await one.reload({
    workers: 1,
    listen: wanted,
    directives: "max_connections 1;",
  });
  assert.match(refused.error?.message ?? "", /cannot listen on 192\.0\.2\.1:/);
  assert.match(one.log(), /test: nothing is changed: cannot listen on 192\.0\.2\.1/);
  assert.deepEqual([await isListening(third), await isListening(fourth)], [true, false]);
  (await play(third, "here")).destroy();
  await playsOn(player);
});

test("max_connections: lower and higher than what the server was started with", async () => {
  const one = await start({ workers: 1, directives: "max_connections 3;" });
  const [, player] = await stream(one.port, "few");
  await one.reload({ workers: 1, directives: "max_connections 2;" });
  const refused = new WireClient(one.port, new Uint8Array(0));
  await assert.rejects(play(one.port, "few"));
  refused.destroy();
  await one.reload({ workers: 1, directives: "max_connections 40;" });
  const more = await Promise.all(Array.from({ length: 30 }, () => play(one.port, "few")));
  await waitUntil("all play", () => more.every((client) => client.media.length > 0), 5000);
  for (const client of more) {
    client.destroy();
  }
  await playsOn(player);
});

test("vhosts: added ones serve, removed and disabled ones refuse newcomers and keep their sessions", async () => {
  const a = "vhost a.example {}";
  const one = await start({ workers: 2, directives: `${a} vhost b.example {}` });
  const peers = await Promise.all(
    ["a.example", "b.example"].map((vhost) =>
      new RtmpPeer(urlOf(one, "old", vhost), "publish").waitReady(),
    ),
  );
  await one.reload({
    workers: 2,
    directives: `${a} vhost b.example { enabled off; } vhost c.example {}`,
  });
  const refused = new RtmpPeer(urlOf(one, "new", "b.example"), "publish");
  await refused.waitEnd(5000);
  assert.ok(
    refused.statuses.includes("NetConnection.Connect.Rejected"),
    refused.statuses.join(" "),
  );
  await new RtmpPeer(urlOf(one, "new", "c.example"), "publish").waitReady();
  assert.ok(one.server.coordinator.find("c.example/live/new"), "a vhost of its own");

  await one.reload({ workers: 2 });
  await new RtmpPeer(urlOf(one, "late", "c.example"), "publish").waitReady();
  assert.ok(one.server.coordinator.find("__defaultVhost__/live/late"), "no longer its own");
  await delay(200);
  assert.deepEqual(
    peers.map(({ end }) => end),
    ["open", "open"],
  );
  // Their settings stay what they were: nothing of theirs is left in the file.
  assert.ok(one.server.coordinator.find("a.example/live/old"));
});

test("security and refer: newcomers by the new rules, sessions stay", async () => {
  const one = await start({ workers: 1 });
  const [publisher, player] = await stream(one.port, "guarded");
  await one.reload({ workers: 1, vhost: "security { enabled on; deny play all; }" });
  await assert.rejects(play(one.port, "guarded"), /NetStream\.Play\.Failed/);
  await playsOn(player);
  await one.reload({ workers: 1, vhost: "refer { enabled on; all example.com; }" });
  await assert.rejects(play(one.port, "guarded"), /NetConnection\.Connect\.Rejected/);
  await one.reload({ workers: 1 });
  (await play(one.port, "guarded")).destroy();
  await playsOn(player);
  assert.equal(publisher.client.end, "open");
});

test("strict on: who may no longer stay is ended", async () => {
  const one = await start({ workers: 2, directives: "strict on; vhost a.example {}" });
  const [publisher, player] = await stream(one.port, "guarded");
  const other = await new RtmpPeer(urlOf(one, "x", "a.example"), "publish").waitReady();
  await one.reload({ directives: "strict on;", vhost: "security { enabled on; deny play all; }" });
  await player.waitEnd(5000);
  await other.waitEnd(5000);
  assert.equal(publisher.client.end, "open");
  assert.match(one.log(), /rtmp-play is ended: its address may not play/);
  assert.match(one.log(), /-publish is ended: no vhost a\.example/);
  await waitUntil("it is logged", () => /ended: no longer allowed/.test(one.log()), 2000);
});

function urlOf(one: InProcess, name: string, vhost: string): string {
  return `rtmp://127.0.0.1:${one.port}/live/${name}?vhost=${vhost}`;
}

test("play and publish settings reach streams that run, on every shard", async () => {
  const one = await start({ workers: 3, directives: "spill_players 1;" });
  const names = namesByShard(one.server, "s");
  const streams = await Promise.all(names.map((name) => stream(one.port, name)));
  const before = await Promise.all(names.map((name) => play(one.port, name)));
  const report = await one.reload({
    workers: 3,
    directives: "spill_players 1;",
    vhost: "play { gop_cache off; } publish { normal_timeout 300; }",
  });
  assert.deepEqual(
    report.steps.map(({ place }) => place),
    ["vhost __defaultVhost__.play.gop_cache", "vhost __defaultVhost__.publish.normal_timeout"],
  );
  await delay(100);
  const newcomers = await Promise.all(
    names.map(async (name, index) => {
      const [source] = streams[index] ?? assert.fail(name);
      await waitUntil("amid a group", () => source.sequence % 10 === 4, 5000);
      const newest = source.sequence;
      const player = await play(one.port, name);
      await waitUntil("it plays", () => player.media.length > 0, 5000);
      // Without GOP cache it starts at the keyframe that comes next.
      assert.ok((player.sequences[0] ?? 0) > newest, `${player.sequences[0]} ${newest}`);
      return player;
    }),
  );
  for (const player of [...before, ...newcomers, ...streams.map(([, player]) => player)]) {
    assert.ok(isRun(player.sequences));
    assert.equal(player.end, "open");
  }
  // The publishers run since before the reload; their silence is judged by the new limit.
  const silentAt = performance.now();
  for (const [publisher] of streams) {
    publisher.stop();
  }
  await Promise.all(streams.map(([publisher]) => publisher.client.waitEnd(3000)));
  assert.ok(performance.now() - silentAt < 2500, "not the 5 s of before");
});

test("tcp_nodelay and player_stall: the sockets of running players follow", async () => {
  const one = await start({ workers: 1 });
  await stream(one.port, "sockets");
  const link = one.server.supervisor.links[0] ?? assert.fail("shard");
  const entry = one.server.coordinator.find("__defaultVhost__/live/sockets");
  const row = link.board.role.indexOf(RowRole.Player);
  assert.equal(link.board.stream[row], entry?.id);
  const descriptor = link.board.descriptor[row] ?? -1;
  assert.deepEqual(
    [hasNoDelay(descriptor), userTimeoutOf(descriptor)],
    [true, 10_000 + KERNEL_LATER_MS],
  );
  const directives = "player_stall 4000;";
  await one.reload({ workers: 1, directives, vhost: "tcp_nodelay off;" });
  const follows = (): boolean =>
    !hasNoDelay(descriptor) && userTimeoutOf(descriptor) === 4000 + KERNEL_LATER_MS;
  await waitUntil("the socket follows", follows, 2000);
});

test("a publish after the hand-off follows reloads as well", async () => {
  const one = await start({ workers: 1 });
  const client = await publish(one.port, "one");
  client.write(command(0, "createStream", 6, null));
  client.write(command(2, "publish", 7, null, "two", "live"));
  const isThere = (): boolean =>
    one.server.coordinator.find("__defaultVhost__/live/two") !== undefined;
  await waitUntil("it publishes two", isThere, 5000);
  client.write(command(1, "deleteStream", 8, null, 1));
  await waitUntil("one is over", () => one.server.coordinator.size === 1, 5000);
  await one.reload({ workers: 1, vhost: "publish { firstpkt_timeout 300; }" });
  await client.waitEnd(3000);
});

test("chunk_size: running players keep theirs, the next publish takes the new one", async () => {
  const one = await start({ workers: 2 });
  const [publisher, player] = await stream(one.port, "chunks");
  await one.reload({ workers: 2, vhost: "chunk_size 128;" });
  await playsOn(player);
  const late = await play(one.port, "chunks");
  await waitUntil("it plays", () => late.media.length > 5, 5000);
  publisher.close();
  await waitUntil(
    "it left",
    () => one.server.coordinator.find("__defaultVhost__/live/chunks")?.publisher === null,
    5000,
  );
  const count = player.media.length;
  const again = new StampedPublisher(await publish(one.port, "chunks"));
  publishers.push(again);
  // 300 bytes come in three chunks now: who was not told of the size could not read them.
  await waitUntil(
    "both play on",
    () => player.media.length > count + 20 && late.media.length > 30,
    5000,
  );
  assert.deepEqual([player.spoilt, late.spoilt, player.end, late.end], [0, 0, "open", "open"]);
  assert.ok(isRun(player.sequences.slice(count + 1)));
});

test("a file that is wrong changes nothing and says where", async () => {
  const one = await start({ workers: 1 });
  const [, player] = await stream(one.port, "kept");
  const report = await one.reload({ workers: 1, vhost: "play { gop_cach off; } enabled off;" });
  assert.match(report.error?.message ?? "", /^test\.conf:9(:\d+)?: illegal vhost\.play\.gop_cach/);
  assert.match(one.log(), /nothing is changed: test\.conf:9(:\d+)?: illegal/);
  (await play(one.port, "kept")).destroy();
  await playsOn(player);
  const mode = await one.reload({ workers: 1, vhost: "cluster { mode remote; origin a:1; }" });
  assert.match(mode.error?.message ?? "", /cluster\.mode cannot change from local to remote/);
});

test("what needs a restart is told and left as it is", async () => {
  const one = await start({ workers: 1 });
  const report = await one.reload({ workers: 2 });
  assert.deepEqual(
    report.steps.map(({ place, effect }) => [place, effect]),
    [["workers", "restart"]],
  );
  assert.match(one.log(), /\[WARN\].*test: restart +workers: 1 -> 2/);
  const shards = one.server.supervisor.links.filter((link) => link?.isShard);
  assert.equal(shards.length, 1);
});

test("a shard that hangs holds a reload up only until it is replaced; its successor has the new settings", async () => {
  const limits = { watchMs: 100, hangWarnMs: 500, hangKillMs: 3000 };
  const one = await start({ workers: 2, limits });
  const [first = "", second = ""] = namesByShard(one.server, "h");
  const [, player] = await stream(one.port, first);
  await one.server.supervisor.links[1]?.fault("hang").catch(() => undefined);
  const report = await one.reload({ workers: 2, limits, vhost: "publish { normal_timeout 300; }" });
  assert.equal(report.error, undefined);
  const { links } = one.server.supervisor;
  const startedAt = links[1]?.board.counters[Counter.Heartbeat] ?? 0;
  const beats = (): boolean => (links[1]?.board.counters[Counter.Heartbeat] ?? 0) > startedAt + 200;
  await waitUntil("its successor runs", beats, 10_000);
  const publisher = new StampedPublisher(await publish(one.port, second));
  publishers.push(publisher);
  await delay(300);
  publisher.stop();
  await publisher.client.waitEnd(3000);
  await playsOn(player);
});

test("reloads asked for while one runs are one more after it", async () => {
  const one = await start({ workers: 1 });
  const reports = await Promise.all([1, 2, 3, 4].map(() => one.reload({ workers: 1 })));
  assert.deepEqual(
    reports.map(({ id }) => id),
    [1, 2, 2, 2],
  );
});
