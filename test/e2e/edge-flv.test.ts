/** Pulls by HTTP-FLV: what leads to them, where they are sent, and where they are refused. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { after, describe, test } from "node:test";
import { openCoworker } from "../support/coworker.ts";
import { FlvViewer } from "../support/flv-viewer.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, waitUntil } from "../support/scratch.ts";
import {
  closeAll,
  closeLater,
  ORIGIN_WAIT_MS,
  play,
  publishTo,
  startEdge,
  startNode,
  WAIT_MS,
} from "./edge-nodes.ts";

const NOT_FOUND = "NetStream.Play.StreamNotFound";

after(closeAll);

/** One port for RTMP and HTTP: the first byte of a connection tells which it is. */
async function openBoth(rtmp: number, http: number): Promise<{ port: number; kinds: string[] }> {
  const kinds: string[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((client) => {
    client.once("data", (first) => {
      const isRtmp = first[0] === 3;
      kinds.push(isRtmp ? "rtmp" : "flv");
      const there = connect(isRtmp ? rtmp : http, "127.0.0.1");
      for (const [one, other] of [
        [client, there],
        [there, client],
      ] as const) {
        sockets.add(one);
        one.on("error", () => undefined);
        one.on("close", () => other.destroy());
      }
      there.write(first);
      client.pipe(there);
      there.pipe(client);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closeLater({
    close: async () => {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
  return { port: (server.address() as AddressInfo).port, kinds };
}

describe("the way of an edge's pull", { timeout: 120_000, concurrency: 3 }, () => {
  test("follow_client: the first one decides, by HTTP-FLV or RTMP", async () => {
    const origin = await startNode("");
    const both = await openBoth(origin.weir.port, origin.http);
    const edge = await startEdge(both.port, "follow_client on;");
    const publishers = await Promise.all(
      ["viewed", "played"].map((name) => publishTo(origin.weir.port, name)),
    );
    const viewer = new FlvViewer(edge.flv("viewed"));
    await viewer.waitFrames(10, WAIT_MS);
    const joins = play(edge.weir.port, "viewed");
    await joins.waitFrames(10, WAIT_MS);
    assert.deepEqual(both.kinds, ["flv"]);
    const player = play(edge.weir.port, "played");
    await player.waitFrames(10, WAIT_MS);
    const late = new FlvViewer(edge.flv("played"));
    await late.waitFrames(10, WAIT_MS);
    assert.deepEqual(both.kinds, ["flv", "rtmp"]);
    for (const one of [viewer, joins, player, late, ...publishers]) {
      one.close();
    }
  });

  test("C-21: edges that pull from each other by HTTP-FLV refuse the circle", async () => {
    const [one, two] = [await findFreePort(), await findFreePort()];
    const cluster = (origin: number): string =>
      `cluster { mode remote; protocol flv; origin 127.0.0.1:${origin}; origin_wait ${ORIGIN_WAIT_MS}; }`;
    const first = await startNode(cluster(two), "server_id one;", one);
    const second = await startNode(cluster(one), "server_id two;", two);
    const viewer = new FlvViewer(first.flv("circle"));
    const player = play(second.weir.port, "other");
    assert.equal(await viewer.waitEnd(WAIT_MS), 404);
    await player.waitEnd(WAIT_MS);
    assert.equal(player.statuses.at(-1), NOT_FOUND);
    assert.match(first.weir.log(), /in a circle/);
    assert.match(second.weir.log(), /HTTP 508/);
    const attempts = [first, second].map(({ weir }) => weir.server.edge.attempts);
    // Once round for each of both streams, and perhaps once more before who waits is told.
    assert.ok(Math.min(...attempts) >= 2 && Math.max(...attempts) <= 4, `${attempts}`);
  });

  test("the way that a client tells of is not trusted: it goes on as printable text", async () => {
    const origin = await startNode("");
    const publisher = await publishTo(origin.weir.port, "told");
    const edge = await startEdge(origin.http, "protocol flv;");
    const url = `rtmp://127.0.0.1:${edge.weir.port}/live/told`;
    const told = new Map([["weir_path", "a\r\nb: c, \u{1f600}\u0000"]]);
    const player = new RtmpPeer(url, "play", { connectArgs: [told] });
    await player.waitFrames(10, WAIT_MS);
    assert.equal(edge.weir.server.supervisor.deaths, 0);
    player.close();
    publisher.close();
  });

  test("redirects over HTTP are followed with their path, three at the most, where it is allowed", async () => {
    const origin = await startNode("");
    const publisher = await publishTo(origin.weir.port, "elsewhere");
    const asked: string[] = [];
    const redirector = createServer((request, response) => {
      const { url = "" } = request;
      asked.push(url);
      const hops = Number(/hops=(\d)/.exec(url)?.[1] ?? 0);
      const next =
        hops > 1 ? `${url.replace(/hops=\d/, `hops=${hops - 1}`)}` : origin.flv("elsewhere");
      const to = url.includes("/far") ? "http://169.254.169.254/live/a.flv" : next;
      response.writeHead(302, { location: to }).end();
    });
    await new Promise<void>((resolve) => redirector.listen(0, "127.0.0.1", resolve));
    closeLater({ close: () => new Promise((resolve) => redirector.close(() => resolve())) });
    const { port } = redirector.address() as AddressInfo;
    const edge = await startEdge(port, "protocol flv; origin_linger 200;");
    for (const name of ["moved.flv", "moved.flv?hops=3"]) {
      const viewer = new FlvViewer(edge.flv("x").replace("x.flv", name));
      await viewer.waitFrames(10, WAIT_MS);
      viewer.close();
      await waitUntil("the pull ends", () => edge.weir.server.edge.pulls === 0, WAIT_MS);
    }
    assert.deepEqual(asked, [
      "/live/moved.flv",
      "/live/moved.flv?hops=3",
      "/live/moved.flv?hops=2",
      "/live/moved.flv?hops=1",
    ]);
    const refused = ["loops.flv?hops=9", "far.flv"].map(
      (name) => new FlvViewer(edge.flv("x").replace("x.flv", name)),
    );
    for (const viewer of refused) {
      assert.equal(await viewer.waitEnd(WAIT_MS), 404);
    }
    publisher.close();
  });

  test("a mesh of origins sends viewers to the one that has the stream", async () => {
    const http = await findFreePort();
    const far = await startNode("", "", http);
    const publisher = await publishTo(far.weir.port, "meshed");
    const place = { ip: "127.0.0.2", port: far.weir.port };
    const coworker = closeLater(await openCoworker("meshed", place));
    const near = await startNode(`cluster { origin_cluster on; coworkers ${coworker.address}; }`);
    const sent = new FlvViewer(`${near.flv("meshed")}?token=1`);
    assert.equal(await sent.waitEnd(WAIT_MS), 302);
    assert.equal(sent.headers.location, `http://127.0.0.2:${near.http}/live/meshed.flv?token=1`);
    const named = new FlvViewer(near.flv("meshed"), { host: `of.example:${near.http}` });
    assert.equal(await named.waitEnd(WAIT_MS), 302);
    assert.match(named.headers.location ?? "", /live\/meshed\.flv\?vhost=of\.example$/);
    const missing = new FlvViewer(near.flv("nowhere"));
    assert.equal(await missing.waitEnd(WAIT_MS), 404);
    const { refusals } = near.weir.server.lobby;
    assert.deepEqual(
      ["redirect", "ERR_STREAM_NOT_FOUND"].map((reason) => refusals.get(reason)),
      [2, 1],
    );
    const own = await publishTo(near.weir.port, "own");
    const here = new FlvViewer(near.flv("own"));
    await here.waitFrames(10, WAIT_MS);
    for (const one of [here, own, publisher]) {
      one.close();
    }
  });
});
