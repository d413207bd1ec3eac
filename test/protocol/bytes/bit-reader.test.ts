import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BitReader } from "../../../src/protocol/bytes/bit-reader.ts";
import { BitWriter, hex } from "../flv/vectors.ts";

test("H.264 §7.2: bits are read most significant first, up to 32 at once", () => {
  const reader = new BitReader(hex("a5 ffffffff 80"));
  assert.equal(reader.readBits(3), 5);
  assert.equal(reader.readFlag(), false);
  assert.equal(reader.readBits(4), 5);
  assert.equal(reader.readBits(32), 0xff_ff_ff_ff);
  assert.equal(reader.readFlag(), true);
  assert.equal(reader.readBits(0), 0);
  assert.equal(reader.bitsLeft, 7);
  assert.equal(reader.bitOffset, 41);
});

test("H.264 Table 9-2: ue(v) codes", () => {
  const codes: [string, number][] = [
    ["80", 0],
    ["40", 1],
    ["60", 2],
    ["20", 3],
    ["28", 4],
    ["38", 6],
    ["10", 7],
    ["12", 8],
  ];
  for (const [bytes, value] of codes) {
    assert.equal(new BitReader(hex(bytes)).readUnsignedGolomb(), value);
  }
});

test("H.264 Table 9-3: se(v) codes", () => {
  const values = [0, 1, -1, 2, -2, 3];
  for (const [code, value] of values.entries()) {
    const bytes = new BitWriter().unsignedGolomb(code).finish();
    assert.equal(new BitReader(bytes).readSignedGolomb(), value);
  }
});

test("A6-03: at most 31 leading zeros, the largest value is 2^32-2", () => {
  const largest = new BitReader(hex("00000001 fffffffe"));
  assert.equal(largest.readUnsignedGolomb(), 0xff_ff_ff_fe);
  assert.equal(largest.isBroken, false);
  const beyond = new BitReader(hex("00000000 80000000 00"));
  assert.equal(beyond.readUnsignedGolomb(), 0);
  assert.equal(beyond.isBroken, true);
  const endless = new BitReader(new Uint8Array(1024));
  assert.equal(endless.readUnsignedGolomb(), 0);
  assert.equal(endless.isBroken, true);
  assert.ok(endless.bitOffset < 64, "it does not look for the end of the zeros");
});

test("past the end every read gives 0, and the reader stays broken", () => {
  const reader = new BitReader(hex("ff"));
  assert.equal(reader.readBits(9), 0);
  assert.equal(reader.isBroken, true);
  assert.equal(reader.bitsLeft, 0);
  assert.equal(reader.readBits(1), 0);
  assert.equal(reader.readUnsignedGolomb(), 0);
  const skipped = new BitReader(hex("ff"));
  skipped.skipBits(8);
  assert.equal(skipped.isBroken, false);
  skipped.skipBits(1);
  assert.equal(skipped.isBroken, true);
  const truncated = new BitReader(hex("08"));
  assert.equal(truncated.readUnsignedGolomb(), 0);
  assert.equal(truncated.isBroken, true);
});

test("any mix of fields reads back as it was written", { timeout: 20_000 }, () => {
  const field = fc.oneof(
    fc.record({
      kind: fc.constant("ue" as const),
      value: fc.integer({ min: 0, max: 2 ** 32 - 2 }),
    }),
    fc.record({
      kind: fc.constant("se" as const),
      value: fc.integer({ min: -(2 ** 30), max: 2 ** 30 }),
    }),
    fc
      .integer({ min: 0, max: 32 })
      .chain((count) =>
        fc.record({ kind: fc.constant(count), value: fc.integer({ min: 0, max: 2 ** count - 1 }) }),
      ),
  );
  fc.assert(
    fc.property(fc.array(field, { maxLength: 30 }), (fields) => {
      const writer = new BitWriter();
      for (const { kind, value } of fields) {
        if (kind === "ue") {
          writer.unsignedGolomb(value);
        } else if (kind === "se") {
          writer.signedGolomb(value);
        } else {
          writer.bits(value, kind);
        }
      }
      const reader = new BitReader(writer.finish());
      const read = fields.map(({ kind }) => {
        if (kind === "ue") {
          return reader.readUnsignedGolomb();
        }
        return kind === "se" ? reader.readSignedGolomb() : reader.readBits(kind);
      });
      assert.deepEqual(
        read,
        fields.map(({ value }) => value),
      );
      assert.equal(reader.isBroken, false);
    }),
    { numRuns: 200 },
  );
});
