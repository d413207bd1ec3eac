import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHevcConfig } from "../../../src/protocol/codec/hevc-config.ts";
import { decodeHevcSps } from "../../../src/protocol/codec/hevc-sps.ts";
import { LimitError, ProtocolError } from "../../../src/protocol/errors.ts";
import { addEmulationPrevention, BitWriter, fixture, hex, join } from "../flv/vectors.ts";

const fails = (code: string) => (error: unknown) =>
  error instanceof ProtocolError && error.code === code && error.place.spec !== undefined;

interface SpsOptions {
  readonly width?: number;
  readonly height?: number;
  readonly chroma?: number;
  readonly crop?: readonly [number, number, number, number];
  /** max_sub_layers_minus1, each sub-layer with a profile and a level. */
  readonly extraLayers?: number;
  readonly levelId?: number;
  /** Writes what follows the picture size and bit depths. */
  readonly rest?: (writer: BitWriter) => void;
}

/** A set written field by field after H.265 §7.3.2.2.1. */
function sps(options: SpsOptions = {}): Uint8Array {
  const {
    width = 640,
    height = 360,
    chroma = 1,
    crop,
    extraLayers = 0,
    levelId = 93,
    rest,
  } = options;
  const header = new BitWriter()
    .bits(33 << 9, 16)
    .bits(0, 4)
    .bits(extraLayers, 3)
    .bits(1, 1);
  header.bits(0, 3).bits(1, 5).bits(0x60_00_00_00, 32).bits(0, 48).bits(levelId, 8);
  for (let layer = 0; layer < extraLayers; layer += 1) {
    header.bits(0b11, 2);
  }
  for (let layer = extraLayers; extraLayers > 0 && layer < 8; layer += 1) {
    header.bits(0, 2);
  }
  for (let layer = 0; layer < extraLayers; layer += 1) {
    header.bits(0, 32).bits(0, 32).bits(0, 24).bits(60, 8);
  }
  header.unsignedGolomb(0).unsignedGolomb(chroma);
  if (chroma === 3) {
    header.bits(0, 1);
  }
  header
    .unsignedGolomb(width)
    .unsignedGolomb(height)
    .bits(crop === undefined ? 0 : 1, 1);
  for (const edge of crop ?? []) {
    header.unsignedGolomb(edge);
  }
  header.unsignedGolomb(0).unsignedGolomb(0);
  rest?.(header);
  return addEmulationPrevention(header.bits(1, 1).finish());
}

/** From log2_max_pic_order_cnt to pcm_enabled_flag, with nothing optional. */
function plainMiddle(writer: BitWriter): BitWriter {
  writer.unsignedGolomb(4).bits(0, 1).unsignedGolomb(4).unsignedGolomb(2).unsignedGolomb(0);
  for (let size = 0; size < 6; size += 1) {
    writer.unsignedGolomb(1);
  }
  return writer.bits(0, 1).bits(0b11, 2).bits(0, 1);
}

/** Long-term flag to the VUI's timing: 50 frames per second, behind a display window. */
function timing(writer: BitWriter): void {
  writer.bits(0, 1).bits(0b11, 2).bits(1, 1).bits(0, 4).bits(0, 3).bits(1, 1);
  writer.unsignedGolomb(1).unsignedGolomb(2).unsignedGolomb(3).unsignedGolomb(4);
  writer.bits(1, 1).bits(1, 32).bits(50, 32);
}

test("H.265 §7.4.3.2.1: conformance window in chroma units", () => {
  const size = (chroma: number) => {
    const { width, height } = decodeHevcSps(
      sps({ width: 1920, height: 1088, chroma, crop: [1, 2, 0, 4] }),
    );
    return [width, height];
  };
  assert.deepEqual(size(0), [1917, 1084]);
  assert.deepEqual(size(1), [1914, 1080]);
  assert.deepEqual(size(2), [1914, 1084]);
  assert.deepEqual(size(3), [1917, 1084]);
});

test("H.265 §7.3.3: sub-layers with profiles and levels are passed over", () => {
  for (const extraLayers of [0, 1, 3, 6, 7]) {
    const { width, height, levelId } = decodeHevcSps(sps({ extraLayers }));
    assert.deepEqual([width, height, levelId], [640, 360, 93]);
  }
});

