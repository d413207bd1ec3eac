import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CONTROL_BACKLOG_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { Pending } from "../../../src/worker/io/pending.ts";

test("leaves as it came, however it is taken; shared bytes are counted", {
  timeout: 60_000,
}, () => {
  const segment = fc.record({
    bytes: fc.uint8Array({ maxLength: 40 }),
    skip: fc.nat(40),
    isShared: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(segment, { maxLength: 30 }),
      fc.array(fc.nat(60), { minLength: 1 }),
      (all, takes) => {
        const pending = new Pending();
        const expected: Uint8Array[] = [];
        const shared = { bytes: new Uint8Array(50).map((_, at) => at), users: 0 };
        for (const { bytes, skip, isShared } of all) {
          const offset = Math.min(skip, bytes.length);
          if (isShared) {
            pending.addShared(shared, skip);
            expected.push(shared.bytes.slice(skip));
          } else {
            assert.equal(pending.add(bytes, offset), true);
            expected.push(bytes.slice(offset));
            bytes.fill(0);
          }
        }
        assert.equal(shared.users, all.filter(({ isShared }) => isShared).length);
        const got: Uint8Array[] = [];
        const target = new Uint8Array(64);
        for (let at = 0; !pending.isEmpty && at < 10_000; at += 1) {
          const peeked = pending.peek(target);
          const taken = Math.min(peeked, (takes[at % takes.length] ?? 0) + (at % 2));
          got.push(target.slice(0, taken));
          pending.drop(taken);
        }
        assert.ok(Buffer.concat(got).equals(Buffer.concat(expected)));
        assert.equal(shared.users, 0);
      },
    ),
  );
});

test("replies behind others are bounded, until it was empty; a preamble of any size is not refused", () => {
  const pending = new Pending();
  assert.equal(pending.add(new Uint8Array(1_000_000), 0), true);
  let added = 0;
  while (pending.add(new Uint8Array(1000), 0)) {
    added += 1000;
    assert.ok(added <= CONTROL_BACKLOG_BYTES_MAX + 2000);
  }
  assert.ok(added > CONTROL_BACKLOG_BYTES_MAX);
  pending.drop(1_000_000 + added);
  assert.equal(pending.isEmpty, true);
  assert.equal(pending.add(new Uint8Array(1000), 0), true);
});

test("clearing lets shared bytes go", () => {
  const pending = new Pending();
  const shared = { bytes: new Uint8Array(9), users: 0 };
  pending.addShared(shared, 0);
  pending.addShared(shared, 3);
  pending.drop(12);
  assert.equal(shared.users, 1);
  pending.clear();
  assert.equal(shared.users, 0);
  assert.equal(pending.isEmpty, true);
});
