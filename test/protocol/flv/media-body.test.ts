import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameClass } from "../../../src/protocol/flv/classify.ts";
import {
  AudioBody,
  decodeAudioBody,
  decodeVideoBody,
  VideoBody,
} from "../../../src/protocol/flv/media-body.ts";
import { ascii, hex, join } from "./vectors.ts";

const DATA = hex("aabbccdd");

function video(payload: Uint8Array): { body: VideoBody; data: number[] } {
  const body = new VideoBody();
  decodeVideoBody(payload, body);
  return { body, data: [...payload.subarray(body.bodyStart, body.bodyEnd)] };
}

test("A7-08: composition time is signed 24 bits, in classic and enhanced bodies", () => {
  const times: [string, number][] = [
    ["000028", 40],
    ["ffffd8", -40],
    ["7fffff", 8_388_607],
    ["800000", -8_388_608],
  ];
  for (const [bytes, time] of times) {
    const classic = video(join(hex(`27 01 ${bytes}`), DATA));
    assert.equal(classic.body.compositionTimeMs, time);
    assert.deepEqual(classic.data, [...DATA]);
    for (const fourCc of ["avc1", "hvc1", "vvc1"]) {
      const enhanced = video(join([0xa1], ascii(fourCc), hex(bytes), DATA));
      assert.equal(enhanced.body.compositionTimeMs, time);
      assert.deepEqual(enhanced.data, [...DATA]);
    }
  }
});

test("Enhanced RTMP v2: CodedFramesX and codecs without composition time", () => {
  for (const [first, fourCc] of [
    [0xa3, "avc1"],
    [0xa1, "av01"],
    [0xa1, "vp09"],
  ] as const) {
    const { body, data } = video(join([first], ascii(fourCc), DATA));
    assert.equal(body.compositionTimeMs, 0);
    assert.deepEqual(data, [...DATA]);
  }
});

test("Enhanced RTMP v2: the body of a many-track message is its first track's", () => {
  const track = (id: number) => join([id, 0, 0, 7], hex("000028"), DATA);
  const { body, data } = video(join(hex("96 11"), ascii("avc1"), track(4), track(0)));
  assert.deepEqual([body.trackId, body.compositionTimeMs], [4, 40]);
  assert.equal(body.frameClass, FrameClass.Keyframe);
  assert.deepEqual(data, [...DATA]);
});

test("Enhanced RTMP v2, ModEx: TimestampOffsetNano", () => {
  const { body, data } = video(join(hex("97 02 0f423f 03"), ascii("avc1"), DATA));
  assert.equal(body.nanosecondOffset, 999_999);
  assert.deepEqual(data, [...DATA]);
  const other = video(join(hex("97 02 0f423f 13"), ascii("avc1"), DATA));
  assert.equal(other.body.nanosecondOffset, 0, "another ModEx type");
  const short = video(join(hex("97 01 0f42 03"), ascii("avc1"), DATA));
  assert.equal(short.body.nanosecondOffset, 0, "fewer than three bytes");
  assert.deepEqual(short.data, [...DATA]);
});

test("a reused body keeps nothing of the one before", () => {
  const body = new VideoBody();
  decodeVideoBody(join(hex("97 02 0f423f 06 01"), ascii("hvc1"), [9], hex("000028"), DATA), body);
  assert.deepEqual([body.codec, body.trackId], ["HEVC", 9]);
  decodeVideoBody(hex(""), body);
  assert.deepEqual({ ...body }, { ...new VideoBody() });
  const audio = new AudioBody();
  decodeAudioBody(join(hex("95 01"), ascii("Opus"), [9], DATA), audio);
  assert.deepEqual([audio.codec, audio.trackId, audio.bodyStart], ["Opus", 9, 7]);
  decodeAudioBody(hex(""), audio);
  assert.deepEqual({ ...audio }, { ...new AudioBody() });
});

test("FLV 10.1 Annex E.4.2.1: where audio data starts", () => {
  const body = new AudioBody();
  decodeAudioBody(hex("af 01 21 10"), body);
  assert.deepEqual([body.codec, body.bodyStart, body.bodyEnd], ["AAC", 2, 4]);
  decodeAudioBody(hex("2f fffb"), body);
  assert.deepEqual([body.codec, body.bodyStart, body.bodyEnd], ["MP3", 1, 3]);
});
