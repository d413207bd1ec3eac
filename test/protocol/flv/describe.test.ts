import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAudio, describeVideo } from "../../../src/protocol/flv/describe.ts";
import { ascii, fixture, hex, join } from "./vectors.ts";

const NO_VIDEO = {
  fourCc: null,
  trackId: 0,
  width: null,
  height: null,
  profile: null,
  level: null,
  frameRate: null,
  configError: null,
};
const NO_AUDIO = {
  fourCc: null,
  trackId: 0,
  sampleRate: null,
  channels: null,
  profile: null,
  configError: null,
};

const AVC = fixture("codec/avc-high-ntsc.bin");
const HEVC = fixture("codec/hevc-main10-1080.bin");
const DATA = hex("00000001 65");

test("ISO/IEC 14496-15 in FLV: classic AVC sequence header", () => {
  assert.deepEqual(describeVideo(join(hex("17 00 000000"), AVC)), {
    ...NO_VIDEO,
    codec: "H264",
    width: 1280,
    height: 720,
    profile: "High",
    level: "3.1",
    frameRate: 30_000 / 1001,
  });
});

test("B-58: enhanced sequence headers of H.264, HEVC, AV1 and VP9", () => {
  const header = (fourCc: string, name: string) =>
    describeVideo(join([0x90], ascii(fourCc), fixture(`codec/${name}.bin`)));
  const avc = header("avc1", "avc-high-ntsc");
  assert.deepEqual([avc.codec, avc.fourCc, avc.width], ["H264", "avc1", 1280]);
  const hevc = header("hvc1", "hevc-main10-1080");
  assert.deepEqual(hevc, {
    ...NO_VIDEO,
    codec: "HEVC",
    fourCc: "hvc1",
    width: 1920,
    height: 1080,
    profile: "Main10",
    level: "4.1",
    frameRate: 60,
  });
  const av1 = header("av01", "av1-main10-1080");
  assert.deepEqual([av1.codec, av1.width, av1.height, av1.profile], ["AV1", 1920, 1080, "Main"]);
  const vp9 = header("vp09", "vp9");
  assert.deepEqual([vp9.codec, vp9.width, vp9.profile, vp9.configError], ["VP9", null, "0", null]);
});

test("B-54: legacy HEVC codec id 12", () => {
  const { codec, fourCc, width } = describeVideo(join(hex("1c 00 000000"), HEVC));
  assert.deepEqual([codec, fourCc, width], ["HEVC", null, 1920]);
});

test("B-53: HEVC under codec id 7 is told by its record", () => {
  const { codec, width, configError } = describeVideo(join(hex("17 00 000000"), HEVC));
  assert.deepEqual([codec, width, configError], ["HEVC", 1920, null]);
});

test("frames name their codec and nothing else", () => {
  const codecs: [string, string][] = [
    ["17 01 000000", "H264"],
    ["2c 01 000000", "HEVC"],
    ["1d 01 000000", "AV1"],
    ["12", "H263"],
    ["13", "Screen"],
    ["14", "VP6"],
    ["25", "VP6"],
    ["16", "Screen"],
    ["18", "Other"],
  ];
  for (const [start, codec] of codecs) {
    assert.deepEqual(describeVideo(join(hex(start), DATA)), { ...NO_VIDEO, codec });
  }
  const vvc = describeVideo(join([0x91], ascii("vvc1"), DATA));
  assert.deepEqual(vvc, { ...NO_VIDEO, codec: "VVC", fourCc: "vvc1" });
});

test("B-56: track id and codec of multitrack headers", () => {
  const one = describeVideo(join(hex("96 00"), ascii("avc1"), [3], AVC));
  assert.deepEqual([one.codec, one.fourCc, one.trackId, one.width], ["H264", "avc1", 3, 1280]);
  const size = [0, 0, AVC.length];
  const many = describeVideo(
    join(hex("96 20"), ascii("avc1"), [1], size, AVC, ascii("hvc1"), [2, 0, 0, 1, 0]),
  );
  assert.deepEqual([many.codec, many.trackId, many.width], ["H264", 1, 1280]);
  const audio = describeAudio(join(hex("95 00"), ascii("mp4a"), [1], hex("11 90")));
  assert.deepEqual(
    [audio.codec, audio.trackId, audio.sampleRate, audio.channels],
    ["AAC", 1, 48_000, 2],
  );
});

test("Enhanced RTMP v2, ModEx: a sequence header behind a modifier", () => {
  const { width } = describeVideo(join(hex("97 02 000001 00"), ascii("avc1"), AVC));
  assert.equal(width, 1280);
});

