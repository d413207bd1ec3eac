import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InvariantError } from "../../../src/protocol/errors.ts";
import {
  type FrameRef,
  type KeyframeRef,
  newFrameRef,
  newKeyframeRef,
} from "../../../src/protocol/ring/frame-index.ts";
import {
  formatRing,
  NO_RING,
  RingState,
  ringSizeBytes,
} from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import { MessageMaker } from "./ring-messages.ts";

const WRAP = 128 * 1024;
const maker = new MessageMaker(40, 400);
const INTER = { kind: 2, timestamp: 0, isKeyframe: false };

function makeRing(wrap = WRAP, start = 0, chunkSize = 60_000, id = 1) {
  const sab = new SharedArrayBuffer(ringSizeBytes(wrap));
  formatRing(sab, wrap, start);
  return { sab, writer: new RingWriter(sab, { id, chunkSize }), reader: new RingReader(sab) };
}

function appendBytes(writer: RingWriter, length: number, isKeyframe = false): void {
  writer.begin(length);
  writer.put(new Uint8Array(length).fill(length), 0, length);
  writer.commit({ kind: 3, timestamp: length, isKeyframe });
}

function keyframe(): KeyframeRef {
  return newKeyframeRef();
}

function frame(): FrameRef {
  return newFrameRef();
}

describe("writer invariants", () => {
  const cases: [string, (writer: RingWriter, sab: SharedArrayBuffer) => void][] = [
    ["a second writer", (_writer, sab) => new RingWriter(sab, { id: 2, chunkSize: 128 })],
    ["begin within a message", (writer) => [writer.begin(4), writer.begin(4)]],
    ["an empty message", (writer) => writer.begin(0)],
    ["a message over a quarter", (writer) => writer.begin(WRAP / 4 + 1)],
    ["put before begin", (writer) => writer.put(new Uint8Array(1), 0, 1)],
    ["put past the length", (writer) => [writer.begin(4), writer.put(new Uint8Array(5), 0, 5)]],
    [
      "put past the length in two",
      (writer) => [
        writer.begin(4),
        writer.put(new Uint8Array(3), 0, 3),
        writer.put(new Uint8Array(3), 0, 2),
      ],
    ],
    ["put past its source", (writer) => [writer.begin(9), writer.put(new Uint8Array(5), 1, 6)]],
    [
      "a negative put",
      (writer) => [
        writer.begin(9),
        writer.put(new Uint8Array(5), 0, 5),
        writer.put(new Uint8Array(5), 3, 1),
      ],
    ],
    ["commit before begin", (writer) => writer.commit(INTER)],
    [
      "commit of half a message",
      (writer) => [writer.begin(4), writer.put(new Uint8Array(3), 0, 3), writer.commit(INTER)],
    ],
    [
      "a kind out of range",
      (writer) => [
        writer.begin(1),
        writer.put(new Uint8Array(1), 0, 1),
        writer.commit({ ...INTER, kind: 65_536 }),
      ],
    ],
    [
      "headers within a message",
      (writer) => [writer.begin(4), writer.setHeaders(new Uint8Array(1))],
    ],
    ["an end as open", (writer) => writer.end(RingState.Open)],
    ["a second end", (writer) => [writer.end(RingState.Ended), writer.end(RingState.Moved)]],
    ["a message after the end", (writer) => [writer.end(RingState.Ended), writer.begin(1)]],
    [
      "a message after it was copied",
      (writer) => [makeRing().writer.copyTail(writer), writer.begin(1)],
    ],
    ["a copy onto itself", (writer) => writer.copyTail(writer)],
    [
      "a copy into a ring in use",
      (writer) => [appendBytes(writer, 1), writer.copyTail(makeRing().writer)],
    ],
    ["a word of reader bits out of range", (writer) => writer.readerMask(8)],
  ];
  for (const [name, breakIt] of cases) {
    test(`${name} is an InvariantError`, () => {
      const { writer, sab } = makeRing();
      assert.throws(() => breakIt(writer, sab), InvariantError);
    });
  }

  test("a ring that was never formatted has no writer and no reader", () => {
    const sab = new SharedArrayBuffer(ringSizeBytes(WRAP));
    assert.throws(() => new RingWriter(sab, { id: 1, chunkSize: 1 }), InvariantError);
    assert.throws(() => new RingReader(sab), InvariantError);
  });

  test("ids and chunk sizes count from 1", () => {
    const sab = new SharedArrayBuffer(ringSizeBytes(WRAP));
    formatRing(sab, WRAP);
    assert.throws(() => new RingWriter(sab, { id: NO_RING, chunkSize: 1 }), InvariantError);
    assert.throws(() => new RingWriter(sab, { id: 1, chunkSize: 0 }), InvariantError);
  });
});

