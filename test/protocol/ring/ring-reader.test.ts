import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { InvariantError } from "../../../src/protocol/errors.ts";
import { RING_BYTES_MAX, RING_BYTES_MIN } from "../../../src/protocol/limits.ts";
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
  ringLayout,
  ringSizeBytes,
  wrapFor,
} from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { markRingDead, nameSuccessor } from "../../../src/protocol/ring/ring-state.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import { MessageMaker } from "./ring-messages.ts";
import { beforeHead } from "./ring-moments.ts";

const WRAP = 128 * 1024;
const QUARTER = WRAP / 4;

function makeRing(start = 0, startFrame = 0) {
  const sab = new SharedArrayBuffer(ringSizeBytes(WRAP));
  formatRing(sab, WRAP, start, startFrame);
  return {
    sab,
    writer: new RingWriter(sab, { id: 9, chunkSize: 60_000 }),
    reader: new RingReader(sab),
  };
}

function append(writer: RingWriter, length: number, isKeyframe = false): void {
  writer.begin(length);
  writer.put(new Uint8Array(length), 0, length);
  writer.commit({ kind: 1, timestamp: 0, isKeyframe });
}

const KEYFRAME: KeyframeRef = newKeyframeRef();
const FRAME: FrameRef = newFrameRef();

describe("layout", () => {
  test("wrapFor is the next power of two within the limits", () => {
    assert.equal(wrapFor(0), RING_BYTES_MIN);
    assert.equal(wrapFor(RING_BYTES_MIN), RING_BYTES_MIN);
    assert.equal(wrapFor(RING_BYTES_MIN + 1), 2 * RING_BYTES_MIN);
    assert.equal(wrapFor(RING_BYTES_MAX), RING_BYTES_MAX);
    assert.equal(wrapFor(RING_BYTES_MAX * 9), RING_BYTES_MAX);
  });

  test("parts follow each other and end at the size", () => {
    for (let wrap = RING_BYTES_MIN; wrap <= RING_BYTES_MAX; wrap *= 2) {
      const layout = ringLayout(wrap);
      assert.equal(layout.indexEntries, Math.max(1024, wrap / 128));
      assert.equal(layout.headersOffset, layout.indexOffset + layout.indexEntries * 20);
      assert.equal(layout.dataOffset, layout.headersOffset + wrap / 2);
      assert.equal(layout.dataOffset % 4096, 0);
      assert.equal(ringSizeBytes(wrap), layout.dataOffset + wrap);
    }
  });

  test("what is no wrap, or too small a buffer, is an InvariantError", () => {
    for (const wrap of [0, -1, 1.5, Number.NaN, WRAP + 1, WRAP / 2, RING_BYTES_MAX * 2]) {
      assert.throws(() => ringSizeBytes(wrap), InvariantError);
    }
    assert.throws(() => formatRing(new SharedArrayBuffer(WRAP), WRAP), InvariantError);
  });

  test("a ring lent again is empty, and no old cursor is safe in it", () => {
    const { sab, writer } = makeRing(-10);
    append(writer, 5000, true);
    writer.setHeaders(Uint8Array.of(1));
    const stale = new RingReader(sab);
    stale.setReader(3, true);
    stale.askForWrap(WRAP);
    writer.end(RingState.Ended, 4);
    formatRing(sab, WRAP);
    for (const cursor of [-10, 0, 4990]) {
      assert.equal(stale.isSafe(cursor), false);
      assert.equal(stale.wasPassed(cursor), true);
      assert.equal(stale.messageEnd(cursor), null);
    }
    const next = new RingWriter(sab, { id: 10, chunkSize: 128 });
    const reader = new RingReader(sab);
    assert.deepEqual(
      [reader.id, reader.chunkSize, reader.state, reader.successorId, reader.frameCount],
      [10, 128, RingState.Open, NO_RING, 0],
    );
    assert.equal(reader.head, next.head);
    assert.equal(reader.reserved, next.head);
    assert.equal(reader.followFrom, next.head);
    assert.equal(reader.newestKeyframe({ ...KEYFRAME }), false);
    assert.equal(reader.readHeaders(1), null);
    assert.deepEqual([next.readerMask(0), next.askedWrap, next.headerVersion], [0, 0, 0]);
  });
});

