/** FLV streams and message bodies from hostile peers: what may throw throws ProtocolError only, and it ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError } from "../../src/protocol/errors.ts";
import {
  classifyAudio,
  classifyData,
  classifyVideo,
  FrameClass,
  headerSlot,
  NO_HEADER_SLOT,
} from "../../src/protocol/flv/classify.ts";
import { describeAudio, describeVideo } from "../../src/protocol/flv/describe.ts";
import {
  AudioBody,
  decodeAudioBody,
  decodeVideoBody,
  VideoBody,
} from "../../src/protocol/flv/media-body.ts";
import { encodeFlvHeader, FlvTagDecoder } from "../../src/protocol/flv/tag.ts";
import { fuzz, randomCut } from "./mutator.ts";

const VIDEO_CLASSES: readonly number[] = [
  FrameClass.VideoHeader,
  FrameClass.VideoMetadata,
  FrameClass.Keyframe,
  FrameClass.Inter,
  FrameClass.VideoOther,
];
const AUDIO_CLASSES: readonly number[] = [
  FrameClass.Audio,
  FrameClass.AudioHeader,
  FrameClass.AudioConfig,
];

test("F-50, A6-14: any body has a class, a slot, a range and a description", {
  timeout: 60_000,
}, () => {
  const video = new VideoBody();
  const audio = new AudioBody();
  const seen = new Set<number>();
  fuzz("flv", 20_000, (bytes) => {
    const before = bytes.slice();
    const videoClass = classifyVideo(bytes);
    const audioClass = classifyAudio(bytes);
    seen.add(videoClass).add(audioClass).add(classifyData(bytes));
    assert.ok(VIDEO_CLASSES.includes(videoClass));
    assert.ok(AUDIO_CLASSES.includes(audioClass));
    const isHeader =
      videoClass === FrameClass.VideoHeader || videoClass === FrameClass.VideoMetadata;
    const slot = headerSlot(bytes, "video");
    assert.equal(slot !== NO_HEADER_SLOT, isHeader);
    assert.ok(slot < 2048 && headerSlot(bytes, "audio") < 2048);
    decodeVideoBody(bytes, video);
    assert.equal(video.frameClass, videoClass);
    assert.ok(video.bodyStart <= video.bodyEnd && video.bodyEnd <= bytes.length);
    decodeAudioBody(bytes, audio);
    assert.equal(audio.frameClass, audioClass);
    assert.ok(audio.bodyStart <= audio.bodyEnd && audio.bodyEnd <= bytes.length);
    assert.equal(describeVideo(bytes).trackId, video.trackId);
    assert.equal(describeAudio(bytes).trackId, audio.trackId);
    assert.deepEqual(bytes, before, "the body was changed");
  });
  assert.equal(seen.size, Object.keys(FrameClass).length, "the mutations reach every class");
});

/** Tags and the error's code, with the input pushed in these pieces. */
function decode(pieces: readonly Uint8Array[]): unknown[] {
  const events: unknown[] = [];
  const decoder = new FlvTagDecoder();
  try {
    for (const piece of pieces) {
      decoder.push(piece, {
        header: (header) => events.push(header),
        tag: ({ type, timestamp, payload }) => events.push([type, timestamp, [...payload]]),
      });
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) {
      throw error;
    }
    events.push([error.code, error.place.offset]);
  }
  return events;
}

test("F-50: FLV streams give the same tags and errors at any cut", { timeout: 60_000 }, () => {
  const header = encodeFlvHeader({ hasAudio: true, hasVideo: true });
  fuzz("flv", 4000, (bytes, random) => {
    const isFile = bytes[0] === 0x46;
    const stream = isFile ? bytes : new Uint8Array([...header, ...bytes]);
    const whole = decode([stream]);
    assert.deepEqual(decode(randomCut(random, stream)), whole);
    const bytewise = Array.from(stream, (byte) => Uint8Array.of(byte));
    assert.deepEqual(decode(bytewise), whole);
  });
});
