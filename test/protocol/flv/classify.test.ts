import assert from "node:assert/strict";
import { test } from "node:test";
import {
  classifyAudio,
  classifyData,
  classifyVideo,
  FrameClass,
  headerSlot,
  NO_HEADER_SLOT,
} from "../../../src/protocol/flv/classify.ts";
import { ascii, hex, join } from "./vectors.ts";

const NAMES = Object.fromEntries(Object.entries(FrameClass).map(([name, value]) => [value, name]));
const videoName = (payload: Uint8Array) => NAMES[classifyVideo(payload)];
const audioName = (payload: Uint8Array) => NAMES[classifyAudio(payload)];

/** Bytes a coded body ends with. */
const DATA = hex("00000001 65");

test("FrameClass values fit in four bits and differ", () => {
  const values = Object.values(FrameClass);
  assert.equal(new Set(values).size, values.length);
  assert.ok(values.every((value) => value >= 0 && value < 16));
});

test("FLV 10.1 Annex E.4.3.1: AVC bodies", () => {
  assert.equal(videoName(hex("17 00 000000 01 64 00 1f")), "VideoHeader");
  assert.equal(videoName(join(hex("17 01 000000"), DATA)), "Keyframe");
  assert.equal(videoName(join(hex("27 01 000028"), DATA)), "Inter");
  assert.equal(videoName(join(hex("37 01 000000"), DATA)), "Inter");
  assert.equal(videoName(join(hex("47 01 000000"), DATA)), "Keyframe");
  assert.equal(videoName(hex("17 02 000000")), "VideoOther", "end of sequence");
  assert.equal(videoName(join(hex("17 03 000000"), DATA)), "VideoOther", "reserved packet type");
  assert.equal(videoName(join(hex("07 01 000000"), DATA)), "VideoOther", "reserved frame type");
});

test("FLV 10.1 Annex E.4.3.1: codecs without headers go by frame type", () => {
  for (const codecId of [2, 3, 4, 5, 6]) {
    assert.equal(videoName(Uint8Array.of(0x10 | codecId, 0, 0, 0x84)), "Keyframe");
    assert.equal(videoName(Uint8Array.of(0x20 | codecId, 0, 0, 0x84)), "Inter");
    assert.equal(videoName(Uint8Array.of(0x30 | codecId, 0, 0, 0x84)), "Inter");
  }
});

test("B-54: legacy HEVC codec id 12 and AV1 codec id 13 have AVC's packet types", () => {
  for (const codecId of [12, 13]) {
    assert.equal(videoName(join([0x10 | codecId, 0, 0, 0, 0], DATA)), "VideoHeader");
    assert.equal(videoName(join([0x10 | codecId, 1, 0, 0, 0], DATA)), "Keyframe");
    assert.equal(videoName(join([0x20 | codecId, 1, 0, 0, 0], DATA)), "Inter");
    assert.equal(videoName(Uint8Array.of(0x10 | codecId, 2, 0, 0, 0)), "VideoOther");
  }
});

test("A6-15: command frames are relayed and open no GOP", () => {
  assert.equal(videoName(hex("57 00")), "VideoOther");
  assert.equal(videoName(hex("57 01")), "VideoOther");
  assert.equal(videoName(hex("d1 00")), "VideoOther", "enhanced");
  assert.equal(videoName(join(hex("d0"), ascii("avc1"), DATA)), "VideoOther", "never a header");
});

test("A6-01: video of 0 to 5 bytes and audio of 0 and 1 byte are relayed", () => {
  const keyframe = hex("17 01 000000 00");
  for (let length = 0; length <= 5; length += 1) {
    assert.equal(videoName(keyframe.subarray(0, length)), "VideoOther", `${length} bytes`);
    assert.equal(videoName(hex("17 00 000000").subarray(0, length)), "VideoOther");
  }
  assert.equal(videoName(keyframe), "Keyframe");
  assert.equal(audioName(hex("")), "Audio");
  assert.equal(audioName(hex("af")), "Audio");
});