for (const start of [0, -1, 0x7f_ff_ff_ff, 0x7f_ff_ff_ff - 3 * QUARTER, -3 * QUARTER]) {
  describe(`C-05 distances, positions from ${start}`, () => {
    test("isSafe ends at three quarters, wasPassed begins past a whole wrap", () => {
      const { writer, reader } = makeRing(start);
      append(writer, QUARTER);
      append(writer, QUARTER);
      append(writer, QUARTER);
      assert.equal(reader.isSafe(start), true);
      writer.begin(1);
      assert.equal(reader.isSafe(start), false);
      assert.equal(reader.isSafe(start + 1), true);
      writer.put(new Uint8Array(1), 0, 1);
      writer.commit({ kind: 1, timestamp: 0, isKeyframe: false });
      append(writer, QUARTER - 1);
      assert.equal(reader.wasPassed(start), false);
      writer.begin(1);
      assert.equal(reader.wasPassed(start), true);
      assert.equal(reader.wasPassed(start + 1), false);
    });

    test("a cursor past reserved, or 3 GiB behind, is not safe", () => {
      const { reader } = makeRing(start);
      assert.equal(reader.isSafe(start), true);
      assert.equal(reader.isSafe((start + 1) | 0), false);
      assert.equal(reader.isSafe((start - 3 * 2 ** 30) | 0), false);
      assert.equal(reader.wasPassed((start - 3 * 2 ** 30) | 0), true);
    });

    test("messageEnd and frameAt at and between boundaries", () => {
      const { writer, reader } = makeRing(start, -1);
      assert.equal(reader.messageEnd(start), start);
      assert.equal(reader.frameAt(start), -1);
      append(writer, 10);
      append(writer, 20);
      const at = (offset: number): number => (start + offset) | 0;
      const ends = [0, 1, 9, 10, 11, 29, 30].map((offset) => reader.messageEnd(at(offset)));
      assert.deepEqual(ends, [0, 10, 10, 10, 30, 30, 30].map(at));
      const frames = [0, 9, 10, 29, 30, -1].map((offset) => reader.frameAt(at(offset)));
      assert.deepEqual(frames, [0xff_ff_ff_ff, 0xff_ff_ff_ff, 0, 0, -1, -1]);
      assert.equal(reader.messageEnd(at(31)), null);
      assert.equal(reader.messageEnd(at(-1)), null);
      assert.equal(reader.messageEnd(start + 5 + 2 ** 32), at(10));
    });

    test("a message whose first byte was overwritten is gone", () => {
      const { writer, reader } = makeRing(start);
      for (let at = 0; at < 4; at++) {
        append(writer, QUARTER, at === 0);
      }
      const out = { ...FRAME };
      assert.equal(reader.readFrame(0, out), true);
      assert.equal(reader.oldestFrame, 0);
      writer.begin(1);
      assert.equal(reader.readFrame(0, out), false);
      assert.equal(reader.oldestFrame, 1);
      assert.equal(reader.messageEnd((start + 5) | 0), null);
      assert.equal(reader.messageEnd((start + QUARTER) | 0), (start + QUARTER) | 0);
      assert.equal(reader.read(start, 1, new Uint8Array(1), 0), false);
    });
  });
}

describe("index", () => {
  test("a frame older than three quarters of the entries counts as overwritten", () => {
    const { writer, reader } = makeRing();
    for (let at = 0; at < 768; at++) {
      append(writer, 2);
    }
    assert.equal(reader.readFrame(0, { ...FRAME }), true);
    assert.equal(reader.messageEnd(1), 2);
    append(writer, 2);
    assert.equal(reader.readFrame(0, { ...FRAME }), false);
    assert.equal(reader.messageEnd(1), null);
    assert.equal(reader.frameAt(0), -1);
    assert.equal(reader.messageEnd(3), 4);
    assert.equal(reader.oldestFrame, 1);
    for (let at = 0; at < 5000; at++) {
      append(writer, 2);
    }
    assert.equal(reader.frameCount - reader.oldestFrame, 768);
  });
});

describe("keyframes", () => {
  test("the newest, with its headers, as long as it is safe", () => {
    const { writer, reader } = makeRing();
    const out = { ...KEYFRAME };
    append(writer, 10);
    assert.equal(reader.newestKeyframe(out), false);
    writer.setHeaders(Uint8Array.of(7));
    append(writer, 10, true);
    append(writer, 10);
    append(writer, 10, true);
    append(writer, 10);
    assert.equal(reader.newestKeyframe(out), true);
    assert.deepEqual(out, { position: 30, timestamp: 0, headerVersion: 1, frame: 3 });
    append(writer, QUARTER);
    append(writer, QUARTER);
    append(writer, QUARTER - 20);
    assert.equal(reader.newestKeyframe(out), true);
    append(writer, 1);
    assert.equal(reader.newestKeyframe(out), false);
  });

  test("the first at or after a position", () => {
    const { writer, reader } = makeRing();
    const first = (position: number): number | null => {
      const out = { ...KEYFRAME };
      return reader.keyframeFrom(position, out) ? out.position : null;
    };
    assert.equal(first(0), null);
    for (let at = 0; at < 9; at++) {
      append(writer, 10, at % 3 === 1);
    }
    // Keyframes at 10, 40 and 70; head at 90.
    assert.deepEqual([0, 9, 10, 11, 40, 41, 70, 71, 90, 91, -1].map(first), [
      10,
      10,
      10,
      40,
      40,
      70,
      70,
      null,
      null,
      null,
      null,
    ]);
  });
});

