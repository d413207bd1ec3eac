/** Codecs beyond H.264 and AAC, in the forms encoders send them: joined at a keyframe, passed byte for byte. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import {
  AV1_ENHANCED,
  HEVC_CLASSIC,
  HEVC_ENHANCED,
  makeEnhancedClip,
} from "../support/enhanced-clips.ts";
import { assertMessageRun } from "../support/message-run.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const scratch = makeScratch();
let weir: RunningServer;

before(async () => {
  weir = await startWeir();
});

after(() => weir?.stop());

describe("codecs beyond H.264", { concurrency: 3 }, () => {
  const forms = { "HEVC, enhanced": HEVC_ENHANCED, "HEVC, codec id 12": HEVC_CLASSIC };
  for (const [name, form] of Object.entries({ ...forms, "AV1, enhanced": AV1_ENHANCED })) {
    test(`F-14: ${name}`, async () => {
      const clip = await makeEnhancedClip(scratch, form, 4);
      const url = weir.url(`codec-${form.fourCc ?? "classic"}`);
      const peer = await new RtmpPeer(url, "publish").waitReady();
      const publisher = new ClipPublisher(peer, clip);
      await delay(1500);
      const player = await new RtmpPeer(url, "play").waitReady();
      await player.waitFrames(60, 5000);
      publisher.close();
      const { received } = player;
      const first = received.findIndex(isMedia);
      assert.equal(received[first]?.kind, "key", "the first frame is no keyframe");
      const headers = received.slice(0, first).filter((frame) => frame.kind === "header");
      assert.deepEqual(
        headers.map((frame) => frame.hash),
        [clip[0]?.hash],
      );
      assertMessageRun(clip, received);
      player.close();
    });
  }
});