test("FLV 10.1 Annex E.4.2.1: AAC header and frame, other sound formats", () => {
  assert.equal(audioName(hex("af 00 12 10")), "AudioHeader");
  assert.equal(audioName(hex("af 01 21 00")), "Audio");
  for (const format of [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 15]) {
    assert.equal(audioName(Uint8Array.of((format << 4) | 15, 0, 1, 2)), "Audio");
  }
});

test("B-55: an empty AAC header does not replace a good one", () => {
  assert.equal(audioName(hex("af 00")), "Audio");
  assert.equal(headerSlot(hex("af 00"), "audio"), NO_HEADER_SLOT);
});

test("B-58: enhanced video packet types 0 to 7 for every FourCC", () => {
  for (const fourCc of ["avc1", "hvc1", "vvc1", "av01", "vp09", "vp08", "zzzz"]) {
    const body = (first: number) => join([first], ascii(fourCc), DATA);
    assert.equal(videoName(body(0x90)), "VideoHeader");
    assert.equal(videoName(body(0x91)), "Keyframe");
    assert.equal(videoName(body(0xa1)), "Inter");
    assert.equal(videoName(join([0x92], ascii(fourCc))), "VideoOther");
    assert.equal(videoName(body(0x93)), "Keyframe");
    assert.equal(videoName(body(0xa3)), "Inter");
    assert.equal(videoName(body(0x94)), "VideoMetadata");
    assert.equal(videoName(body(0xd4)), "VideoMetadata", "the frame type is ignored");
    assert.equal(videoName(body(0x95)), "VideoHeader");
    assert.equal(videoName(join(hex("96 00"), ascii(fourCc), [0])), "VideoOther");
  }
});

test("B-59: enhanced audio packet types for every FourCC", () => {
  for (const fourCc of ["Opus", "fLaC", "ac-3", "ec-3", ".mp3", "mp4a", "zzzz"]) {
    const body = (first: number) => join([first], ascii(fourCc), DATA);
    assert.equal(audioName(body(0x90)), "AudioHeader");
    assert.equal(audioName(body(0x91)), "Audio");
    assert.equal(audioName(join([0x92], ascii(fourCc))), "Audio");
    assert.equal(audioName(body(0x93)), "Audio", "reserved");
    assert.equal(audioName(body(0x94)), "AudioConfig");
  }
  assert.equal(audioName(join([0x90], ascii("Opus"))), "AudioHeader", "may be empty");
});

test("A6-14: a truncated FourCC, packet types 8 to 15 and empty enhanced bodies are relayed", () => {
  assert.equal(videoName(hex("90 6876")), "VideoOther", "early OBS beta");
  assert.equal(audioName(hex("90 4f70")), "Audio");
  for (let type = 8; type < 16; type += 1) {
    assert.equal(videoName(join([0x90 | type], ascii("hvc1"), DATA)), "VideoOther");
    assert.equal(audioName(join([0x90 | type], ascii("Opus"), DATA)), "Audio");
  }
  assert.equal(videoName(join([0x90], ascii("hvc1"))), "VideoOther");
  assert.equal(videoName(join([0x91], ascii("hvc1"))), "VideoOther");
});

test("Enhanced RTMP v2, ModEx: 8-bit and 16-bit sizes, chains", () => {
  // Three bytes of TimestampOffsetNano, then ModEx type 0 and the packet type behind it.
  const nano = hex("02 000064 01");
  assert.equal(videoName(join([0x97], nano, ascii("avc1"), DATA)), "Keyframe");
  assert.equal(videoName(join([0xa7], nano, ascii("avc1"), DATA)), "Inter");
  assert.equal(audioName(join([0x97], hex("02 000064 00"), ascii("Opus"), DATA)), "AudioHeader");
  // 0xff switches to a 16-bit size: 0x00ff + 1 bytes.
  const wide = join(hex("ff 00ff"), new Uint8Array(256), [0x01]);
  assert.equal(videoName(join([0x97], wide, ascii("avc1"), DATA)), "Keyframe");
  // Size 256 can only be written with 16 bits; 255 bytes still with 8.
  const narrow = join([0xfe], new Uint8Array(255), [0x01]);
  assert.equal(videoName(join([0x97], narrow, ascii("avc1"), DATA)), "Keyframe");
  const chain = join(hex("00 00 07"), hex("00 00 17"), hex("00 00 00"));
  assert.equal(videoName(join([0x97], chain, ascii("avc1"), DATA)), "VideoHeader");
});

