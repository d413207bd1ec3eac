/** VLC as a player. It remuxes to MPEG-TS, so the comparison is of decoded pictures. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { makeClip } from "../support/clips.ts";
import { startPublish } from "../support/ffmpeg.ts";
import { startVlcRecord } from "../support/peers.ts";
import { runChecked } from "../support/process.ts";
import { makeScratch } from "../support/scratch.ts";
import type { RunningServer } from "../support/weir.ts";
import { startWeir } from "../support/weir.ts";

const scratch = makeScratch();
let weir: RunningServer;
let clip: string;

before(async () => {
  weir = await startWeir();
  clip = await makeClip(scratch, "clip", { seconds: 12 });
});

after(() => weir?.stop());

/** MD5 of each decoded picture, in order of display. */
async function hashPictures(file: string): Promise<string[]> {
  const { stdout } = await runChecked(
    "ffmpeg",
    ["-v", "error", "-nostdin", "-i", file, "-map", "0:v", "-fps_mode", "passthrough"].concat([
      "-f",
      "framemd5",
      "-",
    ]),
    { timeoutMs: 20_000 },
  );
  return stdout
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(",").at(-1)?.trim() ?? "");
}

describe("VLC", () => {
  test("B-12: plays, and its pictures are the published ones without a gap", async () => {
    const publisher = startPublish(clip, weir.url("vlc"));
    await delay(1200);
    const { vlc, file } = startVlcRecord(weir.url("vlc"), scratch, 4);
    await vlc.waitEnd(14_000);
    await publisher.stop();
    const sent = await hashPictures(clip);
    const shown = await hashPictures(file);
    assert.ok(shown.length >= 50, `only ${shown.length} pictures\n${vlc.stderr.slice(-2000)}`);
    const start = sent.indexOf(shown[0] ?? "");
    assert.ok(start >= 0, "the first picture is none of the published ones");
    // The last pictures hang on packets that came after VLC stopped.
    const whole = shown.slice(0, -4);
    assert.deepEqual(whole, sent.slice(start, start + whole.length));
  });
});