describe("publication", () => {
  test("reserved moves before the first byte, head after commit", () => {
    const { writer, reader } = makeRing();
    writer.begin(100);
    assert.deepEqual([reader.reserved, reader.head, reader.frameCount], [100, 0, 0]);
    writer.put(new Uint8Array(100), 0, 100);
    assert.equal(reader.head, 0);
    writer.commit(INTER);
    assert.deepEqual([reader.reserved, reader.head, reader.frameCount], [100, 100, 1]);
    assert.equal(writer.head, 100);
  });

  test("parts of sources land in order, across the wrap", () => {
    const { writer, reader } = makeRing(WRAP, WRAP - 5);
    const source = Uint8Array.from({ length: 40 }, (_, at) => at);
    writer.begin(31);
    writer.put(source, 3, 20);
    writer.put(source, 20, 20);
    writer.put(source, 20, 34);
    writer.commit(INTER);
    const target = new Uint8Array(33);
    assert.equal(reader.read(WRAP - 5, 31, target, 1), true);
    assert.deepEqual([...target.subarray(1, 32)], [...source.subarray(3, 34)]);
  });

  test("an entry keeps kind, timestamp, keyframe and header version", () => {
    const { writer, reader } = makeRing();
    appendBytes(writer, 7);
    writer.setHeaders(Uint8Array.of(1));
    writer.begin(2);
    writer.put(Uint8Array.of(1, 2), 0, 2);
    writer.commit({ kind: 65_535, timestamp: 0xff_ff_ff_f0, isKeyframe: true });
    const out = frame();
    assert.equal(reader.readFrame(1, out), true);
    assert.deepEqual(out, {
      position: 7,
      length: 2,
      timestamp: 0xff_ff_ff_f0,
      kind: 65_535,
      headerVersion: 1,
      isKeyframe: true,
    });
    assert.equal(reader.readFrame(0, out), true);
    assert.deepEqual([out.headerVersion, out.isKeyframe, out.kind], [0, false, 3]);
    assert.equal(reader.readFrame(2, out), false);
  });

  test("fits says what begin takes", () => {
    const { writer } = makeRing();
    assert.equal(writer.fits(WRAP / 4), true);
    assert.equal(writer.fits(WRAP / 4 + 1), false);
    writer.begin(WRAP / 4);
  });
});

describe("headers", () => {
  test("four versions are kept, older ones are null", () => {
    const { writer, reader } = makeRing();
    assert.deepEqual(reader.readHeaders(0), new Uint8Array(0));
    for (let version = 1; version <= 6; version++) {
      assert.equal(reader.readHeaders(version), null);
      assert.equal(writer.setHeaders(new Uint8Array(version).fill(version)), version);
      assert.equal(writer.headerVersion, version);
      assert.equal(reader.headerVersion, version);
    }
    assert.equal(reader.readHeaders(2), null);
    for (let version = 3; version <= 6; version++) {
      assert.deepEqual(reader.readHeaders(version), new Uint8Array(version).fill(version));
    }
  });

  test("headers larger than a slot are refused and change nothing", () => {
    const { writer, reader } = makeRing();
    assert.equal(writer.setHeaders(new Uint8Array(WRAP / 8)), 1);
    assert.equal(writer.setHeaders(new Uint8Array(WRAP / 8 + 1)), -1);
    assert.equal(writer.headerVersion, 1);
    assert.equal(reader.readHeaders(1)?.length, WRAP / 8);
  });
});

