/** E-15: limits of a vhost count RTMP, HTTP-FLV, WebSocket and HLS as one, over all threads, and give every place back. */
import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { signedQuery } from "../../src/main/tokens/signed-url.ts";
import { publish } from "../main/accept/wire-client.ts";
import { command, concat } from "../protocol/rtmp/session-harness.ts";
import type { Frame } from "../support/flv-file.ts";
import { FlvViewer } from "../support/flv-viewer.ts";
import { MultiPeer } from "../support/multi-peer.ts";
import { type ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";
import { type HlsServer, makeHlsClip, publishTo, startHls } from "./hls-runs.ts";

const WAIT_MS = 20_000;
const TIMEOUT = { timeout: 60_000 };
const SECRET = "the-secret";
const HLS = "hls_window 1;";

let weir: HlsServer;
let clip: Frame[];
let publisher: ClipPublisher;
const open: { close(): void }[] = [];

function vhostWith(limits: string, more = ""): string {
  return `http_remux { enabled on; } limits { ${limits} } ${more}`;
}

async function limit(limits: string, more = ""): Promise<void> {
  await weir.reloadHls(HLS, { vhost: vhostWith(limits, more) });
}

before(async () => {
  const vhost = vhostWith("");
  clip = await makeHlsClip();
  weir = await startHls({ workers: 2, vhost, hls: HLS, limits: { crashesMax: 1000 } });
  publisher = await publishTo(weir.port, "a", clip);
});

after(async () => {
  publisher?.close();
  await weir?.close();
});

afterEach(async () => {
  for (const one of open.splice(0)) {
    one.close();
  }
  const { clients, supervisor } = weir.server;
  for (const { type, shard, row } of clients) {
    if (type === "hls-play") {
      await supervisor.links[shard]?.kick(row, "kicked");
    }
  }
  await waitClients(1);
});

/** Waits until so many are there: the publisher of `a` is one. */
async function waitClients(count: number): Promise<void> {
  await waitUntil(`${count} clients`, () => weir.server.clients.size === count, WAIT_MS);
}

function kept<T extends { close(): void }>(one: T): T {
  open.push(one);
  return one;
}

function peer(mode: "publish" | "play", name: string, from = "127.0.0.1"): RtmpPeer {
  const socket = connect({ host: "127.0.0.1", port: weir.port, localAddress: from });
  const url = `rtmp://127.0.0.1:${weir.port}/live/${name}`;
  return kept(new RtmpPeer(url, mode, { socket }));
}

function viewer(path = "/live/a.flv", scheme = "http"): FlvViewer {
  return kept(new FlvViewer(`${weir.client.base.replace("http", scheme)}${path}`));
}

async function watch(scheme: "http" | "ws", path?: string): Promise<FlvViewer> {
  return await viewer(path, scheme).waitFrames(1, WAIT_MS);
}

/** The status that one more of each kind gets, the same of all who come by HTTP. */
async function statusOf(path = "/live/a"): Promise<number> {
  const [name, query = ""] = path.split("?");
  const flv = `${name}.flv?${query}`;
  const answers = await Promise.all([
    viewer(flv).waitEnd(WAIT_MS),
    viewer(flv, "ws").waitEnd(WAIT_MS),
    weir.client.get(`${name}.m3u8?${query}`).then(({ status }) => status),
  ]);
  assert.equal(new Set(answers).size, 1, answers.join());
  return answers[0] ?? 0;
}

async function refused(one: RtmpPeer): Promise<string> {
  await one.waitEnd(WAIT_MS);
  assert.equal(one.isReady, false);
  return one.statuses.at(-1) ?? "";
}

function rejects(reason: string): number {
  return weir.server.lobby.refusals.get(reason) ?? 0;
}

test(
  "E-15 stream_players: all protocols, shards and gateways are one count; whoever is there stays",
  TIMEOUT,
  async () => {
    const first = await peer("play", "a").waitReady(WAIT_MS);
    await watch("http");
    const socket = await watch("ws");
    const path = await weir.client.session("/live/a.m3u8");
    // Fewer than there are: nobody is ended, and nobody else gets in.
    await limit("stream_players 2;");
    assert.equal(await refused(peer("play", "a")), "NetStream.Play.Failed");
    assert.equal(await statusOf(), 503);
    assert.equal(rejects("ERR_LIMIT_STREAM"), 4);
    assert.match(weir.log(), /WARN\]\S* ?.*stream_players 2 is reached.*stream=\S+\/live\/a/);
    const { length } = weir.log().match(/ERR_LIMIT_STREAM/g) ?? [];
    assert.ok(length >= 1 && length <= 4, `${length} lines`);
    assert.doesNotMatch(weir.log(), /INFO\].*refused/);
    await peer("play", "other").waitReady(WAIT_MS);
    await first.waitFrames(first.received.length + 5, WAIT_MS);
    await socket.waitFrames(socket.received.length + 5, WAIT_MS);
    for (let request = 0; request < 4; request += 1) {
      assert.ok((await weir.client.playlist(path)).segments.length > 0, "it keeps its place");
    }
    await limit("stream_players 5;");
    await peer("play", "a").waitReady(WAIT_MS);
    assert.equal(await statusOf(), 503);
    socket.close();
    await waitClients(6);
    await peer("play", "a").waitReady(WAIT_MS);
  },
);

