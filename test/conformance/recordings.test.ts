/** Recordings in MP4 of every codec that they carry, judged by ffprobe: every frame, its time and its bytes. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { makeClip } from "../support/clips.ts";
import {
  AV1_ENHANCED,
  HEVC_CLASSIC,
  HEVC_ENHANCED,
  makeEnhancedClip,
} from "../support/enhanced-clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import { assertSame, decodedPictures, probeTimes, readFrames } from "../support/mux-source.ts";
import { RecorderBench } from "../support/recorder-bench.ts";
import { isMedia } from "../support/rtmp-peer.ts";
import { makeScratch } from "../support/scratch.ts";

const LIMIT = { timeout: 60_000 };
const scratch = makeScratch();

/** Records messages in one piece as MP4, and in segments of a second as FLV. @returns the MP4. */
async function record(messages: readonly Frame[]): Promise<string> {
  const whole = new RecorderBench({ isMp4: true });
  const parts = new RecorderBench({ plan: "segment" });
  for (const bench of [whole, parts]) {
    bench.send(messages);
  }
  const [file = ""] = await whole.finish();
  assertSame(await probeTimes(file), readFrames(messages), { audioToleranceMs: 1.01 });
  const segments = await parts.finish();
  assert.ok(segments.length >= 2, `${segments.length} segments`);
  assert.deepEqual(
    segments.flatMap((name) => readFlv(name).filter(isMedia)).map(({ hash }) => hash),
    messages.filter(isMedia).map(({ hash }) => hash),
  );
  return file;
}

describe("recordings", { concurrency: 2 }, () => {
  for (const [name, form] of Object.entries({
    hevc: HEVC_ENHANCED,
    "hevc as codec id 12": HEVC_CLASSIC,
    av1: AV1_ENHANCED,
  })) {
    test(name, LIMIT, async () => {
      const messages = await makeEnhancedClip(scratch, form, 2);
      const file = await record(messages);
      const source = join(scratch, `${form.fourCc ?? "classic"}.mp4`);
      assert.deepEqual(await decodedPictures(file), await decodedPictures(source));
    });
  }

  test("H.264 and MP3", LIMIT, async () => {
    const clip = await makeMp3Clip(scratch, "mp3", { seconds: 2, rate: 44_100 });
    await record(readFlv(clip));
  });

  test("AAC alone", LIMIT, async () => {
    const clip = await makeClip(scratch, "aac", { seconds: 2, hasVideo: false });
    await record(readFlv(clip));
  });
});
