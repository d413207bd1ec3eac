import assert from "node:assert/strict";
import { test } from "node:test";
import { type AmfValue, amfEntries } from "../../../src/protocol/amf/amf-value.ts";
import { Amf0Decoder, decodeAmf0 } from "../../../src/protocol/amf/amf0-decoder.ts";
import { Amf0Encoder, encodeAmf0 } from "../../../src/protocol/amf/amf0-encoder.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString("hex");
}

const golden: readonly (readonly [string, string, AmfValue])[] = [
  ["AMF0 §2.2 number", "00 3ff0000000000000", 1],
  ["AMF0 §2.2 negative zero", "00 8000000000000000", -0],
  ["AMF0 §2.2 infinity, A4-15", "00 7ff0000000000000", Number.POSITIVE_INFINITY],
  ["AMF0 §2.2 not a number, A4-15", "00 7ff8000000000000", Number.NaN],
  ["AMF0 §2.3 boolean", "01 01", true],
  ["AMF0 §2.4 string", "02 0004 6c697665", "live"],
  ["AMF0 §2.4 empty string", "02 0000", ""],
  ["AMF0 §2.5 object", "03 0003 617070 02 0001 61 000009", new Map([["app", "a"]])],
  ["AMF0 §2.5 empty object", "03 000009", new Map()],
  ["AMF0 §2.7 null", "05", null],
  ["AMF0 §2.8 undefined", "06", undefined],
  [
    "AMF0 §2.10 associative array",
    "08 00000001 0001 77 00 4000000000000000 000009",
    { kind: "ecma-array", entries: new Map([["w", 2]]) },
  ],
  ["AMF0 §2.12 strict array", "0a 00000002 05 01 00", [null, false]],
  [
    "AMF0 §2.13 date",
    "0b 4270000000000000 ffc4",
    { kind: "date", timeMs: 2 ** 40, timeZoneMinutes: -60 },
  ],
  ["AMF0 §2.17 XML document", "0f 00000004 3c612f3e", { kind: "xml", text: "<a/>" }],
  [
    "AMF0 §2.18 typed object",
    "10 0001 43 0001 78 05 000009",
    { kind: "typed-object", className: "C", entries: new Map([["x", null]]) },
  ],
];
for (const [name, wire, value] of golden) {
  test(`F-38, ${name}`, () => {
    assert.deepEqual(decodeAmf0(bytes(wire)), [value]);
    assert.equal(hex(encodeAmf0(value)), wire.replaceAll(" ", ""));
  });
}

test("AMF0 §2.14, A4-09: long strings of up to 64 KiB are read, and written from 65536 bytes on", () => {
  const long = new Uint8Array(5 + 65_536).fill(0x61);
  long.set([0x0c, 0, 1, 0, 0]);
  assert.deepEqual(decodeAmf0(long), ["a".repeat(65_536)]);
  assert.equal(hex(encodeAmf0("a".repeat(65_536))), hex(long));
  assert.deepEqual(decodeAmf0(encodeAmf0("a".repeat(65_535))), ["a".repeat(65_535)]);
  assert.deepEqual(decodeAmf0(bytes("0c 00000002 6869")), ["hi"]);
});

test("A4-04, A4-05: an associative array's count is ignored and its end may be missing", () => {
  for (const count of ["00000000", "00000001", "00000009", "ffffffff"]) {
    for (const end of ["000009", "0000", "00", ""]) {
      const wire = bytes(`08 ${count} 0001 61 05 0001 62 0101 ${end}`);
      const [value] = decodeAmf0(wire);
      assert.deepEqual(
        [...(amfEntries(value ?? null) ?? [])],
        [
          ["a", null],
          ["b", true],
        ],
      );
    }
  }
});

test("A4-05: nested objects without end markers at the message's end", () => {
  assert.deepEqual(decodeAmf0(bytes("03 0001 61 03 0001 62 05")), [
    new Map([["a", new Map([["b", null]])]]),
  ]);
});

test("A4-06: an end marker's bytes inside a string are text", () => {
  const value = new Map<string, AmfValue>([
    ["a", "\u0000\u0000\t"],
    ["\u0000\u0000\t", "x"],
  ]);
  assert.deepEqual(decodeAmf0(encodeAmf0(value, 7)), [value, 7]);
});

test("A4-11: references decode to null", () => {
  assert.deepEqual(decodeAmf0(bytes("03 0001 61 07 0000 000009 07 ffff")), [
    new Map([["a", null]]),
    null,
  ]);
});

test("A4-13: keys of JavaScript's own are only keys; an empty key is a property; the last duplicate wins", () => {
  const keys = ["__proto__", "constructor", "hasOwnProperty", "", "a", "a"];
  const encoder = new Amf0Encoder().object(keys.map((key, index) => [key, index] as const));
  const [value] = decodeAmf0(encoder.finish());
  assert.ok(value instanceof Map);
  assert.deepEqual(
    [...value],
    [
      ["__proto__", 0],
      ["constructor", 1],
      ["hasOwnProperty", 2],
      ["", 3],
      ["a", 5],
    ],
  );
  assert.equal(Object.hasOwn(Object.prototype, "a"), false);
});

