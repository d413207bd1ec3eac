/** Leases of rings: counted once for each that was sent, taken back with the last. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { forgetMemory } from "../../../src/main/accept/native.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import { RingState } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";

const WRAP = 128 * 1024;

test("a ring comes back with the last lease of the last thread", () => {
  const pool = new RingPool(10 * WRAP);
  const lease = pool.lend(WRAP, 0);
  assert.ok(lease);
  const { ringId, memory } = lease;
  assert.equal(pool.share(ringId, 0)?.memory, memory);
  assert.equal(pool.share(ringId, 1)?.memory, memory);
  pool.release(ringId, 0);
  pool.release(ringId, 1);
  assert.deepEqual([pool.lentCount, pool.lentBytes, pool.freeCount], [1, WRAP, 0]);
  // More than was sent is let go of: nothing happens.
  pool.release(ringId, 1);
  pool.release(ringId, 7);
  assert.equal(pool.lentCount, 1);
  pool.release(ringId, 0);
  assert.deepEqual([pool.lentCount, pool.lentBytes, pool.freeCount], [0, 0, 1]);
  assert.equal(pool.share(ringId, 0), null);
  assert.equal(pool.readerOf(ringId), undefined);
  const again = pool.lend(WRAP, 2);
  assert.equal(again?.memory, memory);
  assert.notEqual(again?.ringId, ringId);
});

test("a waiting ring keeps where it counts on from, and no other page", { timeout: 10_000 }, () => {
  const pool = new RingPool(10 * WRAP, forgetMemory);
  const lease = pool.lend(WRAP, 0);
  assert.ok(lease);
  const { ringId, memory } = lease;
  const message = new Uint8Array(WRAP / 4).fill(0xee);
  const writer = new RingWriter(memory, { id: ringId, chunkSize: 128 });
  for (let number = 0; number < 4; number += 1) {
    writer.begin(message.length);
    writer.put(message, 0, message.length);
    writer.commit({ kind: 1, timestamp: 0, isKeyframe: false });
  }
  const { head } = writer;
  const full = (): number => new Uint8Array(memory).filter((byte) => byte === 0xee).length;
  assert.ok(full() >= WRAP);
  pool.release(ringId, 0);
  assert.ok(full() < 2 * 64 * 1024, `${full()} bytes are still there`);
  const again = pool.lend(WRAP, 0);
  assert.equal(again?.memory, memory);
  const next = new RingWriter(memory, { id: 2, chunkSize: 128 });
  assert.ok(((next.head - head) | 0) >= WRAP);
});

test("a ring is not written as watched by a reader that died", () => {
  const pool = new RingPool(10 * WRAP);
  const lease = pool.lend(WRAP, 0);
  assert.ok(lease);
  const { ringId, memory } = lease;
  const writer = new RingWriter(memory, { id: ringId, chunkSize: 128 });
  const reader = new RingReader(memory);
  for (const thread of [1, 33]) {
    pool.share(ringId, thread);
    reader.setReader(thread, true);
  }
  pool.releaseThread(1);
  assert.deepEqual([writer.readerMask(0), writer.readerMask(1)], [0, 2]);
  assert.equal(reader.state, RingState.Open, "its writer lives");
  pool.releaseThread(33);
  assert.equal(writer.hasReaders, false);
});

test("the budget holds for lent and waiting rings together", () => {
  const pool = new RingPool(8 * WRAP);
  const small = Array.from({ length: 8 }, () => pool.lend(WRAP, 0));
  assert.equal(pool.lend(WRAP, 0), null);
  for (const lease of small) {
    pool.release(lease?.ringId ?? 0, 0);
  }
  assert.equal(pool.freeCount, 8);
  // A larger one takes the place of four that wait.
  assert.ok(pool.lend(4 * WRAP, 0));
  assert.equal(pool.freeCount, 4);
  assert.ok(pool.lend(4 * WRAP, 0));
  assert.equal(pool.freeCount, 0);
  assert.equal(pool.lend(WRAP, 0), null);
});

/** One step of a run: `ring` picks among the leases that are out. */
interface Step {
  readonly kind: "lend" | "share" | "release" | "die";
  readonly thread: number;
  readonly ring: number;
  readonly wrap: number;
}

/** A pool and the list of leases that a correct one has out. */
class Run {
  readonly pool = new RingPool(6 * WRAP);
  out: { readonly ringId: number; readonly thread: number }[] = [];

  take({ kind, thread, ring, wrap }: Step): void {
    if (kind === "lend") {
      const lease = this.pool.lend(wrap, thread);
      this.out.push(...(lease === null ? [] : [{ ringId: lease.ringId, thread }]));
    } else if (kind === "die") {
      this.pool.releaseThread(thread);
      this.out = this.out.filter((one) => one.thread !== thread);
    } else {
      this.#takeKnown(kind, thread, ring);
    }
  }

  #takeKnown(kind: "share" | "release", thread: number, ring: number): void {
    const known = this.out[ring];
    if (known === undefined) {
      return;
    }
    if (kind === "share") {
      assert.ok(this.pool.share(known.ringId, thread));
      this.out.push({ ringId: known.ringId, thread });
    } else {
      this.pool.release(known.ringId, known.thread);
      this.out.splice(ring, 1);
    }
  }

  check(): void {
    assert.equal(this.pool.lentCount, new Set(this.out.map(({ ringId }) => ringId)).size);
    assert.ok(this.pool.lentBytes <= 6 * WRAP);
  }
}

test("after any order of lending, sharing, letting go and dying nothing is out and nothing is counted", () => {
  const step = fc.record({
    kind: fc.constantFrom("lend", "share", "release", "die"),
    thread: fc.nat(3),
    ring: fc.nat(5),
    wrap: fc.constantFrom(WRAP, 2 * WRAP),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const run = new Run();
      for (const one of steps) {
        run.take(one);
        run.check();
      }
      for (const { ringId, thread } of run.out) {
        run.pool.release(ringId, thread);
      }
      assert.deepEqual([run.pool.lentCount, run.pool.lentBytes], [0, 0]);
    }),
    { numRuns: 200 },
  );
});