test("H.265 §7.3.7: explicit and predicted reference picture sets before the VUI", () => {
  const unit = sps({
    rest: (writer) => {
      plainMiddle(writer).unsignedGolomb(3);
      // Two negative pictures and one positive.
      writer.unsignedGolomb(2).unsignedGolomb(1);
      for (let picture = 0; picture < 3; picture += 1) {
        writer.unsignedGolomb(picture).bits(1, 1);
      }
      // Predicted from 3 pictures: 4 entries, one of them dropped.
      writer
        .bits(1, 1)
        .bits(0, 1)
        .unsignedGolomb(0)
        .bits(0b1, 1)
        .bits(0b01, 2)
        .bits(0b00, 2)
        .bits(1, 1);
      // Predicted again: 3 pictures are left, so 4 entries.
      writer.bits(1, 1).bits(1, 1).unsignedGolomb(1).bits(0b1111, 4);
      timing(writer);
    },
  });
  assert.equal(decodeHevcSps(unit).frameRate, 50);
});

/** scaling_list_data: the first matrix of each size is coded, the others are predicted. */
function writeScalingLists(writer: BitWriter): void {
  const sizes = [
    { matrices: 6, codes: 16 },
    { matrices: 6, codes: 64 },
    { matrices: 6, codes: 65 },
    { matrices: 2, codes: 65 },
  ];
  for (const { matrices, codes } of sizes) {
    writer.bits(1, 1);
    for (let code = 0; code < codes; code += 1) {
      writer.signedGolomb(-2);
    }
    for (let matrix = 1; matrix < matrices; matrix += 1) {
      writer.bits(0, 1).unsignedGolomb(0);
    }
  }
}

test("H.265 §7.3.4: scaling lists, PCM and long-term pictures before the VUI", () => {
  const unit = sps({
    rest: (writer) => {
      writer.unsignedGolomb(4).bits(1, 1).unsignedGolomb(4).unsignedGolomb(2).unsignedGolomb(0);
      for (let size = 0; size < 6; size += 1) {
        writer.unsignedGolomb(1);
      }
      writeScalingLists(writer.bits(0b11, 2));
      writer.bits(0b11, 2).bits(1, 1).bits(0x77, 8).unsignedGolomb(0).unsignedGolomb(2).bits(0, 1);
      writer
        .unsignedGolomb(0)
        .bits(1, 1)
        .unsignedGolomb(2)
        .bits(1, 8)
        .bits(1, 1)
        .bits(2, 8)
        .bits(1, 1);
      // The timing helper starts at the long-term flag, which is written here already.
      writer.bits(0b11, 2).bits(1, 1).bits(0, 4).bits(0, 3).bits(0, 1);
      writer.bits(1, 1).bits(1001, 32).bits(60_000, 32);
    },
  });
  assert.ok(Math.abs((decodeHevcSps(unit).frameRate ?? 0) - 59.94) < 0.001);
});

test("A6-03: counts beyond their bounds cost only the frame rate, and no time", () => {
  const rests: ((writer: BitWriter) => void)[] = [
    (writer) => writer.unsignedGolomb(13),
    (writer) => plainMiddle(writer).unsignedGolomb(65),
    (writer) => plainMiddle(writer).unsignedGolomb(2 ** 32 - 2),
    (writer) => plainMiddle(writer).unsignedGolomb(1).unsignedGolomb(17).unsignedGolomb(0),
    (writer) =>
      plainMiddle(writer)
        .unsignedGolomb(1)
        .unsignedGolomb(0)
        .unsignedGolomb(2 ** 31),
    (writer) => plainMiddle(writer).unsignedGolomb(0).bits(1, 1).unsignedGolomb(33),
    () => undefined,
  ];
  for (const rest of rests) {
    const { width, frameRate } = decodeHevcSps(sps({ rest }));
    assert.deepEqual([width, frameRate], [640, null]);
  }
});

