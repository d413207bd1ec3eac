/** Headers for a frame: its own as long as they are kept, then the newest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { formatRing, HEADER_SLOTS, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";

test("headers that a slot lost give way to the newest", () => {
  const wrap = 128 * 1024;
  const memory = new SharedArrayBuffer(ringSizeBytes(wrap));
  formatRing(memory, wrap);
  const writer = new RingWriter(memory, { id: 1, chunkSize: 128 });
  const reader = new RingReader(memory);
  assert.deepEqual(reader.headersAt(0), new Uint8Array(0));
  const version = writer.setHeaders(Uint8Array.of(1));
  for (let change = 2; change <= HEADER_SLOTS; change += 1) {
    writer.setHeaders(Uint8Array.of(change));
    assert.deepEqual(reader.headersAt(version), Uint8Array.of(1));
  }
  writer.setHeaders(Uint8Array.of(99));
  assert.equal(reader.readHeaders(version), null);
  assert.deepEqual(reader.headersAt(version), Uint8Array.of(99));
});
