import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAv1Config } from "../../../src/protocol/codec/av1-config.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { BitWriter, fixture, hex, join } from "../flv/vectors.ts";

const fails = (code: string) => (error: unknown) =>
  error instanceof ProtocolError && error.code === code && error.place.spec !== undefined;

interface HeaderOptions {
  readonly width?: number;
  readonly height?: number;
  readonly isReduced?: boolean;
  /** Writes what follows reduced_still_picture_header up to the operating points' end. */
  readonly parameters?: (writer: BitWriter) => void;
}

/** One operating point, level 4 (index 4), nothing optional. */
const plain = (writer: BitWriter) => writer.bits(0, 1).bits(0, 1).bits(0, 5).bits(0, 12).bits(4, 5);

/** A sequence header after AV1 §5.5.1, as far as the frame size. */
function sequenceHeader(options: HeaderOptions = {}): Uint8Array {
  const { width = 1280, height = 720, isReduced = false, parameters = plain } = options;
  const writer = new BitWriter()
    .bits(0, 3)
    .bits(0, 1)
    .bits(isReduced ? 1 : 0, 1);
  if (isReduced) {
    writer.bits(8, 5);
  } else {
    parameters(writer);
  }
  return writer
    .bits(15, 4)
    .bits(15, 4)
    .bits(width - 1, 16)
    .bits(height - 1, 16)
    .bits(0, 8)
    .finish();
}

const RECORD = hex("81 08 0c 00");
/** OBU with a size field. */
const obu = (type: number, payload: Uint8Array, extension = false) =>
  join([(type << 3) | (extension ? 6 : 2)], extension ? [0] : [], [payload.length], payload);

test("AV1-ISOBMFF §2.3.3: profile and level without a sequence header", () => {
  assert.deepEqual(decodeAv1Config(RECORD), {
    profileId: 0,
    profile: "Main",
    levelId: 8,
    level: "4.0",
    width: null,
    height: null,
    frameRate: null,
  });
  assert.equal(decodeAv1Config(hex("81 3f 00 00")).level, "max");
  assert.equal(decodeAv1Config(hex("81 45 00 00")).profile, "Professional");
  assert.equal(decodeAv1Config(hex("81 45 00 00")).level, "3.1");
});

test("AV1 §5.5.1: frame size of a plain and of a reduced header", () => {
  const config = decodeAv1Config(join(RECORD, obu(1, sequenceHeader())));
  assert.deepEqual([config.width, config.height, config.frameRate], [1280, 720, null]);
  const reduced = decodeAv1Config(
    join(RECORD, obu(1, sequenceHeader({ isReduced: true, width: 1 }))),
  );
  assert.deepEqual([reduced.width, reduced.height], [1, 720]);
});

test("AV1 §5.5.1: timing, decoder model, tiers and delays before the frame size", () => {
  const parameters = (writer: BitWriter) => {
    writer.bits(1, 1).bits(1001, 32).bits(30_000, 32).bits(1, 1).unsignedGolomb(0);
    writer.bits(1, 1).bits(9, 5).bits(1, 32).bits(3, 5).bits(3, 5);
    writer.bits(1, 1).bits(1, 5);
    // Level above 3.3 with tier, decoder model and delay; then neither.
    writer
      .bits(0, 12)
      .bits(9, 5)
      .bits(1, 1)
      .bits(1, 1)
      .bits(0, 20)
      .bits(1, 1)
      .bits(1, 1)
      .bits(7, 4);
    writer.bits(0, 12).bits(4, 5).bits(0, 1).bits(0, 1);
  };
  const config = decodeAv1Config(join(RECORD, obu(1, sequenceHeader({ parameters }))));
  assert.deepEqual([config.width, config.height], [1280, 720]);
  assert.ok(Math.abs((config.frameRate ?? 0) - 29.97) < 0.001);
});

test("AV1 §5.3: other OBUs, extensions and an OBU without a size are walked", () => {
  const header = sequenceHeader();
  const metadata = obu(5, hex("0102 0304"), true);
  assert.equal(decodeAv1Config(join(RECORD, metadata, obu(1, header, true))).width, 1280);
  assert.equal(decodeAv1Config(join(RECORD, metadata, [0x08], header)).width, 1280);
});

test("A6-02: truncated records and OBUs, broken sizes", () => {
  for (const bytes of ["", "81", "81 08 0c", "01 08 0c 00", "00 00 00 01"]) {
    assert.throws(() => decodeAv1Config(hex(bytes)), fails("ERR_AV1_CONFIG"), bytes);
  }
  for (const tail of ["0a", "0a 05", "0a 80", "0a ffffffffffffffffff", "0a ff7f 00", "0e"]) {
    assert.throws(() => decodeAv1Config(join(RECORD, hex(tail))), fails("ERR_AV1_CONFIG"), tail);
  }
  const whole = fixture("codec/av1-main.bin");
  for (let length = 5; length < whole.length; length += 1) {
    assert.throws(() => decodeAv1Config(whole.subarray(0, length)), fails("ERR_AV1_CONFIG"));
  }
});

test("A6-03: a cut or oversized sequence header", () => {
  assert.throws(
    () => decodeAv1Config(join(RECORD, obu(1, sequenceHeader().subarray(0, 6)))),
    fails("ERR_AV1_SEQUENCE_HEADER"),
  );
  assert.throws(
    () => decodeAv1Config(join(RECORD, obu(1, sequenceHeader({ width: 16_385 })))),
    fails("ERR_AV1_SEQUENCE_HEADER"),
  );
  assert.equal(
    decodeAv1Config(join(RECORD, obu(1, sequenceHeader({ width: 16_384 })))).width,
    16_384,
  );
});