test("A6-03: sides of 0, beyond 16384 and of 2^31, truncation, impossible codes", () => {
  assert.equal(decodeHevcSps(sps({ width: 16_384 })).width, 16_384);
  for (const width of [0, 16_385, 2 ** 31, 2 ** 32 - 2]) {
    assert.throws(() => decodeHevcSps(sps({ width })), fails("ERR_HEVC_SPS"));
  }
  assert.throws(() => decodeHevcSps(sps({ crop: [0, 320, 0, 0] })), fails("ERR_HEVC_SPS"));
  assert.throws(() => decodeHevcSps(sps({ chroma: 4 })), fails("ERR_HEVC_SPS"));
  assert.throws(
    () => decodeHevcSps(join(hex("4201"), new Uint8Array(4096))),
    fails("ERR_HEVC_SPS"),
  );
  const whole = sps();
  for (let length = 0; length < 19; length += 1) {
    assert.throws(() => decodeHevcSps(whole.subarray(0, length)), fails("ERR_HEVC_SPS"));
  }
});

/** hvcC with the given arrays. */
function record(
  arrays: readonly (readonly [number, readonly Uint8Array[]])[],
  averageRate = 0,
): Uint8Array {
  const fixed = hex("01 01 60000000 900000000000 5d f000 fc fd f8 f8");
  const lists = arrays.map(([type, units]) =>
    join(
      [0x80 | type, units.length >> 8, units.length & 255],
      ...units.map((unit) => join([unit.length >> 8, unit.length & 255], unit)),
    ),
  );
  return join(fixed, [averageRate >> 8, averageRate & 255, 0x0f, arrays.length], ...lists);
}

const VPS = hex("4001 0c");
const PPS = hex("4401 c0");

test("ISO/IEC 14496-15 §8.3.3.1.2: arrays by NAL type, unknown types passed over", () => {
  const config = decodeHevcConfig(
    record([
      [32, [VPS]],
      [39, [hex("4e01 05")]],
      [33, [sps(), sps({ width: 320 })]],
      [34, [PPS, PPS]],
    ]),
  );
  assert.deepEqual(
    [config.width, config.height, config.profile, config.level],
    [640, 360, "Main", "3.1"],
  );
  assert.deepEqual(config.videoParameterSets, [VPS]);
  assert.equal(config.sequenceParameterSets.length, 2);
  assert.deepEqual(config.pictureParameterSets, [PPS, PPS]);
  assert.equal(config.nalLengthBytes, 4);
});

test("ISO/IEC 14496-15 §8.3.3.1.3: avgFrameRate stands in for a missing VUI", () => {
  const arrays: [number, Uint8Array[]][] = [
    [33, [sps()]],
    [34, [PPS]],
  ];
  assert.equal(decodeHevcConfig(record(arrays, 25 * 256)).frameRate, 25);
  assert.equal(decodeHevcConfig(record(arrays)).frameRate, null);
});

test("A6-02: truncated records, no SPS, no PPS, an empty set, 257 sets", () => {
  const whole = fixture("codec/hevc-rext-444.bin");
  const cuts = [0, 1, 12, 22, 23, 25, 27, 60, 100];
  for (const length of cuts) {
    assert.throws(() => decodeHevcConfig(whole.subarray(0, length)), fails("ERR_HEVC_CONFIG"));
  }
  assert.throws(() => decodeHevcConfig(record([[34, [PPS]]])), fails("ERR_HEVC_CONFIG"));
  assert.throws(() => decodeHevcConfig(record([[33, [sps()]]])), fails("ERR_HEVC_CONFIG"));
  assert.throws(() => decodeHevcConfig(record([[33, [hex("")]]])), fails("ERR_HEVC_CONFIG"));
  assert.throws(
    () => decodeHevcConfig(join([2], record([]).subarray(1))),
    fails("ERR_HEVC_CONFIG"),
  );
  const many = Array.from({ length: 257 }, () => PPS);
  assert.throws(
    () => decodeHevcConfig(record([[34, many]])),
    (error) => error instanceof LimitError && error.code === "ERR_HEVC_CONFIG",
  );
});

test("H.265 Annex A.4: every level prints as in the document", () => {
  const levels: [number, string][] = [
    [30, "1"],
    [60, "2"],
    [63, "2.1"],
    [90, "3"],
    [93, "3.1"],
    [120, "4"],
    [123, "4.1"],
    [150, "5"],
    [153, "5.1"],
    [156, "5.2"],
    [180, "6"],
    [183, "6.1"],
    [186, "6.2"],
  ];
  for (const [levelId, printed] of levels) {
    const unit = sps({ levelId });
    assert.equal(
      decodeHevcConfig(
        record([
          [33, [unit]],
          [34, [PPS]],
        ]),
      ).level,
      printed,
    );
  }
});
