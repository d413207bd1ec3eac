/** Bare audio streams of weir's writer, read by ffprobe. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ByteWriter } from "../../src/protocol/bytes/byte-writer.ts";
import { FrameReader } from "../../src/protocol/flv/frame-reader.ts";
import { type RawAudioKind, RawAudioWriter } from "../../src/protocol/flv/raw-audio.ts";
import { makeClip } from "../support/clips.ts";
import { readFlv } from "../support/flv-file.ts";
import { makeMp3Clip } from "../support/mp3-clip.ts";
import { dataHash, probeTimes, readFrames } from "../support/mux-source.ts";
import { makeScratch } from "../support/scratch.ts";
import { splitAdts } from "../support/ts-check.ts";

const scratch = makeScratch();
const LIMIT = { timeout: 60_000 };

function write(clip: string, kind: RawAudioKind): { bytes: Uint8Array; ignored: number } {
  const reader = new FrameReader();
  const writer = new RawAudioWriter(kind);
  const target = new ByteWriter();
  for (const { type, timestamp, payload } of readFlv(clip)) {
    reader.push(type, timestamp, payload, {
      videoTrack: () => undefined,
      audioTrack: (track) => writer.setAudio(track),
      frame: (frame) => writer.write(frame, target),
    });
  }
  return { bytes: target.finish(), ignored: writer.ignoredFrames };
}

describe("bare audio", () => {
  test("AAC in ADTS, out of a clip with video", LIMIT, async () => {
    const clip = await makeClip(scratch, "av", { seconds: 3 });
    const sent = readFrames(readFlv(clip)).filter((frame) => !frame.isVideo);
    const { bytes, ignored } = write(clip, "AAC");
    assert.equal(ignored, 0);
    const hashes = sent.map((frame) => dataHash(frame.data));
    assert.deepEqual(splitAdts(bytes).map(dataHash), hashes);
    const file = join(scratch, "a.aac");
    writeFileSync(file, bytes);
    const packets = await probeTimes(file);
    assert.deepEqual(
      packets.map((packet) => packet.size - 7),
      sent.map((frame) => frame.data.length),
    );
    assert.equal(write(clip, "MP3").ignored, sent.length);
  });

  test("MP3", LIMIT, async () => {
    const clip = await makeMp3Clip(scratch, "mp3", { seconds: 3, rate: 44_100 });
    const sent = readFrames(readFlv(clip)).filter((frame) => !frame.isVideo);
    const file = join(scratch, "a.mp3");
    writeFileSync(file, write(clip, "MP3").bytes);
    const packets = await probeTimes(file);
    assert.deepEqual(
      packets.map((packet) => packet.hash),
      sent.map((frame) => dataHash(frame.data)),
    );
  });
});
