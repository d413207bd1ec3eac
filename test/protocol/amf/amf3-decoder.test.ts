import assert from "node:assert/strict";
import { test } from "node:test";
import type { AmfValue } from "../../../src/protocol/amf/amf-value.ts";
import { decodeAmf0 } from "../../../src/protocol/amf/amf0-decoder.ts";
import { encodeAmf0 } from "../../../src/protocol/amf/amf0-encoder.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

const golden: readonly (readonly [string, string, AmfValue])[] = [
  ["§3.2 undefined", "00", undefined],
  ["§3.3 null", "01", null],
  ["§3.4 false", "02", false],
  ["§3.5 true", "03", true],
  ["§1.3.1 integer of one byte", "04 7f", 127],
  ["§1.3.1 integer of two bytes", "04 8100", 128],
  ["§1.3.1 integer of three bytes", "04 ffff7f", 0x1f_ff_ff],
  ["§1.3.1 integer of four bytes", "04 80c08000", 0x20_00_00],
  ["§3.6 largest integer", "04 bfffffff", 268_435_455],
  ["§3.6 smallest integer", "04 c0808000", -268_435_456],
  ["§3.6 minus one", "04 ffffffff", -1],
  ["§3.7 double", "05 3ff8000000000000", 1.5],
  ["§3.8 string", "06 09 6c697665", "live"],
  ["§3.8 empty string", "06 01", ""],
  ["§3.9 XML document", "07 09 3c612f3e", { kind: "xml", text: "<a/>" }],
  ["§3.10 date", "08 01 4270000000000000", { kind: "date", timeMs: 2 ** 40, timeZoneMinutes: 0 }],
  ["§3.11 dense array", "09 05 01 04 01 03", [1, true]],
  [
    "§3.11 array with names",
    "09 03 03 61 02 01 03",
    {
      kind: "ecma-array",
      entries: new Map([
        ["a", false],
        ["0", true],
      ]),
    },
  ],
  [
    "§3.12 dynamic object",
    "0a 0b 01 03 61 04 01 03 62 06 00 01",
    new Map<string, AmfValue>([
      ["a", 1],
      ["b", "a"],
    ]),
  ],
  [
    "§3.12 sealed object with a class",
    "0a 23 05 4361 03 78 03 79 04 01 04 02",
    {
      kind: "typed-object",
      className: "Ca",
      entries: new Map([
        ["x", 1],
        ["y", 2],
      ]),
    },
  ],
  [
    "§3.12 traits by reference",
    "09 05 01 0a 13 01 03 78 04 01 0a 01 04 02",
    [new Map([["x", 1]]), new Map([["x", 2]])],
  ],
  ["§3.13 XML", "0b 03 78", { kind: "xml", text: "x" }],
  ["§3.14 byte array", "0c 07 010203", { kind: "bytes", bytes: Uint8Array.of(1, 2, 3) }],
  ["§3.15 vector of int", "0d 05 00 ffffffff 00000002", [-1, 2]],
  ["§3.15 vector of uint", "0e 03 01 ffffffff", [0xff_ff_ff_ff]],
  ["§3.15 vector of double", "0f 03 00 3ff0000000000000", [1]],
  ["§3.15 vector of objects", "10 05 00 01 06 03 61 01", ["a", null]],
  [
    "§3.16 dictionary",
    "11 05 00 06 03 61 04 01 01 04 02",
    { kind: "ecma-array", entries: new Map([["a", 1]]) },
  ],
  ["§1.3.2 string by reference", "09 07 01 06 03 61 06 03 62 06 02", ["a", "b", "b"]],
  ["§3.11 an array by reference to itself", "09 03 01 09 00", [null]],
  ["§3.12 an object by reference to itself", "0a 0b 01 03 61 0a 00 01", new Map([["a", null]])],
];
for (const [name, wire, value] of golden) {
  test(`AMF3 ${name}, A4-18`, () => {
    assert.deepEqual(decodeAmf0(bytes(`11 ${wire} 05`)), [value, null]);
  });
}