test("A6-14: ModEx of 65536 bytes, cut short, and chains of 16, 17 and 1000", () => {
  const large = join(hex("ff ffff"), new Uint8Array(65_536), [0x01]);
  assert.equal(videoName(join([0x97], large, ascii("avc1"), DATA)), "Keyframe");
  assert.equal(videoName(join([0x97], large.subarray(0, 65_000))), "VideoOther");
  for (const cut of ["97", "97 00", "97 00 00", "97 ff", "97 ff 00", "97 ff 0000", "97 02 0000"]) {
    assert.equal(videoName(hex(cut)), "VideoOther", cut);
    assert.equal(audioName(hex(cut)), "Audio", cut);
  }
  const chain = (length: number) =>
    join([0x97], ...Array.from({ length: length - 1 }, () => hex("00 00 07")), hex("00 00 01"));
  assert.equal(videoName(join(chain(16), ascii("avc1"), DATA)), "Keyframe");
  assert.equal(videoName(join(chain(17), ascii("avc1"), DATA)), "VideoOther");
  assert.equal(videoName(join(chain(1000), ascii("avc1"), DATA)), "VideoOther");
});

test("B-56: multitrack bodies have the class of their inner packet type", () => {
  const one = (first: number, inner: number, track: number) =>
    join([first, inner], ascii("avc1"), [track], DATA);
  assert.equal(videoName(one(0x96, 0x00, 0)), "VideoHeader");
  assert.equal(videoName(one(0x96, 0x00, 1)), "VideoHeader");
  assert.equal(videoName(one(0x96, 0x01, 0)), "Keyframe");
  assert.equal(videoName(one(0x96, 0x04, 0)), "VideoMetadata");
  assert.equal(videoName(one(0xa6, 0x01, 0)), "Inter");
  assert.equal(audioName(one(0x95, 0x00, 1)), "AudioHeader");
  assert.equal(audioName(one(0x95, 0x01, 1)), "Audio");
  assert.equal(audioName(one(0x95, 0x04, 1)), "AudioConfig");
});

test("B-56: a keyframe of another track than the default one is no place to join", () => {
  assert.equal(videoName(join(hex("96 01"), ascii("avc1"), [1], DATA)), "Inter");
  const track = (id: number) => join([id, 0, 0, DATA.length], DATA);
  assert.equal(videoName(join(hex("96 11"), ascii("avc1"), track(2), track(1))), "Inter");
  assert.equal(videoName(join(hex("96 11"), ascii("avc1"), track(1), track(0))), "Keyframe");
  const many = join(hex("96 21"), ascii("avc1"), track(1), ascii("hvc1"), track(0));
  assert.equal(videoName(many), "Keyframe");
});

test("A6-14: multitrack type 3, nesting, duplicate ids and tracks that are cut", () => {
  assert.equal(videoName(join(hex("96 31"), ascii("avc1"), [0], DATA)), "VideoOther");
  assert.equal(videoName(join(hex("96 06"), ascii("avc1"), [0], DATA)), "VideoOther");
  assert.equal(videoName(join(hex("96 07"), ascii("avc1"), [0], DATA)), "VideoOther");
  assert.equal(audioName(join(hex("95 05"), ascii("Opus"), [0], DATA)), "Audio");
  const track = (id: number) => join([id, 0, 0, DATA.length], DATA);
  assert.equal(videoName(join(hex("96 11"), ascii("avc1"), track(0), track(0))), "Keyframe");
  assert.equal(videoName(join(hex("96 11"), ascii("avc1"), hex("01 ffffff"), DATA)), "VideoOther");
  assert.equal(videoName(join(hex("96 11"), ascii("avc1"), track(1), hex("00 00"))), "Inter");
  const empty = Array.from({ length: 100_000 }, () => hex("01 000000"));
  const flood = new Uint8Array(
    Buffer.concat([join(hex("a6 11"), ascii("avc1")), track(1), ...empty]),
  );
  assert.equal(videoName(flood), "Inter");
});

