import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { FrameClass } from "../../../src/protocol/flv/classify.ts";
import { loadFigures, storeFigures } from "../../../src/protocol/ring/ring-figures.ts";
import { formatRing, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { MessageType } from "../../../src/protocol/rtmp/message.ts";
import { StreamFigures, type StreamTracks } from "../../../src/worker/stream/stream-figures.ts";

const WRAP = 128 * 1024;
const fixtures = new URL("../../../../test/fixtures/codec/", import.meta.url);

function avcHeader(name: string): Uint8Array {
  const record = readFileSync(new URL(name, fixtures));
  return Uint8Array.from([0x17, 0, 0, 0, 0, ...record]);
}

const KEY = Uint8Array.from([0x17, 1, 0, 0, 0, 1, 2, 3]);
const INTER = Uint8Array.from([0x27, 1, 0, 0, 0, 1, 2, 3]);
const SOUND = Uint8Array.from([0x2f, 0xff, 0xfb, 0x90, 0x00]);

function video(timestamp: number, kind: FrameClass, payload: Uint8Array) {
  return { type: MessageType.Video, timestamp, kind, payload };
}

function audio(timestamp: number) {
  return { type: MessageType.Audio, timestamp, kind: FrameClass.Audio, payload: SOUND };
}

function header(name: string) {
  return video(0, FrameClass.VideoHeader, avcHeader(name));
}

test("frames, bytes and the time between keyframes, over the end of 32 bits too", () => {
  const figures = new StreamFigures();
  const start = 0xff_ff_fc_00;
  for (let frame = 0; frame < 50; frame += 1) {
    const isKey = frame % 25 === 0;
    const timestamp = (start + frame * 40) >>> 0;
    const kind = isKey ? FrameClass.Keyframe : FrameClass.Inter;
    figures.count(video(timestamp, kind, isKey ? KEY : INTER), 1000, frame * 40);
    figures.count(audio(timestamp), 24, frame * 40);
  }
  figures.count(video(0, FrameClass.VideoOther, INTER), 0, 0);
  assert.deepEqual(figures.figures(3, 4), {
    videoFrames: 50,
    audioFrames: 50,
    gopMs: 1000,
    jumps: 3,
    dropped: 4,
    kibibytes: 50,
  });
});

test("what a stream carries is told with its first frame, then at most once a second", () => {
  const figures = new StreamFigures();
  const told: (StreamTracks | null)[] = [];
  const say = (news: StreamTracks | null): void => void told.push(news);
  const first = header("avc-baseline.bin");
  figures.header(first);
  say(figures.count(first, 10, 0));
  say(figures.count(video(0, FrameClass.Keyframe, KEY), 10, 0));
  figures.header(header("avc-main-cropped-1080.bin"));
  say(figures.count(video(40, FrameClass.Keyframe, KEY), 10, 40));
  say(figures.count(audio(41), 10, 41));
  say(figures.count(video(999, FrameClass.Inter, INTER), 10, 999));
  say(figures.count(video(1000, FrameClass.Inter, INTER), 10, 1000));
  say(figures.count(video(2040, FrameClass.Inter, INTER), 10, 2040));
  assert.deepEqual(
    told.map((news) => news !== null),
    [false, true, false, false, false, true, false],
  );
  assert.equal(told[1]?.video?.profile, "Baseline");
  assert.deepEqual(
    [told[5]?.video?.width, told[5]?.video?.height, told[5]?.audio?.codec],
    [1920, 1080, "MP3"],
  );
});

test("a header that cannot be decoded replaces none that could", () => {
  const figures = new StreamFigures();
  figures.header(header("avc-main-cropped-1080.bin"));
  figures.header(video(0, FrameClass.VideoHeader, Uint8Array.from([0x17, 0, 0, 0, 0, 1])));
  const news = figures.count(video(0, FrameClass.Keyframe, KEY), 10, 0);
  assert.equal(news?.video?.width, 1920);
});

test("the primary reads what the writer has stored, after another loan of the ring nothing", () => {
  const memory = new SharedArrayBuffer(ringSizeBytes(WRAP));
  formatRing(memory, WRAP);
  const counted = {
    videoFrames: 1,
    audioFrames: 2,
    gopMs: 3,
    jumps: 4,
    dropped: 5,
    kibibytes: 0xff_ff_ff_fe,
  };
  storeFigures(memory, counted);
  assert.deepEqual(loadFigures(memory), counted);
  formatRing(memory, WRAP);
  assert.equal(loadFigures(memory).kibibytes, 0);
});
