/** Whose bell a writer rings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Doorbell } from "../../src/protocol/ring/doorbell.ts";
import { formatRing, ringSizeBytes } from "../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../src/protocol/ring/ring-writer.ts";
import { wakeReaders } from "../../src/worker/wake-readers.ts";

const WRAP = 128 * 1024;

for (const threads of [2, 32, 33, 64]) {
  test(`each reader of ${threads} threads is rung, the own thread is told instead`, {
    timeout: 10_000,
  }, () => {
    const memory = new SharedArrayBuffer(ringSizeBytes(WRAP));
    formatRing(memory, WRAP);
    const writer = new RingWriter(memory, { id: 1, chunkSize: 128 });
    const reader = new RingReader(memory);
    const bell = new Doorbell(new SharedArrayBuffer(Doorbell.bytes(threads)));
    const rung = (): number[] => Array.from({ length: threads }, (_, one) => bell.value(one));
    assert.equal(wakeReaders(writer, bell, 0), false);
    assert.ok(rung().every((times) => times === 0));

    reader.setReader(threads - 1, true);
    assert.equal(wakeReaders(writer, bell, 0), false);
    assert.deepEqual(
      rung().map((times, thread) => (times === 1 ? thread : -1)),
      rung().map((_, thread) => (thread === threads - 1 ? thread : -1)),
    );

    reader.setReader(0, true);
    assert.equal(wakeReaders(writer, bell, 0), true);
    assert.deepEqual([bell.value(0), bell.value(threads - 1)], [0, 2]);
  });
}
