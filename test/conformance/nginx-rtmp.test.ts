/** nginx-rtmp as an edge that pulls from weir, as an origin that pushes to it, and as a destination that it forwards to. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { startPublish } from "../support/ffmpeg.ts";
import { startNginxRtmp } from "../support/nginx-rtmp.ts";
import type { Packet } from "../support/packets.ts";
import { assertPassed, probePackets } from "../support/packets.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const scratch = makeScratch();
let weir: RunningServer;
let clip: string;
let source: Packet[];

before(async () => {
  weir = await startWeir();
  clip = await makeClip(scratch, "clip", { seconds: 10 });
  source = await probePackets(clip, { timeoutMs: 10_000 });
});

after(() => weir?.stop());

describe("nginx-rtmp", { concurrency: 3 }, () => {
  test("pulls from weir, and a player behind it gets what was published", async () => {
    const nginx = await startNginxRtmp(`pull rtmp://127.0.0.1:${weir.port}/live;`);
    const publisher = startPublish(clip, weir.url("pulled"));
    await delay(1200);
    const received = await probePackets(nginx.url("pulled"), { seconds: 4, timeoutMs: 20_000 });
    assertPassed(source, received, { countMin: 75 });
    await publisher.stop();
    await nginx.stop();
  });

  test("pushes to weir, and a player of weir gets what was published", async () => {
    const nginx = await startNginxRtmp(`push rtmp://127.0.0.1:${weir.port}/live;`);
    const publisher = startPublish(clip, nginx.url("pushed"));
    await delay(1500);
    const received = await probePackets(weir.url("pushed"), { seconds: 4, timeoutMs: 20_000 });
    assertPassed(source, received, { countMin: 75 });
    assert.ok(publisher.isRunning);
    await publisher.stop();
    await nginx.stop();
  });

  test("is forwarded to, and a player of it gets what was published", async () => {
    const nginx = await startNginxRtmp("");
    const forward = `forward { enabled on; destination 127.0.0.1:${nginx.port}; }`;
    const sender = await startWeir({ vhost: forward });
    const publisher = startPublish(clip, sender.url("forwarded"));
    await delay(1500);
    const received = await probePackets(nginx.url("forwarded"), { seconds: 4, timeoutMs: 20_000 });
    assertPassed(source, received, { countMin: 75 });
    assert.ok(publisher.isRunning);
    await publisher.stop();
    await sender.stop();
    await nginx.stop();
  });
});
