import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { newFrameRef } from "../../../src/protocol/ring/frame-index.ts";
import { formatRing, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import { MessageMaker } from "./ring-messages.ts";

const WRAP = 128 * 1024;
const FRAMES_MAX = 768;

interface Written {
  readonly position: number;
  readonly length: number;
  readonly number: number;
}

/** Counters anywhere, and mostly about to go over 2^31 or 2^32. */
const counters = fc.oneof(
  fc.integer({ min: -200_000, max: 200_000 }),
  fc.integer({ min: 0x7f_ff_ff_ff - 200_000, max: 0x7f_ff_ff_ff }),
  fc.integer({ min: -0x80_00_00_00, max: 0x7f_ff_ff_ff }),
);
const frameCounters = fc.oneof(
  fc.integer({ min: -900, max: 900 }),
  fc.integer({ min: 0x7f_ff_ff_ff - 900, max: 0x7f_ff_ff_ff }),
);

const sab = new SharedArrayBuffer(ringSizeBytes(WRAP));
const frame = newFrameRef();

function open(start: number, startFrame: number): { writer: RingWriter; reader: RingReader } {
  formatRing(sab, WRAP, start, startFrame);
  return { writer: new RingWriter(sab, { id: 1, chunkSize: 128 }), reader: new RingReader(sab) };
}

/** Everything a reader can say about one message agrees with what was written. */
function compare(reader: RingReader, message: Written, maker: MessageMaker): boolean {
  const age = (reader.frameCount - message.number) >>> 0;
  const isThere = (reader.reserved - message.position) >>> 0 <= WRAP && age <= FRAMES_MAX;
  const middle = (message.position + (message.length >>> 1)) | 0;
  const last = (message.position + message.length - 1) | 0;
  const end = (message.position + message.length) | 0;
  assert.equal(reader.readFrame(message.number, frame), isThere);
  for (const position of [message.position, middle, last]) {
    assert.equal(reader.frameAt(position), isThere ? message.number >>> 0 : -1);
    const expected = position === message.position ? position : end;
    assert.equal(reader.messageEnd(position), isThere ? expected : null);
  }
  if (isThere) {
    const bytes = new Uint8Array(message.length);
    assert.deepEqual([frame.position, frame.length], [message.position, message.length]);
    assert.equal(reader.read(message.position, message.length, bytes, 0), true);
    assert.deepEqual(maker.decode(bytes), [message.number >>> 0]);
  }
  return isThere;
}

function check(maker: MessageMaker, start: number, startFrame: number, count: number): void {
  const { writer, reader } = open(start, startFrame);
  const written: Written[] = [];
  for (let at = 0; at < count; at++) {
    const number = (startFrame + at) | 0;
    written.push({ position: writer.head, length: maker.lengthOf(number), number });
    maker.append(writer, number, at % 10 === 0);
  }
  let there = 0;
  for (const message of written) {
    there += compare(reader, message, maker) ? 1 : 0;
  }
  assert.equal(there, (reader.frameCount - reader.oldestFrame) >>> 0);
  assert.equal(
    reader.head,
    written.reduce((sum, message) => (sum + message.length) | 0, start),
  );
  const isAnyThere = written.length > 0;
  assert.equal(there > 0, isAnyThere);
}

test("what a reader finds is what was written, large messages, counters over 2^32", {
  timeout: 20_000,
}, () => {
  const maker = new MessageMaker(12, WRAP / 4);
  fc.assert(
    fc.property(counters, frameCounters, fc.nat({ max: 40 }), (start, startFrame, count) => {
      check(maker, start, startFrame, count);
    }),
    { numRuns: 100 },
  );
});

test("what a reader finds is what was written, small messages, index lapped", {
  timeout: 20_000,
}, () => {
  const maker = new MessageMaker(12, 60);
  fc.assert(
    fc.property(
      counters,
      frameCounters,
      fc.integer({ min: 500, max: 3000 }),
      (start, startFrame, count) => {
        check(maker, start, startFrame, count);
      },
    ),
    { numRuns: 10 },
  );
});

test("parts cut anywhere give the same bytes", { timeout: 20_000 }, () => {
  const lengths = fc.array(fc.nat({ max: 70 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(counters, lengths, fc.nat({ max: 9 }), (start, parts, skip) => {
      const { writer, reader } = open(start, 0);
      const length = parts.reduce((sum, part) => sum + part, 0);
      fc.pre(length > 0);
      const source = Uint8Array.from({ length: skip + length }, (_, at) => at * 7 + 1);
      writer.begin(length);
      let at = skip;
      for (const part of parts) {
        writer.put(source, at, at + part);
        at += part;
      }
      writer.commit({ kind: 0, timestamp: 0, isKeyframe: false });
      const target = new Uint8Array(length);
      assert.equal(reader.read(start, length, target, 0), true);
      assert.deepEqual(target, source.slice(skip));
    }),
    { numRuns: 300 },
  );
});