test(
  "E-15 address_sessions: by address, publishers too; loopback counts only where it is said",
  TIMEOUT,
  async () => {
    await limit("address_sessions 2;");
    await Promise.all([1, 2, 3].map(() => peer("play", "a").waitReady(WAIT_MS)));
    await limit("address_sessions 2; address_exempt none;");
    assert.equal(await statusOf(), 429);
    assert.equal(await refused(peer("play", "a")), "NetStream.Play.Failed");
    assert.equal(await refused(peer("publish", "b")), "NetStream.Publish.Denied");
    assert.equal(rejects("ERR_LIMIT_ADDRESS"), 5);
    await peer("publish", "b", "127.0.0.2").waitReady(WAIT_MS);
    await peer("play", "a", "127.0.0.2").waitReady(WAIT_MS);
    assert.equal(await refused(peer("play", "a", "127.0.0.2")), "NetStream.Play.Failed");
    await limit("address_sessions 2; address_exempt 127.0.0.2;");
    await peer("play", "a", "127.0.0.2").waitReady(WAIT_MS);
  },
);

test(
  "E-15 publishers: the vhost's, and each end of a publish frees its place",
  TIMEOUT,
  async () => {
    await limit("publishers 2;");
    const second = await peer("publish", "b").waitReady(WAIT_MS);
    assert.equal(await refused(peer("publish", "c")), "NetStream.Publish.Denied");
    assert.equal(await refused(peer("publish", "b")), "NetStream.Publish.BadName");
    assert.equal(rejects("ERR_LIMIT_PUBLISHERS"), 1);
    second.close();
    await waitClients(1);
    // A publish that ends and one that begins on the same connection, in one breath.
    const again = await publish(weir.port, "c");
    kept({ close: () => again.destroy() });
    for (let round = 0; round < 40; round += 1) {
      const before = again.statuses.length;
      const end = command(0, "deleteStream", 6, null, 1);
      const begin = command(1, "publish", 8, null, `c${round}`, "live");
      again.write(concat(end, command(0, "createStream", 7, null), begin));
      await waitUntil("it is answered", () => again.statuses.length > before, WAIT_MS);
      assert.equal(again.statuses.at(-1), "NetStream.Publish.Start", `round ${round}`);
    }
  },
);

test("E-15 one connection with several plays has as many places", TIMEOUT, async () => {
  await limit("players 2;");
  const several = kept(await MultiPeer.connect(weir.port));
  const one = await several.play("a");
  const third = await several.play("b");
  third.close();
  const second = await several.play("c");
  third.say("play", null, "a");
  await third.waitStatus("NetStream.Play.Failed");
  assert.equal(rejects("ERR_LIMIT_PLAYERS"), 1);
  assert.deepEqual([one.end, second.end], ["open", "open"]);
  one.delete();
  third.say("play", null, "a");
  await third.waitFrames(1, WAIT_MS);
});

