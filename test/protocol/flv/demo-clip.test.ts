/** assets/demo.flv is published in a loop: what makes a loop seamless is checked here. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { classifyAudio, classifyVideo, FrameClass } from "../../../src/protocol/flv/classify.ts";
import { describeAudio, describeVideo } from "../../../src/protocol/flv/describe.ts";
import { decodeVideoBody, VideoBody } from "../../../src/protocol/flv/media-body.ts";
import { type FlvTag, FlvTagDecoder } from "../../../src/protocol/flv/tag.ts";

const bytes = readFileSync(new URL("../../../../assets/demo.flv", import.meta.url));
const tags: FlvTag[] = [];
new FlvTagDecoder().push(bytes, {
  tag: (tag) => tags.push({ ...tag, payload: tag.payload.slice() }),
});
const ofClass = (wanted: FrameClass) =>
  tags.filter(
    ({ type, payload }) =>
      (type === 9 && classifyVideo(payload) === wanted) ||
      (type === 8 && classifyAudio(payload) === wanted),
  );

test("the demo clip is small and has one header per track", () => {
  assert.ok(bytes.length < 2 * 1024 * 1024);
  const [video, ...otherVideo] = ofClass(FrameClass.VideoHeader);
  const [audio, ...otherAudio] = ofClass(FrameClass.AudioHeader);
  assert.ok(video !== undefined && audio !== undefined);
  assert.equal(otherVideo.length + otherAudio.length, 0);
  const { codec, width, height, profile, frameRate } = describeVideo(video.payload);
  assert.deepEqual([codec, width, height, profile, frameRate], ["H264", 640, 360, "Main", 25]);
  const sound = describeAudio(audio.payload);
  assert.deepEqual([sound.codec, sound.sampleRate, sound.channels], ["AAC", 48_000, 2]);
});

test("the demo clip loops without a gap: both tracks start at 0 and last 16 s", () => {
  const video = tags.filter(
    ({ type, payload }) => type === 9 && classifyVideo(payload) !== FrameClass.VideoHeader,
  );
  const audio = ofClass(FrameClass.Audio);
  assert.deepEqual(
    video.map(({ timestamp }) => timestamp),
    Array.from({ length: 400 }, (_, frame) => frame * 40),
  );
  assert.equal(audio.length, 750);
  for (const [frame, { timestamp }] of audio.entries()) {
    assert.ok(Math.abs(timestamp - (frame * 64) / 3) < 1, `audio frame ${frame} at ${timestamp}`);
  }
  assert.equal(ofClass(FrameClass.VideoOther).length, 0, "no end of sequence");
});

test("the demo clip has a keyframe each second and decodes in display order", () => {
  assert.deepEqual(
    ofClass(FrameClass.Keyframe).map(({ timestamp }) => timestamp),
    Array.from({ length: 16 }, (_, second) => second * 1000),
  );
  const body = new VideoBody();
  for (const { type, payload } of tags) {
    if (type === 9) {
      decodeVideoBody(payload, body);
      assert.equal(body.compositionTimeMs, 0);
    }
  }
});
