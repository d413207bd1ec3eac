/** GStreamer's own RTMP elements as publisher and as player. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { startPublish } from "../support/ffmpeg.ts";
import type { Packet } from "../support/packets.ts";
import { assertPassed, probePackets } from "../support/packets.ts";
import { startGstPublish, startGstRecord } from "../support/peers.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const scratch = makeScratch();
let weir: RunningServer;
let clip: string;
let source: Packet[];

before(async () => {
  weir = await startWeir();
  clip = await makeClip(scratch, "clip", { seconds: 8 });
  source = await probePackets(clip, { timeoutMs: 10_000 });
});

after(() => weir?.stop());

describe("GStreamer", { concurrency: 2 }, () => {
  test("B-10: rtmp2src plays what ffmpeg publishes", async () => {
    const file = join(scratch, "played.flv");
    const publisher = startPublish(clip, weir.url("plays"));
    await delay(1200);
    const player = startGstRecord(weir.url("plays"), file);
    await delay(4500);
    await player.stop("SIGINT");
    await publisher.stop();
    assertPassed(source, await probePackets(file, { timeoutMs: 10_000 }), { countMin: 75 });
    assert.doesNotMatch(player.stderr, /extended timestamp/);
  });

  test("B-10: rtmp2sink publishes and ffprobe plays", async () => {
    const publisher = startGstPublish(clip, weir.url("publishes"));
    await delay(1500);
    const received = await probePackets(weir.url("publishes"), { seconds: 4, timeoutMs: 20_000 });
    // GStreamer keeps time in nanoseconds and rounds when it writes milliseconds.
    assertPassed(source, received, { countMin: 75, tolerance: 2 });
    const end = await publisher.waitEnd(15_000);
    assert.equal(end.code, 0, end.stderr);
  });
});