const refused: readonly (readonly [string, string, string])[] = [
  ["string beyond the end", "06 ffffffff 61", "ERR_AMF_SHORT"],
  ["dense count beyond the end", "09 ffffffff 01", "ERR_AMF_SHORT"],
  ["sealed count beyond the end", "0a fffffff3 01", "ERR_AMF_SHORT"],
  ["byte array beyond the end", "0c ffffffff 00", "ERR_AMF_SHORT"],
  ["vector beyond the end", "0d ffffffff 00 00", "ERR_AMF_SHORT"],
  ["vector of doubles beyond the end", "0f 05 00 3ff0000000000000", "ERR_AMF_SHORT"],
  ["vector of objects beyond the end", "10 ffffffff 00 01 00", "ERR_AMF_SHORT"],
  ["dictionary beyond the end", "11 ffffffff 00 00", "ERR_AMF_SHORT"],
  ["integer cut", "04 ff", "ERR_AMF_SHORT"],
  ["nothing", "", "ERR_AMF_SHORT"],
  ["string reference to nothing (CVE-2015-8270)", "06 02", "ERR_AMF_REFERENCE"],
  ["traits reference to nothing (CVE-2015-8272)", "0a 05", "ERR_AMF_REFERENCE"],
  ["externalizable object (CVE-2017-5878)", "0a 07 03 58", "ERR_AMF_MARKER"],
  ["marker 0x12", "12 01", "ERR_AMF_MARKER"],
];
for (const [name, wire, code] of refused) {
  test(`A4-18: ${name}: ${code}`, () => {
    assert.throws(
      () => decodeAmf0(bytes(`11 ${wire}`)),
      (error: unknown) => error instanceof ProtocolError && error.code === code,
    );
  });
}

test("A4-01: AMF3 nesting is bounded for arrays, objects, vectors and dictionaries", () => {
  for (const open of ["09 03 01", "0a 0b 01 03 61", "10 03 00 01", "11 03 00 01"]) {
    for (const depth of [17, 1000, 50_000]) {
      assert.throws(
        () => decodeAmf0(bytes(`11 ${open.repeat(depth)} 01`)),
        (error: unknown) => error instanceof ProtocolError && error.code === "ERR_AMF_DEPTH",
      );
    }
  }
});

/** A number of up to 29 bits in hex (AMF3 §1.3.1). */
function uint29(value: number): string {
  const list =
    value < 0x20_00_00
      ? [value >> 14, value >> 7, value].map(
          (part, index) => (part & 0x7f) | (index < 2 ? 0x80 : 0),
        )
      : [(value >> 22) | 0x80, (value >> 15) | 0x80, (value >> 8) | 0x80, value & 0xff];
  return Buffer.from(list).toString("hex");
}

const tooMany = 4096;
const crowds: readonly (readonly [string, string])[] = [
  ["vector", `0d ${uint29((tooMany << 1) | 1)} 00 ${"00000000".repeat(tooMany)}`],
  ["dense array", `09 ${uint29((tooMany << 1) | 1)} 01 ${"01".repeat(tooMany)}`],
  ["sealed names", `0a ${uint29((tooMany << 4) | 3)} 01 ${"01".repeat(2 * tooMany)}`],
];
for (const [name, wire] of crowds) {
  test(`A4-14: AMF3 values count, ${name}`, () => {
    assert.throws(
      () => decodeAmf0(bytes(`11 ${wire}`)),
      (error: unknown) => error instanceof ProtocolError && error.code === "ERR_AMF_VALUES",
    );
  });
}

/** A string of `length` bytes and then references to it, in one dense array. */
function repeated(length: number, repeats: number): Uint8Array {
  const text = `06 ${uint29((length << 1) | 1)} ${"61".repeat(length)}`;
  return bytes(`11 09 ${uint29(((repeats + 1) << 1) | 1)} 01 ${text} ${"06 00".repeat(repeats)}`);
}

test("A4-09: an AMF3 string beyond 64 KiB is refused", () => {
  assert.equal(decodeAmf0(repeated(65_536, 0)).length, 1);
  assert.throws(
    () => decodeAmf0(repeated(65_537, 0)),
    (error: unknown) => error instanceof ProtocolError && error.code === "ERR_AMF_STRING",
  );
});

test("a long string by reference is not multiplied without bound", () => {
  assert.equal(decodeAmf0(repeated(65_536, 16)).length, 1);
  assert.throws(
    () => decodeAmf0(repeated(65_536, 17)),
    (error: unknown) => error instanceof ProtocolError && error.code === "ERR_AMF_STRING",
  );
});

test("a byte array is an owned copy, and null in AMF0", () => {
  const wire = bytes("11 0c 05 0102");
  const [value] = decodeAmf0(wire);
  wire.fill(9);
  assert.deepEqual(value, { kind: "bytes", bytes: Uint8Array.of(1, 2) });
  assert.deepEqual(encodeAmf0(value), Uint8Array.of(5));
});
