/** Transport streams of weir's muxer, judged by ffprobe, by ffmpeg's decoders and by a reader of the tests' own. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FrameReader } from "../../src/protocol/flv/frame-reader.ts";
import { PacketBuffer } from "../../src/protocol/mpegts/packet-buffer.ts";
import { TsMuxer, type TsMuxerOptions } from "../../src/protocol/mpegts/ts-muxer.ts";
import { makeClip } from "../support/clips.ts";
import { HEVC_CLASSIC, HEVC_ENHANCED, makeEnhancedClip } from "../support/enhanced-clips.ts";
import { type Frame, readFlv } from "../support/flv-file.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import {
  assertSame,
  decodedPictures,
  type KeptFrame,
  probeTimes,
  readFrames,
} from "../support/mux-source.ts";
import { makeScratch } from "../support/scratch.ts";
import { TsCheck } from "../support/ts-check.ts";
import { assertAudioPayload, assertVideoPayload } from "../support/ts-payload.ts";

const scratch = makeScratch();
const LIMIT = { timeout: 60_000 };

function mux(messages: readonly Frame[], options: TsMuxerOptions = {}): Uint8Array {
  const reader = new FrameReader();
  const muxer = new TsMuxer(options);
  const packets = new PacketBuffer(1);
  const sink = {
    videoTrack: muxer.setVideo.bind(muxer),
    audioTrack: muxer.setAudio.bind(muxer),
    frame: (frame: Parameters<TsMuxer["write"]>[0]) => muxer.write(frame, packets),
  };
  for (const { type, timestamp, payload } of messages) {
    reader.push(type, timestamp, payload, sink);
  }
  muxer.flush(packets);
  assert.equal(muxer.ignoredFrames, 0);
  assert.deepEqual(Object.values(reader.ignored), [0, 0, 0, 0]);
  return packets.take();
}

function check(bytes: Uint8Array): TsCheck {
  const judge = new TsCheck();
  judge.push(bytes);
  judge.finish();
  assert.deepEqual(judge.errors, []);
  return judge;
}

async function assertProbed(
  file: string,
  frames: readonly KeptFrame[],
  audioToleranceMs?: number,
): Promise<void> {
  const tolerance = audioToleranceMs === undefined ? {} : { audioToleranceMs };
  assertSame(await probeTimes(file), frames, { ...tolerance, hasHashes: false });
}

describe("MPEG-TS", () => {
  test("H.264 with B-frames and AAC: every packet, its times and its bytes", LIMIT, async () => {
    const clip = await makeClip(scratch, "av", { seconds: 6, gopFrames: 50 });
    const messages = readFlv(clip);
    const frames = readFrames(messages);
    assert.ok(frames.some((frame) => frame.isVideo && frame.ptsMs - frame.dtsMs > 40));
    const bytes = mux(messages);
    const judge = check(bytes);
    assert.deepEqual(
      [...judge.streams],
      [
        [0x1_00, 0x1b],
        [0x1_01, 0x0f],
      ],
    );
    assertVideoPayload(
      judge,
      frames.filter((frame) => frame.isVideo),
      true,
    );
    assertAudioPayload(
      judge,
      frames.filter((frame) => !frame.isVideo),
      true,
    );
    const file = join(scratch, "av.ts");
    writeFileSync(file, bytes);
    await assertProbed(file, frames);
    assert.deepEqual(await decodedPictures(file), await decodedPictures(clip));
  });

  for (const [name, form] of Object.entries({ enhanced: HEVC_ENHANCED, "id 12": HEVC_CLASSIC })) {
    test(`HEVC, ${name}`, LIMIT, async () => {
      const messages = await makeEnhancedClip(scratch, form, 3);
      const frames = readFrames(messages);
      const bytes = mux(messages);
      const judge = check(bytes);
      assert.deepEqual([...judge.streams], [[0x1_00, 0x24]]);
      assertVideoPayload(judge, frames, false);
      const file = join(scratch, `hevc-${name.replace(" ", "-")}.ts`);
      writeFileSync(file, bytes);
      await assertProbed(file, frames);
      const source = join(scratch, `${form.fourCc ?? "classic"}.mp4`);
      assert.deepEqual(await decodedPictures(file), await decodedPictures(source));
    });
  }

  test("AAC alone: PES packets of 720 ms, PCR with the audio", LIMIT, async () => {
    const clip = await makeClip(scratch, "a", { seconds: 4, hasVideo: false });
    const messages = readFlv(clip);
    const frames = readFrames(messages);
    const bytes = mux(messages);
    const judge = check(bytes);
    assert.deepEqual([...judge.streams], [[0x1_01, 0x0f]]);
    assert.ok(judge.pes.length <= 7, `${judge.pes.length} PES packets`);
    assert.ok(judge.pes.every((one) => one.pcr === one.dts));
    assertAudioPayload(judge, frames, true);
    const file = join(scratch, "a.ts");
    writeFileSync(file, bytes);
    await assertProbed(file, frames, 1);
  });

  test("H.264 alone has a map without audio", LIMIT, async () => {
    const clip = await makeClip(scratch, "v", { seconds: 2, hasAudio: false });
    const frames = readFrames(readFlv(clip));
    const bytes = mux(readFlv(clip));
    const judge = check(bytes);
    assert.deepEqual([...judge.streams], [[0x1_00, 0x1b]]);
    assertVideoPayload(judge, frames, true);
    const file = join(scratch, "v.ts");
    writeFileSync(file, bytes);
    await assertProbed(file, frames);
  });

  for (const [rate, streamType] of [
    [44_100, 3],
    [22_050, 4],
  ] as const) {
    test(`H.264 and MP3 of ${rate} Hz`, LIMIT, async () => {
      const clip = await makeMp3Clip(scratch, `mp3-${rate}`, { seconds: 3, rate });
      const messages = readFlv(clip);
      const frames = readFrames(messages);
      const bytes = mux(messages);
      const judge = check(bytes);
      assert.deepEqual(
        [...judge.streams],
        [
          [0x1_00, 0x1b],
          [0x1_01, streamType],
        ],
      );
      assertAudioPayload(
        judge,
        frames.filter((frame) => !frame.isVideo),
        false,
      );
      const file = join(scratch, `mp3-${rate}.ts`);
      writeFileSync(file, bytes);
      await assertProbed(file, frames);
    });
  }

  test("audio counted in samples follows the messages and has no seams", LIMIT, async () => {
    const clip = await makeClip(scratch, "counted", { seconds: 4 });
    const messages = readFlv(clip);
    const frames = readFrames(messages).filter((frame) => !frame.isVideo);
    const judge = check(mux(messages, { isAudioCounted: true }));
    const audio = judge.pes.filter((one) => one.pid === 0x1_01);
    for (const [index, pes] of audio.entries()) {
      assert.ok(Math.abs(pes.dts / 90 - (frames[index]?.dtsMs ?? 0)) <= 1.01);
      const before = audio[index - 1]?.dts ?? pes.dts - 2090;
      assert.ok(Math.abs(pes.dts - before - (1024 * 90_000) / 44_100) <= 1);
    }
  });
});
