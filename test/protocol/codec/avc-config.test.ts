import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAvcConfig } from "../../../src/protocol/codec/avc-config.ts";
import { decodeAvcSps } from "../../../src/protocol/codec/avc-sps.ts";
import { removeEmulationPrevention } from "../../../src/protocol/codec/nal-unit.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { addEmulationPrevention, BitWriter, fixture, hex, join } from "../flv/vectors.ts";

const fails = (code: string) => (error: unknown) =>
  error instanceof ProtocolError && error.code === code && error.place.spec !== undefined;

interface SpsOptions {
  readonly widthBlocks?: number;
  readonly heightUnits?: number;
  readonly crop?: readonly [number, number, number, number];
  readonly framesOnly?: boolean;
  readonly tail?: (writer: BitWriter) => void;
}

/** A Baseline set written field by field after H.264 §7.3.2.1.1. */
function sps(options: SpsOptions = {}): Uint8Array {
  const { widthBlocks = 40, heightUnits = 23, crop, framesOnly = true, tail } = options;
  const writer = new BitWriter().bits(0x67, 8).bits(66, 8).bits(0xc0, 8).bits(30, 8);
  writer.unsignedGolomb(0).unsignedGolomb(0).unsignedGolomb(2).unsignedGolomb(1).bits(0, 1);
  writer.unsignedGolomb(widthBlocks - 1).unsignedGolomb(heightUnits - 1);
  writer.bits(framesOnly ? 1 : 0, 1);
  if (!framesOnly) {
    writer.bits(0, 1);
  }
  writer.bits(1, 1).bits(crop === undefined ? 0 : 1, 1);
  for (const edge of crop ?? []) {
    writer.unsignedGolomb(edge);
  }
  if (tail === undefined) {
    writer.bits(0, 1);
  } else {
    tail(writer.bits(1, 1));
  }
  return writer.bits(1, 1).finish();
}

const uint16 = (value: number) => [value >> 8, value & 255];
function record(sets: Uint8Array[], pps: Uint8Array[], lengthSize = 4): Uint8Array {
  const units = (list: Uint8Array[]) => list.flatMap((unit) => [uint16(unit.length), unit]);
  return join(
    hex("01 42c01e"),
    [0xfc | (lengthSize - 1), 0xe0 | sets.length],
    ...units(sets),
    [pps.length],
    ...units(pps),
  );
}

const PPS = hex("68 ce 3c 80");

test("ISO/IEC 14496-15 §5.3.3.1.2: fields of a record", () => {
  const config = decodeAvcConfig(record([sps()], [PPS]));
  assert.equal(config.width, 640);
  assert.equal(config.height, 368);
  assert.equal(config.profileId, 66);
  assert.equal(config.profile, "Baseline");
  assert.equal(config.level, "3");
  assert.equal(config.frameRate, null);
  assert.deepEqual(config.sequenceParameterSets, [sps()]);
  assert.deepEqual(config.pictureParameterSets, [PPS]);
});

test("A6-04: NAL length sizes 1, 2, 3 and 4", () => {
  for (const size of [1, 2, 3, 4]) {
    assert.equal(decodeAvcConfig(record([sps()], [PPS], size)).nalLengthBytes, size);
  }
});

test("A6-02: a record cut at any byte before its last PPS ends", () => {
  const whole = record([sps()], [PPS]);
  for (let length = 0; length < whole.length; length += 1) {
    assert.throws(() => decodeAvcConfig(whole.subarray(0, length)), fails("ERR_AVC_CONFIG"));
  }
  assert.equal(decodeAvcConfig(join(whole, hex("fdf8f800"))).width, 640, "high profile extension");
});

test("A6-02: no SPS, no PPS, an SPS longer than the record, other versions", () => {
  assert.throws(() => decodeAvcConfig(record([], [PPS])), fails("ERR_AVC_CONFIG"));
  assert.throws(() => decodeAvcConfig(record([sps()], [])), fails("ERR_AVC_CONFIG"));
  assert.throws(() => decodeAvcConfig(hex("01 42c01e ff e1 ffff 67")), fails("ERR_AVC_CONFIG"));
  assert.throws(
    () => decodeAvcConfig(hex("01 42c01e ff e1 0000 01 0001 68")),
    fails("ERR_AVC_CONFIG"),
  );
  assert.throws(() => decodeAvcConfig(hex("00 00 00 01 67 42")), fails("ERR_AVC_CONFIG"));
});