test("A4-16: invalid UTF-8 is replaced; a byte order mark, NUL and bidi marks stay", () => {
  assert.deepEqual(decodeAmf0(bytes("02 0003 61ff62")), ["a\ufffdb"]);
  assert.deepEqual(decodeAmf0(bytes("02 0003 eda080")), ["\ufffd\ufffd\ufffd"]);
  assert.deepEqual(decodeAmf0(bytes("02 0002 c080")), ["\ufffd\ufffd"]);
  for (const text of ["\ufeffx", "\ufeff", "a\u0000b", "a\u202eb", "日本", "😀"]) {
    assert.deepEqual(decodeAmf0(encodeAmf0(text)), [text]);
  }
});

const refused: readonly (readonly [string, string, string])[] = [
  ["A4-07 string beyond the end", "02 0005 61", "ERR_AMF_SHORT"],
  ["A4-07 name beyond the end", "03 00ff 61", "ERR_AMF_SHORT"],
  ["A4-08 long string of 4 GiB", "0c ffffffff 61", "ERR_AMF_SHORT"],
  ["A4-08 XML of 4 GiB", "0f ffffffff 61", "ERR_AMF_SHORT"],
  ["A4-03 strict array of 2^31", "0a 7fffffff", "ERR_AMF_SHORT"],
  ["A4-03 strict array of 2^32-1", "0a ffffffff 05 05", "ERR_AMF_SHORT"],
  ["number cut", "00 3ff00000", "ERR_AMF_SHORT"],
  ["boolean cut", "01", "ERR_AMF_SHORT"],
  ["date cut", "0b 4270000000000000 ff", "ERR_AMF_SHORT"],
  ["value missing behind a name", "03 0001 61", "ERR_AMF_SHORT"],
  ["nothing", "", "ERR_AMF_SHORT"],
  ["A4-10 movie clip", "04", "ERR_AMF_MARKER"],
  ["A4-10 object end as a value", "09", "ERR_AMF_MARKER"],
  ["A4-10 unsupported", "0d", "ERR_AMF_MARKER"],
  ["A4-10 record set", "0e", "ERR_AMF_MARKER"],
  ["A4-10 marker 0x12", "12", "ERR_AMF_MARKER"],
  ["A4-10 marker 0xff", "ff", "ERR_AMF_MARKER"],
];
for (const [name, wire, code] of refused) {
  test(`${name}: ${code}`, () => {
    assert.throws(
      () => new Amf0Decoder(bytes(wire)).readValue(),
      (error: unknown) => error instanceof ProtocolError && error.code === code,
    );
  });
}

/** `depth` containers one in another, with null inside; the unclosed end is legal at a message's end. */
function nested(open: string, depth: number): Uint8Array {
  return bytes(`${open.repeat(depth)}05`);
}

const opens: readonly (readonly [string, string])[] = [
  ["object", "03 0001 61"],
  ["associative array", "08 00000000 0001 61"],
  ["strict array", "0a 00000001"],
  ["typed object", "10 0000 0001 61"],
];
for (const [name, open] of opens) {
  test(`A4-01, A4-02: ${name} nested 16 deep is taken, 17 to 100000 are refused, ten times over`, () => {
    assert.equal(decodeAmf0(nested(open, 16)).length, 1);
    for (const depth of [17, 500, 1000, 100_000]) {
      const wire = nested(open, depth);
      for (let round = 0; round < 10; round++) {
        assert.throws(
          () => decodeAmf0(wire),
          (error: unknown) => error instanceof ProtocolError && error.code === "ERR_AMF_DEPTH",
        );
      }
    }
  });
}

test("A4-02: mixed AMF0 and AMF3 nesting shares one depth", () => {
  const ten = "03 0001 61".repeat(10);
  const inAmf3 = (depth: number): Uint8Array => bytes(`${ten} 11 ${"09 03 01".repeat(depth)} 01`);
  assert.equal(decodeAmf0(inAmf3(6)).length, 1);
  assert.throws(
    () => decodeAmf0(inAmf3(7)),
    (error: unknown) => error instanceof ProtocolError && error.code === "ERR_AMF_DEPTH",
  );
});

test("A4-14: more than 4096 values in a message are refused, over all its values", () => {
  const many = (count: number): Uint8Array =>
    new Amf0Encoder()
      .object(Array.from({ length: count }, (_, index) => [`${index}`, null] as const))
      .finish();
  assert.equal(decodeAmf0(many(4095)).length, 1);
  for (const wire of [many(4096), many(10_000), new Uint8Array(5000).fill(5)]) {
    assert.throws(
      () => decodeAmf0(wire),
      (error: unknown) => error instanceof ProtocolError && error.code === "ERR_AMF_VALUES",
    );
  }
});

test("A4-09: a string beyond 64 KiB is refused", () => {
  assert.throws(
    () => decodeAmf0(encodeAmf0("a".repeat(65_537))),
    (error: unknown) => error instanceof ProtocolError && error.code === "ERR_AMF_STRING",
  );
});

test("A4-19: values are read one by one, so that what follows is never looked at", () => {
  const decoder = new Amf0Decoder(bytes("ff 02 0001 61 05 ff ff"), 1);
  assert.equal(decoder.readValue(), "a");
  assert.equal(decoder.readValue(), null);
  assert.equal(decoder.offset, 6);
  assert.ok(decoder.hasMore);
});

test("a peer's name that grows when its bytes are replaced is cut at a character, not at a wrong length", () => {
  const value = new Map<string, AmfValue>([
    ["\ufffd".repeat(65_000), 1],
    ["b", 2],
  ]);
  const [back] = decodeAmf0(encodeAmf0(value));
  assert.ok(back instanceof Map);
  assert.deepEqual([...back.values()], [1, 2]);
  assert.equal([...back.keys()][0], "\ufffd".repeat(21_845));
});
