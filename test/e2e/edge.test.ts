/** What an edge tells its origin and its clients, beside media. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  type InProcess,
  type InProcessOptions,
  startInProcess,
} from "../main/accept/in-process.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { FlvOrigin } from "../support/flv-origin.ts";
import { runChecked } from "../support/process.ts";
import { RecordingOrigin } from "../support/recording-origin.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";
import { clip } from "./edge-nodes.ts";

const NOT_FOUND = "NetStream.Play.StreamNotFound";
const REJECTED = "NetConnection.Connect.Rejected";

const open: { close(): Promise<void> }[] = [];

after(() => Promise.all(open.map((one) => one.close())));

async function start(options: InProcessOptions): Promise<InProcess> {
  const server = await startInProcess({ workers: 1, ...options });
  open.push(server);
  return server;
}

function startEdge(origin: number, more = ""): Promise<InProcess> {
  return start({ vhost: `cluster { mode remote; origin 127.0.0.1:${origin}; ${more} }` });
}

async function startRecorder(): Promise<{ recorder: RecordingOrigin; port: number }> {
  const recorder = new RecordingOrigin();
  open.push(recorder);
  return { recorder, port: await recorder.open() };
}

function peer(port: number, name: string, mode: "play" | "publish"): RtmpPeer {
  return new RtmpPeer(`rtmp://127.0.0.1:${port}/live/${name}`, mode);
}

async function publishTo(port: number, name: string): Promise<ClipPublisher> {
  return new ClipPublisher(await peer(port, name, "publish").waitReady(8000), clip);
}

// Each test has servers of its own, and mostly waits.
describe("an edge", { concurrency: 2 }, () => {
  describe("a stream that no origin has", { timeout: 60_000 }, () => {
    test("players hear so after a wait; the next ones at once, without a question upstream", async () => {
      const { recorder, port } = await startRecorder();
      const edge = await startEdge(port, "origin_wait 1500; origin_not_found 2000;");
      const first = peer(edge.port, "missing", "play");
      await first.waitEnd(6000);
      assert.equal(first.statuses.at(-1), NOT_FOUND);
      const asked = recorder.plays.length;
      assert.ok(asked >= 1 && asked <= 3, `${asked} questions`);
      await waitUntil("the pull ends", () => edge.server.edge.pulls === 0, 3000);
      const second = peer(edge.port, "missing", "play");
      await second.waitEnd(1000);
      assert.equal(second.statuses.at(-1), NOT_FOUND);
      assert.equal(recorder.plays.length, asked);
      await delay(2100);
      const third = peer(edge.port, "missing", "play");
      await waitUntil("it is asked for again", () => recorder.plays.length > asked, 3000);
      third.close();
    });

    test("origin_wait 0: players wait for ever, and a publisher that comes is seen", async () => {
      const origin = await start({});
      const edge = await startEdge(origin.port, "origin_wait 0; origin_first_media_timeout 1000;");
      const player = peer(edge.port, "later", "play");
      await delay(2500);
      assert.equal(player.end, "open");
      const publisher = await publishTo(origin.port, "later");
      await waitUntil("media comes", () => player.received.some(isMedia), 12_000);
      publisher.close();
      player.close();
    });

    test("over HTTP-FLV too, and the origin hears by whom it was asked", async () => {
      const origin = new FlvOrigin(clip);
      open.push(origin);
      const edge = await startEdge(await origin.open(), "protocol flv; origin_wait 1500;");
      const player = peer(edge.port, "missing?token=x", "play");
      await player.waitEnd(6000);
      assert.equal(player.statuses.at(-1), NOT_FOUND);
      assert.equal(origin.requests[0]?.url, "/live/missing.flv?token=x");
      assert.match(origin.requests[0]?.path ?? "", /^[0-9a-f-]{36}$/);
    });
  });

  describe("a publish at an edge", { timeout: 60_000 }, () => {
    test("the encoder hears Start only when the origin has said it; the origin hears who it is", async () => {
      const { recorder, port } = await startRecorder();
      recorder.delayMs = 700;
      const edge = await startEdge(port);
      const began = performance.now();
      const publisher = await publishTo(edge.port, "held?token=y");
      assert.ok(performance.now() - began >= 690);
      const [publish] = recorder.publishes;
      assert.equal(publish?.style, "flash-publish");
      assert.equal(publish?.request.param, "?token=y");
      assert.equal(publish?.connect?.edge?.pid, String(process.pid));
      assert.match(publish?.connect?.edge?.id ?? "", /^[a-z0-9]{8}$/);
      await waitUntil("media comes", () => recorder.received("held").length > 30, 5000);
      const names = recorder.received("held").slice(0, 2);
      assert.deepEqual(
        names.map((frame) => frame.kind),
        ["header", "key"],
      );
      publisher.close();
    });

    test("what the origin says no with reaches the encoder", async () => {
      const { recorder, port } = await startRecorder();
      recorder.refusal = "NetStream.Publish.BadName";
      const edge = await startEdge(port);
      const publisher = peer(edge.port, "refused", "publish");
      await publisher.waitEnd(5000);
      assert.equal(publisher.statuses.at(-1), "NetStream.Publish.BadName");
      await waitUntil("the name is free", () => edge.server.coordinator.size === 0, 3000);
      assert.equal(edge.server.pool.lentCount, 0);
    });

    test("without any origin it is refused when the hold is over", async () => {
      const edge = await startEdge(1, "publish_hold 1200;");
      const publisher = peer(edge.port, "nowhere", "publish");
      await publisher.waitEnd(5000);
      assert.equal(publisher.statuses.at(-1), "NetStream.Publish.Failed");
      assert.equal(edge.server.pool.lentCount, 0);
    });

    test("C-23: an encoder whose origin does not come back is closed when the hold is over", async () => {
      const origin = await start({});
      const proxy = await new FaultProxy(origin.port).open();
      open.push(proxy);
      const edge = await startEdge(proxy.port, "publish_hold 1500;");
      const publisher = await publishTo(edge.port, "lost");
      await delay(500);
      const since = performance.now();
      await proxy.set("refused");
      await publisher.peer.waitEnd(5000);
      const heldMs = performance.now() - since;
      assert.ok(heldMs >= 1400 && heldMs < 3000, `${heldMs}`);
      publisher.close();
    });
  });

  describe("edges among each other", { timeout: 60_000 }, () => {
    test("C-21: two edges that are each other's origin refuse the circle", async () => {
      const waits = "origin_wait 2500; debug_srs_upnode off;";
      const proxy = await new FaultProxy(0).open();
      await proxy.close();
      const first = await startEdge(proxy.port, waits);
      const second = await startEdge(first.port, waits);
      const back = await new FaultProxy(second.port).open(proxy.port);
      open.push(back);
      const player = peer(second.port, "circle", "play");
      await player.waitEnd(8000);
      assert.equal(player.statuses.at(-1), NOT_FOUND);
      assert.match(second.log(), /in a circle/);
      assert.ok(back.connections <= 2, `${back.connections} times round`);
    });

    test("a redirect is followed; the player does not notice", async () => {
      const origin = await start({});
      const publisher = await publishTo(origin.port, "moved");
      const proxy = await new FaultProxy(origin.port).open();
      open.push(proxy);
      const edge = await startEdge(proxy.port);
      proxy.redirectTo(origin.port);
      await proxy.set("answer");
      const player = peer(edge.port, "moved", "play");
      await player.waitFrames(20, 5000);
      assert.equal(proxy.connections, 1);
      player.close();
      publisher.close();
    });

    test("atc: a player of the edge sees the times of the origin", async () => {
      const origin = await start({ vhost: "play { atc on; }" });
      const edge = await start({
        vhost: `play { atc on; } cluster { mode remote; origin 127.0.0.1:${origin.port}; }`,
      });
      const publisher = await publishTo(origin.port, "clock");
      await delay(1500);
      const players = [peer(origin.port, "clock", "play"), peer(edge.port, "clock", "play")];
      await Promise.all(players.map((player) => player.waitFrames(40, 8000)));
      const [here, there] = players.map(
        (player) =>
          new Map(player.received.filter(isMedia).map((one) => [one.hash, one.timestamp])),
      );
      let compared = 0;
      for (const [hash, timestamp] of here ?? []) {
        const other = there?.get(hash);
        if (other !== undefined) {
          compared += 1;
          assert.equal(other, timestamp);
        }
      }
      assert.ok(compared > 20, `${compared} compared`);
      for (const player of players) {
        player.close();
      }
      publisher.close();
    });
  });

  describe("HTTP-FLV over TLS", { timeout: 60_000 }, () => {
    test("a certificate that nobody vouches for is refused unless it is not to be checked", async () => {
      const directory = makeScratch();
      const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
      const subject = ["-subj", "/CN=localhost", "-days", "2"];
      const made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert];
      await runChecked("openssl", [...made, ...subject], { timeoutMs: 20_000 });
      const tls = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
      const origin = new FlvOrigin(clip, tls);
      open.push(origin);
      const port = await origin.open();
      const trusting = await startEdge(port, "protocol flvs; origin_tls_verify off;");
      const player = peer(trusting.port, "clip", "play");
      await player.waitFrames(20, 5000);
      player.close();
      const checking = await startEdge(port, "protocol flvs; origin_wait 1500;");
      const refused = peer(checking.port, "clip", "play");
      await refused.waitEnd(6000);
      assert.equal(refused.statuses.at(-1), NOT_FOUND);
    });
  });

  describe("a mesh of origins", { timeout: 60_000 }, () => {
    test("players of a stream that is live elsewhere are sent there; an edge follows", async () => {
      const far = await start({});
      const publisher = await publishTo(far.port, "meshed");
      const asked: string[] = [];
      const api = createServer((request, response) => {
        asked.push(`${request.method} ${request.url}`);
        const isKnown = request.url?.includes("stream=meshed") === true;
        const origin = isKnown ? { ip: "127.0.0.1", port: far.port, vhost: "", api: "" } : null;
        response.end(JSON.stringify({ code: 0, data: { query: {}, origin } }));
      });
      await new Promise<void>((resolve) => api.listen(0, "127.0.0.1", resolve));
      const coworker = `127.0.0.1:${(api.address() as AddressInfo).port}`;
      const mesh = `cluster { origin_cluster on; coworkers 127.0.0.1:1 ${coworker}; }`;
      const near = await start({ vhost: mesh });
      const edge = await startEdge(near.port);
      const player = peer(edge.port, "meshed", "play");
      await player.waitFrames(20, 5000);
      assert.match(
        asked[0] ?? "",
        /^POST \/api\/v1\/clusters\?vhost=__defaultVhost__&ip=127\.0\.0\.1&app=live&stream=meshed&coworker=/,
      );
      const missing = peer(near.port, "nowhere", "play");
      await missing.waitEnd(5000);
      assert.equal(missing.statuses.at(-1), NOT_FOUND);
      const own = await publishTo(near.port, "own");
      const local = peer(near.port, "own", "play");
      await local.waitFrames(20, 5000);
      assert.equal(asked.length, 2);
      for (const one of [player, local]) {
        one.close();
      }
      own.close();
      publisher.close();
      await new Promise<void>((resolve) => api.close(() => resolve()));
    });
  });

  describe("token_traverse", { timeout: 60_000 }, () => {
    test("the origin judges a client's connect before the edge does", async () => {
      const text = "vhost good.example.com { }";
      const origin = await start({ directives: text, vhost: "enabled off;" });
      const edge = await startEdge(origin.port, "token_traverse on;");
      const good = new RtmpPeer(
        `rtmp://127.0.0.1:${edge.port}/live/a?vhost=good.example.com`,
        "play",
      );
      await good.waitReady(5000);
      const bad = peer(edge.port, "a", "play");
      await bad.waitEnd(5000);
      assert.equal(bad.statuses.at(-1), REJECTED);
      good.close();
    });

    test("without an origin that can be asked nobody gets in", async () => {
      const edge = await startEdge(1, "token_traverse on;");
      const player = peer(edge.port, "a", "play");
      await player.waitEnd(5000);
      assert.equal(player.statuses.at(-1), REJECTED);
    });
  });
});
