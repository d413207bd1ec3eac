/** The synthetic stream is what its shape says, and what decoders take. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { videoHeader } from "../../bench/media/codecs.ts";
import { rtmpPackaging } from "../../bench/media/packaging.ts";
import { readPublisher, readSequence, readTimeUs, writeStamp } from "../../bench/media/stamp.ts";
import {
  CODEC_PROFILES,
  framesMergedIn,
  gopFrames,
  MERGE_MS,
  payloadBytesPerSecond,
  REFERENCE_SHAPE,
  segmentSeconds,
  windowSeconds,
} from "../../bench/media/stream-shape.ts";
import { FIRST_HEADER_BYTES } from "../../bench/rtmp/chunks.ts";
import { decodeAvcConfig } from "../../src/protocol/codec/avc-config.ts";
import { decodeHevcConfig } from "../../src/protocol/codec/hevc-config.ts";
import { classifyVideo, FrameClass } from "../../src/protocol/flv/classify.ts";
import { eachFrame } from "./frames.ts";

const LIMIT = { timeout: 10_000 };
const WHOLE = rtmpPackaging(10_000_000);

describe("the synthetic stream", () => {
  for (const codec of CODEC_PROFILES) {
    test(`${codec}: headers and frames are what weir takes them for`, LIMIT, () => {
      const header = videoHeader(codec);
      assert.equal(classifyVideo(header), FrameClass.VideoHeader);
      const config = header.subarray(5);
      const decoded = codec === "hevc" ? decodeHevcConfig(config) : decodeAvcConfig(config);
      assert.ok(decoded.width > 0);
      const shape = { ...REFERENCE_SHAPE, codec };
      const kinds = [...eachFrame(shape, WHOLE)]
        .filter(({ frame }) => frame.isVideo)
        .map(({ wire }) => classifyVideo(wire.subarray(FIRST_HEADER_BYTES)));
      assert.equal(kinds[0], FrameClass.Keyframe);
      assert.ok(kinds.slice(1).every((kind) => kind === FrameClass.Inter));
    });
  }

  for (const [bitrateKbps, fps] of [
    [1100, 30],
    [500, 15],
    [6000, 60],
  ] as const) {
    test(`${bitrateKbps} kbit/s at ${fps} fps come to that`, LIMIT, () => {
      const shape = { ...REFERENCE_SHAPE, bitrateKbps, fps, gopSeconds: 1 };
      const frames = [...eachFrame(shape, WHOLE)].map(({ frame }) => frame);
      const bytes = frames.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const wanted = payloadBytesPerSecond(shape);
      assert.ok(Math.abs(bytes / wanted - 1) < 0.03, `${bytes} bytes of ${wanted}`);
      assert.equal(frames.filter(({ isVideo }) => isVideo).length, fps);
      assert.equal(gopFrames(shape), fps);
    });
  }

  test("a merge of 350 ms waits for ten more frames at 30 fps", LIMIT, () => {
    assert.equal(framesMergedIn(REFERENCE_SHAPE, MERGE_MS), 11);
    assert.equal(framesMergedIn({ ...REFERENCE_SHAPE, fps: 60 }, MERGE_MS), 22);
  });

  test("segments are whole GOPs of two seconds or more", LIMIT, () => {
    const secondsOf = (gopSeconds: number): number =>
      segmentSeconds({ ...REFERENCE_SHAPE, gopSeconds });
    assert.deepEqual([0.5, 1, 1.5, 2, 3, 10].map(secondsOf), [2, 2, 3, 2, 3, 10]);
    assert.equal(windowSeconds(REFERENCE_SHAPE), 20);
  });

  test("a stamp survives, without any byte that a start code could begin with", LIMIT, () => {
    const bytes = new Uint8Array(13);
    writeStamp(bytes, 0, { publisher: 16_383, sequence: 268_435_455, timeUs: 2 ** 48 + 1 });
    assert.deepEqual(
      [readPublisher(bytes, 0), readSequence(bytes, 0), readTimeUs(bytes, 0)],
      [16_383, 268_435_455, 2 ** 48 + 1],
    );
    assert.ok(bytes.every((byte) => byte >= 0x80));
  });
});