test("A6-02: 31 SPS, the first one counts", () => {
  const sets = [sps({ widthBlocks: 20 }), ...Array.from({ length: 30 }, () => sps())];
  const config = decodeAvcConfig(record(sets, [PPS]));
  assert.equal(config.sequenceParameterSets.length, 31);
  assert.equal(config.width, 320);
});

test("A6-03: sides beyond 16384, of 2^31 and of 2^32, and impossible codes", () => {
  assert.equal(decodeAvcSps(sps({ widthBlocks: 1024, heightUnits: 1 })).width, 16_384);
  for (const widthBlocks of [1025, 2 ** 27, 2 ** 31, 2 ** 32 - 2]) {
    assert.throws(() => decodeAvcSps(sps({ widthBlocks })), fails("ERR_AVC_SPS"));
    assert.throws(() => decodeAvcSps(sps({ heightUnits: widthBlocks })), fails("ERR_AVC_SPS"));
  }
  const zeros = join(hex("67 42 c0 1e"), new Uint8Array(4096));
  assert.throws(() => decodeAvcSps(zeros), fails("ERR_AVC_SPS"));
});

test("H.264 §7.4.2.1.1 (7-19 to 7-22): cropping in units of chroma and field", () => {
  const cropped = decodeAvcSps(sps({ widthBlocks: 120, heightUnits: 68, crop: [0, 0, 0, 4] }));
  assert.deepEqual([cropped.width, cropped.height], [1920, 1080]);
  const fields = decodeAvcSps(
    sps({ widthBlocks: 120, heightUnits: 34, crop: [0, 0, 0, 2], framesOnly: false }),
  );
  assert.deepEqual([fields.width, fields.height], [1920, 1080]);
  const sides = decodeAvcSps(sps({ crop: [1, 2, 3, 1] }));
  assert.deepEqual([sides.width, sides.height], [634, 360]);
});

test("A6-03: cropping more than the picture", () => {
  assert.throws(() => decodeAvcSps(sps({ crop: [0, 320, 0, 0] })), fails("ERR_AVC_SPS"));
  assert.throws(() => decodeAvcSps(sps({ crop: [0, 0, 2 ** 31, 2 ** 31] })), fails("ERR_AVC_SPS"));
});

test("A6-03: a VUI that is cut costs only the frame rate", () => {
  const timed = sps({
    tail: (writer) => writer.bits(0, 4).bits(1, 1).bits(1001, 32).bits(60_000, 32).bits(1, 1),
  });
  assert.equal(decodeAvcSps(timed).frameRate, 30_000 / 1001);
  const cut = decodeAvcSps(timed.subarray(0, timed.length - 5));
  assert.deepEqual([cut.width, cut.height, cut.frameRate], [640, 368, null]);
  const zeroTick = sps({ tail: (writer) => writer.bits(0, 4).bits(1, 1).bits(0, 32).bits(50, 32) });
  assert.equal(decodeAvcSps(zeroTick).frameRate, null);
  const extended = sps({
    tail: (writer) =>
      writer
        .bits(1, 1)
        .bits(255, 8)
        .bits(0x00_01_00_01, 32)
        .bits(0b11, 2)
        .bits(0b11_0111, 6)
        .bits(0x01_01_01, 24)
        .bits(1, 1)
        .unsignedGolomb(0)
        .unsignedGolomb(1)
        .bits(1, 1)
        .bits(1, 32)
        .bits(100, 32),
  });
  assert.equal(decodeAvcSps(extended).frameRate, 50);
});

test("H.264 §7.3.2.1.1: picture order count type 1 with and without too long a cycle", () => {
  const withCycle = (frames: number) => {
    const writer = new BitWriter().bits(0x67, 8).bits(66, 8).bits(0, 8).bits(30, 8);
    writer.unsignedGolomb(0).unsignedGolomb(0).unsignedGolomb(1).bits(0, 1);
    writer.signedGolomb(-3).signedGolomb(5).unsignedGolomb(frames);
    for (let frame = 0; frame < Math.min(frames, 300); frame += 1) {
      writer.signedGolomb(-frame);
    }
    writer.unsignedGolomb(1).bits(0, 1).unsignedGolomb(19).unsignedGolomb(14);
    return writer.bits(0b1100, 4).bits(1, 1).finish();
  };
  assert.equal(decodeAvcSps(withCycle(255)).height, 240);
  assert.throws(() => decodeAvcSps(withCycle(256)), fails("ERR_AVC_SPS"));
  assert.throws(() => decodeAvcSps(withCycle(2 ** 32 - 2)), fails("ERR_AVC_SPS"));
});

