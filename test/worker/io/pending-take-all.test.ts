import assert from "node:assert/strict";
import { test } from "node:test";
import { Pending } from "../../../src/worker/io/pending.ts";

test("all that is left is taken in order, and shared messages are let go", () => {
  const shared = { bytes: new Uint8Array([1, 2, 3, 4]), users: 0 };
  const pending = new Pending();
  pending.addShared(shared, 1);
  pending.add(new Uint8Array([5, 6, 7]), 1);
  pending.drop(1);
  assert.deepEqual([...pending.takeAll()], [3, 4, 6, 7]);
  assert.deepEqual([pending.isEmpty, shared.users], [true, 0]);
  assert.equal(pending.takeAll().length, 0);
});
