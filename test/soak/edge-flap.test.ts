/**
 * C-20: an origin that goes and comes every two seconds for five minutes. Takes as long, so it is run by hand:
 * `node --test dist/test/soak/edge-flap.test.js`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { openDescriptors, startInProcess } from "../main/accept/in-process.ts";
import { makeClip } from "../support/clips.ts";
import { FaultProxy } from "../support/fault-proxy.ts";
import { readFlv } from "../support/flv-file.ts";
import { assertTimeLine } from "../support/message-run.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";

const FLAP_MS = 2000;
const TOTAL_MS = 300_000;
/** Sessions of two seconds never start the pauses over: half a minute until they are at 10 s ± half. */
const CONNECTIONS_MAX = 8 + TOTAL_MS / 6000;

test("no storm of connections, nothing left behind, players stay", {
  timeout: 360_000,
}, async () => {
  const clip = readFlv(await makeClip(makeScratch(), "clip", { seconds: 30 }));
  const origin = await startInProcess({ workers: 1 });
  const proxy = await new FaultProxy(origin.port).open();
  const cluster = `cluster { mode remote; origin 127.0.0.1:${proxy.port}; origin_wait 0; }`;
  const edge = await startInProcess({ workers: 1, vhost: cluster });
  const before = openDescriptors().length;
  const peer = new RtmpPeer(`rtmp://127.0.0.1:${origin.port}/live/clip`, "publish");
  const publisher = new ClipPublisher(await peer.waitReady(), clip);
  const player = new RtmpPeer(`rtmp://127.0.0.1:${edge.port}/live/clip`, "play");
  for (let elapsed = 0; elapsed < TOTAL_MS; elapsed += 2 * FLAP_MS) {
    await delay(FLAP_MS);
    await proxy.set("refused");
    await delay(FLAP_MS);
    await proxy.set("pass");
  }
  const { connections } = proxy;
  const attempts = edge.server.edge.attempts;
  process.stdout.write(`# ${connections} connections of ${attempts} attempts\n`);
  assert.ok(attempts <= CONNECTIONS_MAX, `${attempts} attempts`);
  const count = player.received.length;
  const isBack = (): boolean => player.received.length > count;
  await waitUntil("media comes again", isBack, 20_000);
  assert.equal(player.end, "open");
  assert.ok(player.received.filter(isMedia).length > 100);
  assertTimeLine(player.received);
  player.close();
  publisher.close();
  await waitUntil("the pull ends", () => edge.server.edge.pulls === 0, 10_000);
  // The proxy's listening socket is another one by now.
  const isClean = (): boolean => openDescriptors().length === before;
  await waitUntil("descriptors are as many as before", isClean, 10_000);
  await edge.close();
  await origin.close();
  await proxy.close();
});
