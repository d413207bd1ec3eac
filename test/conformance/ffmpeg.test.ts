/** What ffmpeg publishes is what ffmpeg plays: same packets, same bytes, same times. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { startPublish, startPublishLoop } from "../support/ffmpeg.ts";
import type { Packet } from "../support/packets.ts";
import { assertPassed, ofKind, probePackets } from "../support/packets.ts";
import { startRtmpdump } from "../support/peers.ts";
import { runCommand } from "../support/process.ts";
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

/**
 * Publishes a whole clip to a player that waits for it. The player is rtmpdump, which writes down each byte that
 * comes, while ffmpeg as a recorder loses the last packets when it is told to stop. @returns what came.
 */
async function passWhole(name: string, file: string): Promise<Packet[]> {
  const copy = join(scratch, `${name}.copy.flv`);
  const recorder = startRtmpdump(weir.url(name), copy);
  await delay(700);
  assert.ok(recorder.isRunning, `the player did not wait: ${recorder.stderr}`);
  const published = await startPublish(file, weir.url(name)).waitEnd(20_000);
  assert.equal(published.code, 0, published.stderr);
  await delay(1500);
  await recorder.stop("SIGINT");
  return probePackets(copy, { timeoutMs: 10_000 });
}

// They wait for media in real time, each with a stream of its own.
describe("ffmpeg to ffmpeg", { concurrency: 4 }, () => {
  test("F-01 D-17 B-01 B-79: a player that waits for the publisher gets all of it", async () => {
    assertPassed(source, await passWhole("waits", clip), { countMin: 180, toEnd: true });
  });

  test("F-01 D-17 D-18 B-02 B-03: players that join later get it from a keyframe on", async () => {
    const publisher = startPublish(clip, weir.url("joins"));
    await delay(1600);
    const players = await Promise.all([
      probePackets(weir.url("joins"), { seconds: 3, timeoutMs: 20_000 }),
      probePackets(weir.url("joins"), { seconds: 4, timeoutMs: 20_000 }),
    ]);
    for (const received of players) {
      assertPassed(source, received, { countMin: 60 });
    }
    await publisher.stop();
  });

  test("audio alone passes whole", async () => {
    const file = await makeClip(scratch, "audio", { seconds: 4, hasVideo: false });
    const sent = await probePackets(file, { timeoutMs: 10_000 });
    assertPassed(sent, await passWhole("audio", file), { countMin: 160, toEnd: true });
  });

  test("video alone passes whole", async () => {
    const file = await makeClip(scratch, "video", { seconds: 4, hasAudio: false });
    const sent = await probePackets(file, { timeoutMs: 10_000 });
    assertPassed(sent, await passWhole("video", file), { countMin: 90, toEnd: true });
  });

  test("F-75: a second publisher of a name is refused and the first goes on", async () => {
    const url = weir.url("twice");
    const first = startPublishLoop(clip, url);
    await delay(1000);
    const watching = probePackets(url, { seconds: 4, timeoutMs: 20_000 });
    const second = await startPublish(clip, url).waitEnd(6000);
    assert.notEqual(second.code, 0, "the second publisher was not refused");
    const received = await watching;
    assertPassed(source, received, { countMin: 80 });
    assert.ok(first.isRunning, "the first publisher was thrown out");
    await first.stop();
  });

  test("a name is free again as soon as its publisher left", async () => {
    const url = weir.url("again");
    const short = await makeClip(scratch, "short", { seconds: 1 });
    for (let round = 0; round < 3; round++) {
      const published = await startPublish(short, url).waitEnd(8000);
      assert.equal(published.code, 0, `round ${round}: ${published.stderr}`);
    }
  });

  test("ffplay-like decoding of a joined stream shows no error", async () => {
    const publisher = startPublish(clip, weir.url("decodes"));
    await delay(1600);
    const decoded = await runCommand(
      "ffmpeg",
      ["-v", "warning", "-nostdin", "-i", weir.url("decodes"), "-t", "3", "-f", "null", "-"],
      { timeoutMs: 20_000 },
    );
    await publisher.stop();
    assert.equal(decoded.code, 0, decoded.stderr);
    assert.equal(decoded.stderr.trim(), "", "the decoder complained");
  });

  test("the joined stream tells its codecs and size", async () => {
    const publisher = startPublish(clip, weir.url("codecs"));
    await delay(600);
    const probed = await runCommand(
      "ffprobe",
      [
        ...["-v", "error", "-of", "csv=p=0", "-show_entries"],
        ...["stream=codec_name,codec_type,width,height,sample_rate", weir.url("codecs")],
      ],
      { timeoutMs: 20_000 },
    );
    await publisher.stop();
    const lines = probed.stdout.trim().split("\n").sort();
    assert.deepEqual(lines, ["aac,audio,44100", "h264,video,320,180"]);
    assert.equal(ofKind(source, "video").length, 200);
  });
});
