import assert from "node:assert/strict";
import { test } from "node:test";
import { type AmfValue, amfEntries } from "../../src/protocol/amf/amf-value.ts";
import { decodeAmf0 } from "../../src/protocol/amf/amf0-decoder.ts";
import { encodeAmf0 } from "../../src/protocol/amf/amf0-encoder.ts";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { AMF_DEPTH_MAX, AMF_VALUES_MAX } from "../../src/protocol/limits.ts";
import { fuzz, readSeeds } from "./mutator.ts";

function decodeOrCode(bytes: Uint8Array): AmfValue[] | string {
  try {
    return decodeAmf0(bytes);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, `${error}`);
    assert.match(error.code, /^ERR_AMF_/);
    return error.code;
  }
}

/** Values in a tree, of at most the depth that the decoder promises; a cycle would never end here. */
function countValues(value: AmfValue, depth: number): number {
  assert.ok(depth <= AMF_DEPTH_MAX);
  const inner = Array.isArray(value) ? value : [...(amfEntries(value)?.values() ?? [])];
  return inner.reduce((sum: number, item) => sum + countValues(item, depth + 1), 1);
}

test("A4: any bytes give bounded values or a protocol error", { timeout: 60_000 }, () => {
  const ends = new Map<string, number>();
  fuzz("amf", 10_000, (bytes) => {
    const values = decodeOrCode(bytes);
    const end = typeof values === "string" ? values : "values";
    ends.set(end, (ends.get(end) ?? 0) + 1);
    if (typeof values === "string") {
      return;
    }
    assert.ok(
      values.reduce((sum: number, value) => sum + countValues(value, 0), 0) <= AMF_VALUES_MAX,
    );
    // Byte arrays have no form in AMF0, so the first writing may lose them; what was written stays.
    const once = decodeAmf0(encodeAmf0(...values));
    assert.deepEqual(decodeAmf0(encodeAmf0(...once)), once);
  });
  for (const end of [
    "values",
    "ERR_AMF_SHORT",
    "ERR_AMF_MARKER",
    "ERR_AMF_DEPTH",
    "ERR_AMF_REFERENCE",
  ]) {
    assert.ok((ends.get(end) ?? 0) > 0, `no input ends in ${end}: ${JSON.stringify([...ends])}`);
  }
});

test("the corpus files that are named so still decode", () => {
  for (const { name, bytes } of readSeeds("amf")) {
    const isRefused = name.startsWith("refused-");
    assert.equal(typeof decodeOrCode(bytes) === "string", isRefused, name);
  }
});
