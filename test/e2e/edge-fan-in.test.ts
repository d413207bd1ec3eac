/** F-78: however many players and shards, an origin sees one. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type InProcess, shardOf, startInProcess } from "../main/accept/in-process.ts";
import { playDialogue } from "../main/accept/wire-client.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { type Frame, hashPayload } from "../support/flv-file.ts";
import { assertTimeLine } from "../support/message-run.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";

const PLAYERS = 1000;
const STORM_MS = 1000;
const WINDOW_MS = 12_000;
const GOP_FRAMES = 10;
const FRAME_BYTES = 300;
/** Replies, headers and a few frames. */
const SERVED_BYTES = 2500;

/** Two groups of small frames. */
function makeFrames(frameMs: number): Frame[] {
  const frame = (kind: Frame["kind"], head: number[], index: number): Frame => {
    const payload = new Uint8Array(FRAME_BYTES).fill(index & 0xff);
    payload.set(head);
    const [type, timestamp] = [9, kind === "header" ? 0 : index * frameMs];
    return { type, kind, timestamp, hash: hashPayload(payload), payload };
  };
  const frames = Array.from({ length: 2 * GOP_FRAMES }, (_, index) =>
    index % GOP_FRAMES === 0
      ? frame("key", [0x17, 1, 0, 0, 0], index)
      : frame("inter", [0x27, 1, 0, 0, 0], index),
  );
  return [frame("header", [0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff], 0), ...frames];
}

const clip = makeFrames(40);
/** Five frames a second: a thousand players are enough work for a test. */
const slowClip = makeFrames(200);
let origin: InProcess;
let edge: InProcess;
let proxy: FaultProxy;
/** What an ordinary player of the origin passes. */
let plain: FaultProxy;

before(async () => {
  // Frame by frame, so that two players at the origin are not at different places when they are counted.
  origin = await startInProcess({ workers: 1, vhost: "min_latency on;" });
  proxy = await new FaultProxy(origin.port).open();
  plain = await new FaultProxy(origin.port).open();
  const vhost = `cluster { mode remote; origin 127.0.0.1:${proxy.port}; origin_linger 1000; }`;
  edge = await startInProcess({ workers: 2, vhost });
});

after(async () => {
  await edge?.close();
  await origin?.close();
  await Promise.all([proxy?.close(), plain?.close()]);
});

/** A player that reads and looks at nothing. */
interface Reader {
  readonly socket: Socket;
  bytes: number;
}

function openReader(port: number, name: string): Reader {
  const socket = connect(port, "127.0.0.1");
  const reader = { socket, bytes: 0 };
  socket.on("error", () => undefined);
  socket.on("data", (bytes) => {
    reader.bytes += bytes.length;
  });
  socket.write(playDialogue(name));
  return reader;
}

async function publishTo(port: number, name: string, frames = clip): Promise<ClipPublisher> {
  const peer = new RtmpPeer(`rtmp://127.0.0.1:${port}/live/${name}`, "publish");
  return new ClipPublisher(await peer.waitReady(), frames);
}