describe("copyTail", () => {
  test("the current GOP, its headers and its time line go into the successor", () => {
    const old = makeRing(WRAP, WRAP - 300);
    old.writer.setHeaders(Uint8Array.of(1, 1));
    for (let number = 0; number < 20; number++) {
      if (number === 15) {
        old.writer.setHeaders(Uint8Array.of(2, 2, 2));
      }
      maker.append(old.writer, number, number % 12 === 0);
    }
    old.writer.setLastTimestamps(0xff_ff_ff_ff, 5);
    old.writer.setBytesPerSecond(1234);
    const next = makeRing(2 * WRAP, 2 * WRAP - 100, 60_000, 2);
    next.writer.copyTail(old.writer);
    old.writer.end(RingState.Moved, 2);
    maker.append(next.writer, 20, false);

    const { reader } = next;
    assert.deepEqual([old.reader.state, old.reader.successorId], [RingState.Moved, 2]);
    assert.equal(reader.lastTimestamp("audio"), 0xff_ff_ff_ff);
    assert.equal(reader.lastTimestamp("video"), 5);
    assert.equal(reader.bytesPerSecond, 1234);
    const start = keyframe();
    assert.equal(reader.newestKeyframe(start), true);
    assert.equal(start.position, 2 * WRAP - 100);
    assert.equal(start.timestamp, 12 * 40);
    const length = reader.head - start.position;
    const bytes = new Uint8Array(length);
    assert.equal(reader.read(start.position, length, bytes, 0), true);
    assert.deepEqual(maker.decode(bytes), [12, 13, 14, 15, 16, 17, 18, 19, 20]);
    assert.equal(reader.followFrom, reader.head - maker.lengthOf(20));
    assert.equal(reader.followFromFrame, 8);
    assert.equal(reader.frameAt(reader.followFrom), 8);
    const out = frame();
    assert.equal(reader.readFrame(2, out), true);
    assert.equal(out.headerVersion, 1);
    assert.equal(reader.readFrame(3, out), true);
    assert.equal(out.headerVersion, 2);
    assert.deepEqual(reader.readHeaders(1), Uint8Array.of(1, 1));
    assert.deepEqual(reader.readHeaders(2), Uint8Array.of(2, 2, 2));
    assert.equal(next.writer.setHeaders(Uint8Array.of(3)), 3);
  });

  test("all: older GOPs as well", () => {
    const old = makeRing();
    for (let number = 0; number < 20; number++) {
      maker.append(old.writer, number, number % 4 === 1);
    }
    const { writer, reader } = makeRing(WRAP, 77, 60_000, 2);
    writer.copyTail(old.writer, "all");
    const oldest = keyframe();
    assert.equal(reader.keyframeFrom(77, oldest), true);
    assert.equal(oldest.position, 77);
    const bytes = new Uint8Array(reader.head - 77);
    assert.equal(reader.read(77, bytes.length, bytes, 0), true);
    const numbers = Array.from({ length: 19 }, (_, index) => index + 1);
    assert.deepEqual(maker.decode(bytes), numbers);
    assert.deepEqual([reader.frameCount, reader.followFrom], [19, reader.head]);
  });

  test("all: what is too much is left out, from the oldest on", () => {
    const old = makeRing(2 * WRAP);
    for (const isKeyframe of [true, false, true, false, true, false]) {
      appendBytes(old.writer, WRAP / 4, isKeyframe);
    }
    const next = makeRing(WRAP, 0, 60_000, 2);
    next.writer.copyTail(old.writer, "all");
    assert.equal(next.reader.frameCount, 2);
    assert.equal(next.reader.newestKeyframe(keyframe()), true);
  });

  const empty: [string, (writer: RingWriter) => void, number][] = [
    ["no keyframe", (writer) => appendBytes(writer, 100), 60_000],
    ["another chunk size", (writer) => appendBytes(writer, 100, true), 4096],
    [
      "a GOP that was overwritten",
      (writer) => {
        appendBytes(writer, WRAP / 4, true);
        for (let at = 0; at < 4; at++) {
          appendBytes(writer, WRAP / 4);
        }
      },
      60_000,
    ],
    [
      "a GOP over three quarters",
      (writer) => {
        appendBytes(writer, WRAP / 4, true);
        for (let at = 0; at < 3; at++) {
          appendBytes(writer, WRAP / 4);
        }
      },
      60_000,
    ],
  ];
  for (const [name, fill, chunkSize] of empty) {
    test(`${name}: nothing is copied, followers start at the start`, () => {
      const old = makeRing();
      fill(old.writer);
      const next = makeRing(WRAP, 77, chunkSize, 2);
      next.writer.copyTail(old.writer);
      assert.deepEqual(
        [next.reader.head, next.reader.reserved, next.reader.followFrom],
        [77, 77, 77],
      );
      assert.equal(next.reader.frameCount, 0);
      assert.equal(next.reader.newestKeyframe(keyframe()), false);
    });
  }
});

describe("words for the owner", () => {
  test("reader bits and the largest wish", () => {
    const { writer, reader } = makeRing();
    assert.equal(writer.hasReaders, false);
    reader.setReader(255, true);
    assert.equal(writer.hasReaders, true);
    reader.setReader(255, false);
    assert.equal(writer.hasReaders, false);
    for (const thread of [0, 31, 32, 255]) {
      reader.setReader(thread, true);
    }
    assert.deepEqual(
      [0, 1, 2, 7].map((word) => writer.readerMask(word) >>> 0),
      [0x80_00_00_01, 1, 0, 0x80_00_00_00],
    );
    reader.setReader(31, false);
    assert.equal(writer.readerMask(0), 1);
    assert.throws(() => reader.setReader(256, true), InvariantError);
    assert.throws(() => reader.setReader(-1, true), InvariantError);
    assert.equal(writer.askedWrap, 0);
    reader.askForWrap(4 * WRAP);
    reader.askForWrap(2 * WRAP);
    assert.equal(writer.askedWrap, 4 * WRAP);
  });
});