describe("C-04 ends", () => {
  test("a dead ring: the primary marks it, and names a successor later", () => {
    const { sab, writer, reader } = makeRing();
    append(writer, 10);
    writer.begin(20);
    assert.throws(() => nameSuccessor(sab, 5), InvariantError);
    assert.equal(markRingDead(sab), true);
    assert.deepEqual(
      [reader.state, reader.successorId, reader.head],
      [RingState.Dead, NO_RING, 10],
    );
    nameSuccessor(sab, 5);
    assert.equal(reader.successorId, 5);
    assert.throws(() => writer.end(RingState.Ended), InvariantError);
  });

  test("a ring that ended keeps its state and successor when its writer dies", () => {
    const { sab, writer, reader } = makeRing();
    writer.end(RingState.Moved, 3);
    assert.equal(markRingDead(sab, 4), false);
    assert.deepEqual([reader.state, reader.successorId], [RingState.Moved, 3]);
  });
});

describe("read", () => {
  test("only what is there, into what has room", () => {
    const { writer, reader } = makeRing();
    append(writer, 10);
    assert.equal(reader.read(0, 11, new Uint8Array(20), 0), false);
    assert.equal(reader.read(11, 0, new Uint8Array(20), 0), false);
    assert.equal(reader.read(10, 0, new Uint8Array(0), 0), true);
    assert.throws(() => reader.read(0, 10, new Uint8Array(10), 1), InvariantError);
    assert.throws(() => reader.read(0, -1, new Uint8Array(10), 0), InvariantError);
  });
});

/** What one player with a cursor sends, as its owner does it. */
function copyOut(reader: RingReader, from: number, to: number): Uint8Array {
  const bytes = new Uint8Array((to - from) | 0);
  assert.equal(reader.read(from, bytes.length, bytes, 0), true);
  return bytes;
}

test("C-05 a reader stalled at every byte of a GOP skips to the newest keyframe between messages", () => {
  const maker = new MessageMaker(20, 120);
  const gop = 8;
  const { writer, reader } = makeRing(-20_000, -30);
  let number = 0;
  const appendGop = (): void => {
    for (let at = 0; at < gop; at++) {
      maker.append(writer, number, at === 0);
      number += 1;
    }
  };
  let stalls = 0;
  let cutMessages = 0;
  appendGop();
  for (let offset = 0; ; offset++) {
    const out = { ...KEYFRAME };
    assert.equal(reader.newestKeyframe(out), true);
    const start = out.position;
    const stall = (start + offset) | 0;
    if (((reader.head - stall) | 0) < 0) {
      break;
    }
    const end = reader.messageEnd(stall);
    assert.ok(end !== null);
    appendGop();
    appendGop();
    assert.equal(reader.newestKeyframe(out), true);
    const before = copyOut(reader, start, end);
    const after = copyOut(reader, out.position, reader.head);
    const sent = maker.decode(Buffer.concat([before, after]));
    assert.ok(sent !== null, `torn at ${offset}`);
    assert.equal(sent.at(-1), number - 1);
    assert.equal(sent.at(-gop), number - gop);
    assert.equal(sent.length, (maker.decode(before) ?? []).length + gop);
    // The skip at once, in the middle of a message, is what this test has to catch.
    if (end !== stall) {
      cutMessages += 1;
      assert.equal(maker.decode(Buffer.concat([copyOut(reader, start, stall), after])), null);
    }
    stalls += 1;
  }
  assert.ok(stalls > 300 && cutMessages > 300, `${stalls} stalls, ${cutMessages} cut messages`);
});

describe("the number of frames", () => {
  for (const [start, startFrame] of [
    [0, 0],
    [-10, -1],
    [0x7f_ff_ff_f0 | 0, 0x7f_ff_ff_ff],
  ] as const) {
    test(`counts whole ones only, from position ${start} and frame ${startFrame}`, () => {
      const { sab, writer, reader } = makeRing(start, startFrame);
      const first = startFrame >>> 0;
      assert.equal(reader.frameCount, first);
      const finishFirst = beforeHead(sab, () => append(writer, 100, true));
      assert.equal(reader.frameCount, first);
      finishFirst();
      assert.equal(reader.frameCount, (first + 1) >>> 0);
      append(writer, 100);
      const finish = beforeHead(sab, () => append(writer, 100));
      assert.equal(reader.frameCount, (first + 2) >>> 0);
      finish();
      assert.equal(reader.frameCount, (first + 3) >>> 0);
    });
  }
});
