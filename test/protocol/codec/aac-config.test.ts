import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAacConfig } from "../../../src/protocol/codec/aac-config.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { BitWriter, hex } from "../flv/vectors.ts";

const isConfigError = (error: unknown) =>
  error instanceof ProtocolError &&
  error.code === "ERR_AAC_CONFIG" &&
  error.place.spec !== undefined;

/** Object type, rate index, channel configuration. */
const start = (type: number, rate: number, channels: number) =>
  new BitWriter().bits(type, 5).bits(rate, 4).bits(channels, 4);

test("ISO/IEC 14496-3 §1.6.2.1: AAC-LC 44100 Hz stereo, 12 10", () => {
  assert.deepEqual(decodeAacConfig(hex("12 10")), {
    objectType: 2,
    profile: "LC",
    coreSampleRate: 44_100,
    sampleRate: 44_100,
    channels: 2,
    channelConfiguration: 2,
    frameSamples: 1024,
    hasSbr: false,
    hasPs: false,
  });
});

test("ISO/IEC 14496-3 Table 1.18: every sampling frequency index", () => {
  const rates = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
  ];
  for (const [index, rate] of rates.entries()) {
    assert.equal(decodeAacConfig(start(2, index, 2).bits(0, 3).finish()).sampleRate, rate);
  }
});

test("ISO/IEC 14496-3 Table 1.19: every channel configuration", () => {
  const counts = [
    undefined,
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    undefined,
    undefined,
    undefined,
    7,
    8,
    24,
    8,
    undefined,
  ];
  for (const [configuration, count] of counts.entries()) {
    const bytes = start(2, 3, configuration).bits(0, 3).finish();
    if (configuration === 0 || count === undefined) {
      assert.throws(() => decodeAacConfig(bytes), isConfigError, `${configuration}`);
    } else {
      assert.equal(decodeAacConfig(bytes).channels, count);
    }
  }
});

test("ISO/IEC 14496-3 §1.6.2.1: a rate of 24 bits and frames of 960 samples", () => {
  const bytes = new BitWriter().bits(2, 5).bits(15, 4).bits(50_000, 24).bits(2, 4).bits(0b100, 3);
  const config = decodeAacConfig(bytes.finish());
  assert.deepEqual([config.sampleRate, config.channels, config.frameSamples], [50_000, 2, 960]);
});

test("ISO/IEC 14496-3 §1.6.5.2: hierarchical signalling of SBR and PS", () => {
  const he = start(5, 7, 2).bits(4, 4).bits(2, 5).bits(0, 3).finish();
  const config = decodeAacConfig(he);
  assert.deepEqual(
    [config.objectType, config.profile, config.coreSampleRate, config.sampleRate, config.channels],
    [2, "HE", 22_050, 44_100, 2],
  );
  const v2 = decodeAacConfig(start(29, 7, 1).bits(4, 4).bits(2, 5).bits(0, 3).finish());
  assert.deepEqual(
    [v2.objectType, v2.profile, v2.sampleRate, v2.channels, v2.hasSbr, v2.hasPs],
    [2, "HEv2", 44_100, 2, true, true],
  );
});

test("ISO/IEC 14496-3 §1.6.6.1: backward compatible signalling behind sync 0x2b7 and 0x548", () => {
  const he = start(2, 6, 2).bits(0, 3).bits(0x2_b7, 11).bits(5, 5).bits(1, 1).bits(3, 4);
  const config = decodeAacConfig(he.finish());
  assert.deepEqual(
    [config.profile, config.coreSampleRate, config.sampleRate],
    ["HE", 24_000, 48_000],
  );
  const v2 = start(2, 6, 1).bits(0, 3).bits(0x2_b7, 11).bits(5, 5).bits(1, 1).bits(3, 4);
  assert.equal(decodeAacConfig(v2.bits(0x5_48, 11).bits(1, 1).finish()).profile, "HEv2");
  const noise = start(2, 6, 1).bits(0, 3).bits(0x2_b7, 11).bits(5, 5).bits(1, 1).bits(3, 4);
  assert.equal(decodeAacConfig(noise.bits(0x5_49, 11).bits(1, 1).finish()).profile, "HE");
  // What ffmpeg writes after an LC configuration: SBR explicitly absent.
  assert.equal(decodeAacConfig(hex("12 10 56 e5 00")).profile, "LC");
});

test("ISO/IEC 14496-3 §4.4.1.1: channels from a program config element", () => {
  const element = start(2, 3, 0).bits(0, 3).bits(0, 4).bits(1, 2).bits(3, 4);
  // Two front, one side, one back element, one LFE, one data, one coupling element.
  element.bits(2, 4).bits(1, 4).bits(1, 4).bits(1, 2).bits(1, 3).bits(1, 4);
  element.bits(1, 1).bits(0, 4).bits(0, 1).bits(1, 1).bits(0, 3);
  element.bits(0, 5).bits(0x10, 5).bits(0x10, 5).bits(0x10, 5);
  element.bits(0, 4).bits(0, 4).bits(0, 5);
  const bytes = element.finish();
  const withComment = new Uint8Array([...bytes, 2, 0x61, 0x62]);
  assert.equal(decodeAacConfig(withComment).channels, 8);
  assert.throws(() => decodeAacConfig(bytes), isConfigError, "the comment's length is missing");
});

test("A6-06: empty, one byte, index 15 cut short, reserved rates, rate 0", () => {
  for (const bytes of ["", "12", "17 80", "17 80 00", "16 90", "17 10"]) {
    assert.throws(() => decodeAacConfig(hex(bytes)), isConfigError, bytes);
  }
  const rate = (hertz: number) =>
    new BitWriter().bits(2, 5).bits(15, 4).bits(hertz, 24).bits(2, 4).bits(0, 3).finish();
  assert.throws(() => decodeAacConfig(rate(0)), isConfigError);
  assert.throws(() => decodeAacConfig(rate(192_001)), isConfigError);
  assert.equal(decodeAacConfig(rate(192_000)).sampleRate, 192_000);
});

test("A6-06: unknown object types", () => {
  for (const type of [0, 8, 10, 12, 18, 30]) {
    assert.throws(() => decodeAacConfig(start(type, 4, 2).bits(0, 3).finish()), isConfigError);
  }
  const escaped = (type: number) =>
    new BitWriter()
      .bits(31, 5)
      .bits(type - 32, 6)
      .bits(4, 4)
      .bits(2, 4)
      .bits(0, 9)
      .finish();
  assert.equal(decodeAacConfig(escaped(39)).profile, "ELD");
  assert.equal(decodeAacConfig(escaped(42)).profile, "xHE");
  assert.throws(() => decodeAacConfig(escaped(95)), isConfigError);
});

test("ISO/IEC 14496-3 §1.5.1.1: profile names", () => {
  const names: [number, string][] = [
    [1, "Main"],
    [2, "LC"],
    [3, "SSR"],
    [4, "LTP"],
    [23, "LD"],
  ];
  for (const [type, name] of names) {
    assert.equal(decodeAacConfig(start(type, 4, 2).bits(0, 3).finish()).profile, name);
  }
});
