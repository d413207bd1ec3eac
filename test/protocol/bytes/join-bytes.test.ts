/** Parts made into one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { joinBytes } from "../../../src/protocol/bytes/join-bytes.ts";

test("parts come one after the other, in memory of their own", () => {
  const whole = Uint8Array.of(9, 1, 2, 9);
  const part = whole.subarray(1, 3);
  const joined = joinBytes([part, new Uint8Array(0), Buffer.from([3]), part]);
  assert.deepEqual(joined, Uint8Array.of(1, 2, 3, 1, 2));
  assert.equal(joined.buffer.byteLength, 5);
  assert.deepEqual(joinBytes([]), new Uint8Array(0));
});