/** The first list is given whole, the second falls back to its default, the rest are absent. */
function writeScalingLists(writer: BitWriter, lists: number): void {
  writer.bits(1, 1);
  for (let index = 0; index < 16; index += 1) {
    writer.signedGolomb(1);
  }
  writer
    .bits(1, 1)
    .signedGolomb(-8)
    .bits(0, lists - 2);
}

/** A High set of 320 by 240 with one unit cropped at the right and at the bottom. */
function highSps(chroma: number, isSeparate: boolean, hasLists: boolean): Uint8Array {
  const writer = new BitWriter().bits(0x67, 8).bits(100, 8).bits(0, 8).bits(31, 8);
  writer.unsignedGolomb(0).unsignedGolomb(chroma);
  if (chroma === 3) {
    writer.bits(isSeparate ? 1 : 0, 1);
  }
  writer
    .unsignedGolomb(0)
    .unsignedGolomb(0)
    .bits(0, 1)
    .bits(hasLists ? 1 : 0, 1);
  if (hasLists) {
    writeScalingLists(writer, chroma === 3 ? 12 : 8);
  }
  writer.unsignedGolomb(0).unsignedGolomb(2).unsignedGolomb(1).bits(0, 1);
  writer.unsignedGolomb(19).unsignedGolomb(14).bits(0b111, 3);
  writer.unsignedGolomb(0).unsignedGolomb(1).unsignedGolomb(0).unsignedGolomb(1);
  return writer.bits(0, 1).bits(1, 1).finish();
}

test("H.264 §7.3.2.1.1: high profile with monochrome, separate planes and scaling lists", () => {
  const high = (chroma: number, isSeparate: boolean, hasLists: boolean) =>
    decodeAvcSps(highSps(chroma, isSeparate, hasLists));
  for (const lists of [false, true]) {
    assert.deepEqual([high(0, false, lists).width, high(0, false, lists).height], [319, 239]);
    assert.deepEqual([high(1, false, lists).width, high(1, false, lists).height], [318, 238]);
    assert.deepEqual([high(2, false, lists).width, high(2, false, lists).height], [318, 239]);
    assert.deepEqual([high(3, true, lists).width, high(3, true, lists).height], [319, 239]);
    assert.deepEqual([high(3, false, lists).width, high(3, false, lists).height], [319, 239]);
  }
  assert.throws(() => high(4, false, false), fails("ERR_AVC_SPS"));
});

test("H.264 §7.4.1.1: emulation prevention is removed before reading", () => {
  assert.deepEqual(
    removeEmulationPrevention(hex("67 000003 00 000003 01 000003")),
    hex("67 0000 00 0000 01 0000"),
  );
  assert.deepEqual(removeEmulationPrevention(hex("00000303")), hex("000003"));
  const plain = hex("67 4200 03 0002");
  assert.equal(removeEmulationPrevention(plain), plain, "no copy when there is none");
  // A timing with zero bytes as encoders write it: 25 frames per second.
  const timed = sps({ tail: (writer) => writer.bits(0, 4).bits(1, 1).bits(1, 32).bits(50, 32) });
  const escaped = addEmulationPrevention(timed);
  assert.ok(escaped.length > timed.length);
  assert.equal(decodeAvcSps(escaped).frameRate, 25);
});

test("H.264 Annex A.3: level names", () => {
  assert.equal(decodeAvcConfig(fixture("codec/avc-level-1b.bin")).level, "1b");
  assert.equal(decodeAvcConfig(fixture("codec/avc-high-ntsc.bin")).level, "3.1");
  assert.equal(decodeAvcConfig(fixture("codec/avc-interlaced.bin")).level, "4");
});

test("a NAL unit that is no SPS", () => {
  assert.throws(() => decodeAvcConfig(record([PPS], [PPS])), fails("ERR_AVC_SPS"));
  assert.throws(() => decodeAvcSps(hex("")), fails("ERR_AVC_SPS"));
});