test("E-15 token_sessions: one signed URL is watched once at a time", TIMEOUT, async () => {
  await limit("token_sessions 1;", `token { enabled on; secret ${SECRET}; }`);
  const query = (seconds: number): string => {
    const expires = Math.floor(Date.now() / 1000) + seconds;
    const stream = { vhost: "__defaultVhost__", app: "live", stream: "a", ip: "" } as const;
    return signedQuery(SECRET, { action: "play", ...stream, expires }).slice(1);
  };
  const [one, other] = [query(600), query(601)];
  const player = await peer("play", `a?${one}`).waitReady(WAIT_MS);
  assert.equal(await statusOf(`/live/a?${one}`), 429);
  // Padded it is the same signature.
  assert.equal(await refused(peer("play", `a?${one}%3D`)), "NetStream.Play.Failed");
  assert.equal(rejects("ERR_LIMIT_TOKEN"), 4);
  await peer("play", `a?${other}`).waitReady(WAIT_MS);
  player.close();
  await waitClients(2);
  await weir.client.session(`/live/a.m3u8?${one}`);
});

test("E-15 a thread that dies gives back the places of all who were on it", TIMEOUT, async () => {
  await limit("players 3;");
  const { supervisor, clients, coordinator } = weir.server;
  for (let round = 0; round < 2; round += 1) {
    await peer("play", "elsewhere").waitReady(WAIT_MS);
    viewer("/live/elsewhere.flv");
    await weir.client.session("/live/a.m3u8");
    await waitClients(4);
    assert.equal(await refused(peer("play", "a")), "NetStream.Play.Failed");
    const players = [...clients].filter(({ type }) => type.endsWith("-play"));
    const dying = new Set(players.map(({ shard }) => shard));
    assert.equal(dying.size, 3, "a shard, a gateway and the packager");
    const key = "__defaultVhost__/live/a";
    const isOurs = dying.has(coordinator.find(key)?.publisher?.shard ?? -1);
    await Promise.all([...dying].map((index) => supervisor.links[index]?.terminate()));
    const isBack = (): boolean => [...dying].every((index) => supervisor.links[index]?.isAlive);
    await waitUntil("they are back", isBack, WAIT_MS);
    if (isOurs) {
      publisher.close();
      publisher = await publishTo(weir.port, "a", clip);
    }
    await waitClients(1);
  }
});

test("E-15 of those whom callbacks let in at once the last place takes one", TIMEOUT, async () => {
  const held: ServerResponse[] = [];
  const told: string[] = [];
  const hooks = createServer((request, response) => {
    request.resume();
    if (request.url === "/on_play") {
      held.push(response);
    } else {
      told.push(request.url ?? "");
      response.end("0");
    }
  });
  await new Promise<void>((resolve) => hooks.listen(0, "127.0.0.1", resolve));
  kept({ close: () => hooks.close() });
  const { port } = hooks.address() as AddressInfo;
  const [ask, tell] = ["on_play", "on_stop"].map(
    (name) => `${name} http://127.0.0.1:${port}/${name};`,
  );
  await limit("players 1;", `http_hooks { enabled on; ${ask} ${tell} }`);
  const rtmp = peer("play", "a");
  const flv = viewer();
  const hls = weir.client.get("/live/a.m3u8");
  await waitUntil("all are asked about", () => held.length === 3, WAIT_MS);
  const left = peer("play", "a");
  await waitUntil("one more", () => held.length === 4, WAIT_MS);
  left.reset();
  await waitUntil("it is gone", () => weir.server.lobby.size === 1, WAIT_MS);
  for (const response of held) {
    response.end("0");
  }
  await waitClients(2);
  const { status } = await hls;
  await waitUntil("FLV is answered", () => flv.status !== 0, WAIT_MS);
  await waitUntil("RTMP is answered", () => rtmp.isReady || rtmp.end !== "open", WAIT_MS);
  const isIn = [rtmp.isReady, flv.status === 200, status === 200];
  assert.equal(isIn.filter(Boolean).length, 1, `${isIn}`);
  assert.ok(isIn[1] || flv.status === 503);
  assert.ok(isIn[2] || status === 503);
  assert.ok(isIn[0] || rtmp.statuses.includes("NetStream.Play.Failed"));
  await waitUntil("the ends of the others are told", () => told.length === 3, WAIT_MS);
});