describe("an edge of two shards", { timeout: 120_000 }, () => {
  test("F-78 C-22: a thousand players in a second are one connection and one player's bytes", async () => {
    const publisher = await publishTo(origin.port, "storm", slowClip);
    const readers: Reader[] = [];
    const began = performance.now();
    while (readers.length < PLAYERS) {
      const due = Math.ceil((PLAYERS * (performance.now() - began)) / STORM_MS);
      while (readers.length < Math.min(PLAYERS, due)) {
        readers.push(openReader(edge.port, "storm"));
      }
      await delay(5);
    }
    const isServed = (reader: Reader): boolean => reader.bytes > SERVED_BYTES;
    await waitUntil("all play", () => readers.every(isServed), 30_000);
    const alone = new RtmpPeer(`rtmp://127.0.0.1:${plain.port}/live/storm`, "play");
    await alone.waitFrames(GOP_FRAMES, 10_000);
    const [edgeBefore, aloneBefore] = [proxy.bytesToClients, plain.bytesToClients];
    await delay(WINDOW_MS);
    const edgeBytes = proxy.bytesToClients - edgeBefore;
    const aloneBytes = plain.bytesToClients - aloneBefore;
    assert.equal(proxy.connections, 1);
    const players = edge.server.coordinator.find("__defaultVhost__/live/storm")?.players ?? [];
    assert.equal(players[0] && players[1] && players[0] + players[1], PLAYERS, `${players}`);
    for (const { socket } of readers) {
      socket.destroy();
    }
    const share = edgeBytes / aloneBytes;
    assert.ok(Math.abs(share - 1) <= 0.02, `${edgeBytes} for ${PLAYERS}, ${aloneBytes} for one`);
    const gone = (): boolean => edge.server.edge.pulls === 0;
    await waitUntil("the pull lingers and ends", gone, 10_000);
    assert.equal(proxy.connections, 1);
    alone.close();
    publisher.close();
  });

  test("C-22: who comes back while the pull lingers costs nothing", async () => {
    const publisher = await publishTo(origin.port, "linger");
    const before = proxy.connections;
    for (let round = 0; round < 3; round += 1) {
      const player = new RtmpPeer(`rtmp://127.0.0.1:${edge.port}/live/linger`, "play");
      await player.waitFrames(10, 5000);
      player.close();
      await delay(600);
    }
    assert.equal(proxy.connections, before + 1);
    await waitUntil("the pull ends", () => edge.server.edge.pulls === 0, 5000);
    publisher.close();
  });

  test("a shard that dies takes no player of another one with it: the pull goes on there", async () => {
    const publisher = await publishTo(origin.port, "dies");
    const players = Array.from(
      { length: 150 },
      () => new RtmpPeer(`rtmp://127.0.0.1:${edge.port}/live/dies`, "play"),
    );
    await Promise.all(players.map((player) => player.waitFrames(30, 10_000)));
    const home = shardOf(edge.server, "dies");
    await edge.server.supervisor.links[home]?.fault("throw").catch(() => undefined);
    await waitUntil("it died", () => edge.server.supervisor.deaths === 1, 5000);
    const counts = players.map((player) => player.received.length);
    // What the dead shard closed is heard of one by one.
    const isOn = (player: RtmpPeer, index: number): boolean =>
      player.end !== "open" || player.received.length > (counts[index] ?? 0) + 20;
    await waitUntil("those left go on", () => players.every(isOn), 20_000);
    const left = players.filter((player) => player.end === "open");
    assert.ok(left.length > 10, `${left.length} are left`);
    for (const player of left) {
      assert.equal(player.end, "open");
      assertTimeLine(player.received);
    }
    for (const player of players) {
      player.close();
    }
    publisher.close();
  });

  test("a publisher that comes to the edge outranks the pull, and players see it at once", async () => {
    const far = await publishTo(origin.port, "outrank");
    const player = new RtmpPeer(`rtmp://127.0.0.1:${edge.port}/live/outrank`, "play");
    await player.waitFrames(30, 5000);
    const pulls = proxy.connections;
    far.close();
    await waitUntil(
      "the origin's name is free",
      () => origin.server.coordinator.find("__defaultVhost__/live/outrank")?.publisher == null,
      3000,
    );
    const near = await publishTo(edge.port, "outrank");
    const count = player.received.length;
    await player.waitFrames(count + 50, 5000);
    assert.equal(player.end, "open");
    assertTimeLine(player.received);
    // The push is the one connection that was added: the edge does not fetch its own stream back.
    assert.equal(proxy.connections, pulls + 1);
    const atOrigin = new RtmpPeer(`rtmp://127.0.0.1:${origin.port}/live/outrank`, "play");
    await atOrigin.waitFrames(30, 5000);
    assert.ok(atOrigin.received.some(isMedia));
    atOrigin.close();
    near.close();
    player.close();
  });
});
