import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteReader, decodeUint32 } from "../../../src/protocol/bytes/byte-reader.ts";
import { ByteWriter } from "../../../src/protocol/bytes/byte-writer.ts";
import { decodeUtf8, encodeUtf8 } from "../../../src/protocol/bytes/utf8.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";

test("numbers are read big-endian", () => {
  const reader = new ByteReader(
    Uint8Array.from({ length: 32 }, (_, index) => 0xf0 + (index % 16)),
    "ERR_TEST",
  );
  assert.equal(reader.uint8(), 0xf0);
  assert.equal(reader.uint16(), 0xf1_f2);
  assert.equal(reader.int16(), 0xf3_f4 - 0x1_00_00);
  assert.equal(reader.uint24(), 0xf5_f6_f7);
  assert.equal(reader.uint32(), 0xf8_f9_fa_fb);
  assert.equal(reader.offset, 12);
  assert.deepEqual([...reader.view(4)], [0xfc, 0xfd, 0xfe, 0xff]);
  assert.equal(reader.float64(), Buffer.from("f0f1f2f3f4f5f6f7", "hex").readDoubleBE());
  assert.equal(reader.remaining, 8);
});

test("running out of bytes is the peer's fault, under the caller's code, and moves nothing", () => {
  const reads: readonly ((reader: ByteReader) => unknown)[] = [
    (reader) => reader.uint8(),
    (reader) => reader.uint16(),
    (reader) => reader.int16(),
    (reader) => reader.uint24(),
    (reader) => reader.uint32(),
    (reader) => reader.float64(),
    (reader) => reader.view(1),
    (reader) => reader.take(0xff_ff_ff_ff),
  ];
  for (const read of reads) {
    const reader = new ByteReader(new Uint8Array(3), "ERR_TEST", 3);
    assert.throws(
      () => read(reader),
      (error: unknown) =>
        error instanceof ProtocolError && error.code === "ERR_TEST" && error.place.offset === 3,
    );
    assert.equal(reader.offset, 3);
  }
});

test("what is written is read again, through any growth", { timeout: 20_000 }, () => {
  const number = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  fc.assert(
    fc.property(
      number,
      fc.double(),
      fc.string({ unit: "binary" }),
      fc.nat(3),
      (value, real, text, capacity) => {
        const writer = new ByteWriter(capacity);
        writer
          .uint8(value)
          .uint16(value)
          .uint24(value)
          .uint32(value)
          .float64(real)
          .uint16(0)
          .uint32(0);
        const length = writer.utf8(text);
        writer.setUint16(18, 0xab_cd);
        writer.setUint32(20, value);
        writer.bytes(Uint8Array.of(1, 2, 3));
        assert.equal(writer.length, 24 + length + 3);
        const reader = new ByteReader(writer.finish(), "ERR_TEST");
        assert.equal(writer.length, 0);
        assert.equal(reader.uint8(), value & 0xff);
        assert.equal(reader.uint16(), value & 0xff_ff);
        assert.equal(reader.uint24(), value & 0xff_ff_ff);
        assert.equal(reader.uint32(), value);
        assert.deepEqual(reader.float64(), real);
        assert.equal(reader.uint16(), 0xab_cd);
        assert.equal(reader.uint32(), value);
        assert.equal(decodeUtf8(reader.view(length)), text);
        assert.deepEqual([...reader.view(3)], [1, 2, 3]);
        assert.equal(reader.remaining, 0);
      },
    ),
    { numRuns: 300, seed: 5 },
  );
});

test("text is cut at a whole character", () => {
  const writer = new ByteWriter();
  assert.equal(writer.utf8("aé😀", 4), 3);
  writer.truncate(1);
  assert.deepEqual([...writer.finish()], [0x61]);
  const target = new Uint8Array(4);
  assert.equal(encodeUtf8(target, 1, "é😀"), 2);
  assert.deepEqual([...target], [0, 0xc3, 0xa9, 0]);
});

test("bytes beyond the end count as zero in decodeUint32", () => {
  assert.equal(decodeUint32(Uint8Array.of(0xff, 1), 0), 0xff_01_00_00);
  assert.equal(decodeUint32(Uint8Array.of(1), 5), 0);
});
