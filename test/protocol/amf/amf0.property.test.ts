import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AmfObject, AmfValue } from "../../../src/protocol/amf/amf-value.ts";
import { decodeAmf0 } from "../../../src/protocol/amf/amf0-decoder.ts";
import { encodeAmf0 } from "../../../src/protocol/amf/amf0-encoder.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";

/** Well-formed text: a lone surrogate cannot be written in UTF-8. */
const text = fc.string({ unit: "binary", maxLength: 20 });
/** Prototypes as the decoder makes them; fast-check also makes records without. */
const plainObjects = { noNullPrototype: true } as const;

const plain: fc.Arbitrary<AmfValue> = fc.oneof(
  fc.double(),
  fc.boolean(),
  text,
  fc.constantFrom(null, undefined),
  fc.record(
    {
      kind: fc.constant("date" as const),
      timeMs: fc.double(),
      timeZoneMinutes: fc.integer({ min: -32_768, max: 32_767 }),
    },
    plainObjects,
  ),
  fc.record({ kind: fc.constant("xml" as const), text }, plainObjects),
);

function entriesOf(value: fc.Arbitrary<AmfValue>): fc.Arbitrary<AmfObject> {
  return fc.array(fc.tuple(text, value), { maxLength: 4 }).map((pairs) => new Map(pairs));
}

function amfValue(depth: number): fc.Arbitrary<AmfValue> {
  if (depth === 0) {
    return plain;
  }
  const inner = amfValue(depth - 1);
  const kind = fc.constantFrom("ecma-array" as const);
  const typed = fc.constantFrom("typed-object" as const);
  return fc.oneof(
    plain,
    fc.array(inner, { maxLength: 4 }),
    entriesOf(inner),
    fc.record({ kind, entries: entriesOf(inner) }, plainObjects),
    fc.record({ kind: typed, className: text, entries: entriesOf(inner) }, plainObjects),
  );
}

test("decode(encode(x)) = x", { timeout: 20_000 }, () => {
  fc.assert(
    fc.property(fc.array(amfValue(4), { maxLength: 4 }), (values) => {
      assert.deepEqual(decodeAmf0(encodeAmf0(...values)), values);
    }),
    { numRuns: 500, seed: 3 },
  );
});

test("every cut of a message decodes or is a protocol error", { timeout: 20_000 }, () => {
  fc.assert(
    fc.property(amfValue(3), (value) => {
      const wire = encodeAmf0(value);
      for (let length = 0; length < wire.length; length++) {
        try {
          decodeAmf0(wire.subarray(0, length));
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }
    }),
    { numRuns: 200, seed: 4 },
  );
});