test("A6-02: a broken configuration is named, not thrown", () => {
  const broken = describeVideo(join(hex("17 00 000000"), AVC.subarray(0, 12)));
  assert.deepEqual(broken, { ...NO_VIDEO, codec: "H264", configError: "ERR_AVC_CONFIG" });
  assert.equal(
    describeVideo(join([0x90], ascii("hvc1"), HEVC.subarray(0, 40))).configError,
    "ERR_HEVC_CONFIG",
  );
  assert.equal(describeVideo(join([0x90], ascii("av01"), DATA)).configError, "ERR_AV1_CONFIG");
  assert.equal(describeVideo(join([0x90], ascii("vp09"), DATA)).configError, "ERR_VP_CONFIG");
});

test("A6-06: a broken AAC configuration is named, not thrown", () => {
  assert.deepEqual(describeAudio(hex("af 00 12")), {
    ...NO_AUDIO,
    codec: "AAC",
    configError: "ERR_AAC_CONFIG",
  });
  assert.deepEqual(describeAudio(hex("af 00")), { ...NO_AUDIO, codec: "AAC" });
});

test("A6-01, A6-14: empty and unreadable bodies", () => {
  assert.deepEqual(describeVideo(hex("")), { ...NO_VIDEO, codec: "Other" });
  assert.deepEqual(describeVideo(hex("90 6876")), { ...NO_VIDEO, codec: "Other" });
  assert.deepEqual(describeAudio(hex("")), { ...NO_AUDIO, codec: "Other" });
  assert.deepEqual(describeAudio(hex("91")), { ...NO_AUDIO, codec: "Other" });
});

test("A6-13: an unknown FourCC is printable whatever its bytes", () => {
  const { codec, fourCc } = describeVideo(hex("90 0a3cff1b 00"));
  assert.deepEqual([codec, fourCc], ["Other", ".<.."]);
});

test("FLV 10.1 Annex E.4.2.1, B-63: rates of codecs without headers", () => {
  const facts = (payload: string) => {
    const { codec, sampleRate, channels } = describeAudio(hex(payload));
    return [codec, sampleRate, channels];
  };
  assert.deepEqual(facts("3f 00"), ["PCM", 44_100, 2]);
  assert.deepEqual(facts("1a 00"), ["ADPCM", 22_050, 1]);
  assert.deepEqual(facts("72 00"), ["PCMA", 8000, 1]);
  assert.deepEqual(facts("83 00"), ["PCMU", 8000, 2]);
  assert.deepEqual(facts("b6 00"), ["Speex", 16_000, 1]);
  assert.deepEqual(facts("46 00"), ["Nellymoser", 16_000, 1]);
  assert.deepEqual(facts("52 00"), ["Nellymoser", 8000, 1]);
  assert.deepEqual(facts("6a 00"), ["Nellymoser", 22_050, 1]);
  assert.deepEqual(facts("f0 00"), ["Other", null, null]);
  assert.deepEqual(facts("2f fffb94c4"), ["MP3", 48_000, 1], "the frame's rate, not the tag's");
  assert.equal(describeAudio(hex("2f 0000")).configError, "ERR_MP3_FRAME");
});

test("B-59: enhanced audio headers and the multichannel configuration", () => {
  const facts = (payload: Uint8Array) => {
    const { codec, fourCc, sampleRate, channels, configError } = describeAudio(payload);
    return [codec, fourCc, sampleRate, channels, configError];
  };
  const opus = join([0x90], ascii("Opus"), fixture("codec/opus-5.1.bin"));
  assert.deepEqual(facts(opus), ["Opus", "Opus", 48_000, 6, null]);
  assert.deepEqual(facts(join([0x90], ascii("Opus"))), ["Opus", "Opus", null, null, null]);
  const flac = join([0x90], ascii("fLaC"), fixture("codec/flac-stereo.bin"));
  assert.deepEqual(facts(flac), ["FLAC", "fLaC", 44_100, 2, null]);
  const native = join([0x94], ascii("ac-3"), hex("01 06 0000060f"));
  assert.deepEqual(facts(native), ["AC3", "ac-3", null, 6, null]);
  assert.deepEqual(facts(join([0x91], ascii("ec-3"), DATA)), ["EAC3", "ec-3", null, null, null]);
  assert.deepEqual(facts(join([0x91], ascii(".mp3"), hex("fffb9064"))), [
    "MP3",
    ".mp3",
    44_100,
    2,
    null,
  ]);
});
