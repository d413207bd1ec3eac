/** A publisher leaves and comes back: players stay, and their time line goes on. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { startPublish } from "../support/ffmpeg.ts";
import type { Frame } from "../support/flv-file.ts";
import { readFlv } from "../support/flv-file.ts";
import { assertMessageRun, assertTimeLine } from "../support/message-run.ts";
import type { ReceivedFrame } from "../support/rtmp-peer.ts";
import { ClipPublisher, isMedia, RtmpPeer } from "../support/rtmp-peer.ts";
import { makeScratch, waitUntil } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const scratch = makeScratch();
let weir: RunningServer;
let clip: string;
let frames: Frame[];

before(async () => {
  weir = await startWeir({ workers: 2 });
  clip = await makeClip(scratch, "clip", { seconds: 4 });
  frames = readFlv(clip);
});

after(() => weir?.stop());

/** Publishes nothing for a moment. @returns whether it might. */
async function canPublish(url: string): Promise<boolean> {
  const peer = new RtmpPeer(url, "publish");
  try {
    await peer.waitReady(1000);
    return true;
  } catch {
    return false;
  } finally {
    peer.close();
  }
}

// They wait for media in real time, each with a stream of its own.
describe("unpublish and republish", { concurrency: 3 }, () => {
  test("B-72 B-73: a player stays, gets new headers and never sees time go back", async () => {
    const url = weir.url("again");
    const player = await new RtmpPeer(url, "play").waitReady();
    for (let round = 0; round < 2; round++) {
      const published = await startPublish(clip, url).waitEnd(10_000);
      assert.equal(published.code, 0, published.stderr);
      await delay(700);
    }
    assert.equal(player.end, "open", "the player was closed");
    const { received } = player;
    const isVideoHeader = (frame: ReceivedFrame): boolean =>
      frame.kind === "header" && frame.type === 9;
    const second = received.findLastIndex(isVideoHeader);
    assert.ok(second > received.findIndex(isVideoHeader), "no new headers came");
    assert.equal(
      received.slice(second).find((frame) => frame.type === 9 && isMedia(frame))?.kind,
      "key",
    );
    const sentCount = frames.filter(isMedia).length;
    assert.equal(received.filter(isMedia).length, 2 * sentCount, "frames were lost");
    assertTimeLine(player.received);
    player.close();
  });

  test("F-73: a name is free within 2 s after its publisher was killed, and players stay", async () => {
    const url = weir.url("killed");
    const player = await new RtmpPeer(url, "play").waitReady();
    for (let round = 0; round < 4; round++) {
      const publisher = startPublish(clip, url);
      const before = player.received.length;
      await waitUntil("its media comes", () => player.received.length > before + 40, 4000);
      await publisher.stop("SIGKILL");
      await waitUntil("the name is free", () => canPublish(url), 2000);
      await delay(100);
    }
    assert.equal(player.end, "open");
    assertTimeLine(player.received);
    player.close();
  });

  test("C-11: a publisher that falls silent is put out after 5 s, and its name is free", async () => {
    const url = weir.url("silent");
    const peer = await new RtmpPeer(url, "publish").waitReady();
    const publisher = new ClipPublisher(peer, frames);
    await delay(1000);
    publisher.pause();
    const silentAt = performance.now();
    await peer.waitEnd(7000);
    const tookMs = performance.now() - silentAt;
    assert.ok(tookMs > 4400 && tookMs < 5600, `put out after ${Math.round(tookMs)} ms`);
    const next = await new RtmpPeer(url, "publish").waitReady();
    next.close();
  });

  test("a player that joins while the second publisher is live gets only the second", async () => {
    const url = weir.url("second");
    assert.equal((await startPublish(clip, url).waitEnd(10_000)).code, 0);
    const publisher = new ClipPublisher(await new RtmpPeer(url, "publish").waitReady(), frames);
    await delay(1500);
    const player = await new RtmpPeer(url, "play").waitReady();
    await player.waitFrames(100, 4000);
    assertMessageRun(frames, player.received);
    player.close();
    publisher.close();
  });
});