test("B-56: the default track is looked for among 256 tracks, no further", () => {
  const track = join([1, 0, 0, DATA.length], DATA);
  const behind = (tracks: number) =>
    join(
      hex("96 11"),
      ascii("avc1"),
      ...Array.from({ length: tracks }, () => track),
      [0, 0, 0, DATA.length],
      DATA,
    );
  assert.equal(videoName(behind(255)), "Keyframe");
  assert.equal(videoName(behind(256)), "Inter");
});

test("headerSlot: the same key for the same track and purpose, another for any other", () => {
  const video = (text: string, track: number[] = []) => join(hex(text), ascii("avc1"), track, DATA);
  const slots = [
    headerSlot(video("90"), "video"),
    headerSlot(video("94"), "video"),
    headerSlot(video("96 00", [1]), "video"),
    headerSlot(video("96 04", [1]), "video"),
    headerSlot(video("96 00", [255]), "video"),
    headerSlot(hex("af 00 12 10"), "audio"),
    headerSlot(video("94"), "audio"),
    headerSlot(video("95 00", [1]), "audio"),
    headerSlot(video("95 04", [1]), "audio"),
    headerSlot(join(hex("96 10"), ascii("avc1"), [1, 0, 0, 5], DATA), "video"),
  ];
  assert.equal(new Set(slots).size, slots.length);
  assert.ok(slots.every((slot) => slot >= 0 && slot < 2048));
  assert.equal(
    slots[0],
    headerSlot(hex("17 00 000000 01 64 00 1f"), "video"),
    "classic is track 0",
  );
  assert.equal(slots[0], headerSlot(video("96 00", [0]), "video"), "multitrack track 0 is track 0");
  assert.equal(slots[0], headerSlot(join(hex("90"), ascii("hvc1"), DATA), "video"), "codec change");
});

test("headerSlot: not a header", () => {
  assert.equal(headerSlot(join(hex("17 01 000000"), DATA), "video"), NO_HEADER_SLOT);
  assert.equal(headerSlot(hex("af 01 21"), "audio"), NO_HEADER_SLOT);
  assert.equal(headerSlot(hex(""), "video"), NO_HEADER_SLOT);
  assert.equal(headerSlot(hex("96 00"), "video"), NO_HEADER_SLOT);
});

test("headerSlot: a multitrack body read before does not leak into a classic one", () => {
  headerSlot(join(hex("96 10"), ascii("avc1"), [7, 0, 0, 5], DATA), "video");
  assert.equal(headerSlot(hex("17 00 000000 01 64 00 1f"), "video"), 0);
});

test("FLV 10.1 Annex E.4.4.1, B-50: onMetaData, also behind @setDataFrame and in AMF3 messages", () => {
  const meta = join(hex("02 000a"), ascii("onMetaData"), hex("08 00000000 000009"));
  assert.equal(classifyData(meta), FrameClass.Metadata);
  assert.equal(classifyData(join([0], meta)), FrameClass.Metadata);
  assert.equal(
    classifyData(join(hex("02 000d"), ascii("@setDataFrame"), meta)),
    FrameClass.Metadata,
  );
  assert.equal(classifyData(join(hex("02 000a"), ascii("onTextData"))), FrameClass.Data);
  assert.equal(classifyData(join(hex("02 000a"), ascii("onMetaDat"))), FrameClass.Data);
  assert.equal(classifyData(join(hex("02 000d"), ascii("@setDataFrame"))), FrameClass.Data);
});

test("B-51: ffmpeg's 4-byte data message and empty ones are plain data", () => {
  assert.equal(classifyData(hex("00 00 00 00")), FrameClass.Data);
  assert.equal(classifyData(hex("")), FrameClass.Data);
});
