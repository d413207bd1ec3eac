/** A feed gives each message of a stream once and in order, through all its rings, and holds none for longer. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RingLease } from "../../../src/protocol/control/calls.ts";
import { formatRing, RingState, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import { ChunkEncoder, encodedLength } from "../../../src/protocol/rtmp/chunk-encoder.ts";
import { StreamFeed } from "../../../src/worker/hls/stream-feed.ts";
import { encodeHeaderSet } from "../../../src/worker/stream/header-set.ts";
import { beforeHead } from "../../protocol/ring/ring-moments.ts";

const WRAP = 128 * 1024;
const CHUNK = 4096;
const VIDEO = 9;

class Ring {
  readonly lease: RingLease;
  readonly writer: RingWriter;
  readonly #encoder = new ChunkEncoder();

  constructor(ringId: number) {
    const memory = new SharedArrayBuffer(ringSizeBytes(WRAP));
    formatRing(memory, WRAP);
    this.lease = { ringId, memory };
    this.writer = new RingWriter(memory, { id: ringId, chunkSize: CHUNK });
  }

  write(timestamp: number, bytes = 100, isKeyframe = false): void {
    const payload = new Uint8Array(bytes).fill(timestamp & 0xff);
    const length = encodedLength(bytes, timestamp, CHUNK, 6);
    this.writer.begin(length);
    const header = { chunkStreamId: 6, type: VIDEO, streamId: 1, timestamp };
    this.#encoder.encode(this.writer, header, payload, CHUNK);
    this.writer.commit({ kind: 1, timestamp, isKeyframe });
  }
}

class Sink {
  readonly events: string[] = [];
  readonly released: number[] = [];
  /** Called with the next message, once. */
  meanwhile: (() => void) | undefined;
  readonly feed: StreamFeed = new StreamFeed(
    {
      message: (type, timestamp, payload) => {
        const isWhole = payload.every((byte) => byte === payload[0]);
        this.events.push(`${type}@${timestamp}${isWhole ? "" : " broken"}`);
        const { meanwhile } = this;
        this.meanwhile = undefined;
        meanwhile?.();
      },
      ended: () => this.events.push("ended"),
      lost: () => this.events.push("lost"),
      ringReleased: (ringId) => this.released.push(ringId),
    },
    null,
  );

  take(): string[] {
    return this.events.splice(0);
  }
}

describe("a feed", () => {
  test("begins with what the ring holds, headers of that time first", () => {
    const ring = new Ring(1);
    const payload = new Uint8Array([7, 7]);
    ring.writer.setHeaders(encodeHeaderSet([{ type: VIDEO, payload }]));
    ring.write(40, 9000, true);
    ring.write(80);
    const sink = new Sink();
    sink.feed.openRing(ring.lease);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), ["9@40", "9@40", "9@80"]);
    ring.write(120);
    sink.feed.advance(true);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), ["9@120"]);
  });

  test("goes on where one that died was, with the keyframe before: nothing comes twice, or from long ago", () => {
    const ring = new Ring(1);
    ring.writer.expectKeeper();
    for (const [at, isKeyframe] of [0, 40, 80, 120, 160, 200].map(
      (ms) => [ms, ms % 80 === 0] as const,
    )) {
      ring.write(at, 100, isKeyframe);
    }
    const dead = new Sink();
    dead.feed.openRing(ring.lease);
    dead.feed.advance(true);
    assert.deepEqual(dead.take().at(-1), "9@200");
    ring.write(240, 100, true);
    ring.write(280);
    const sink = new Sink();
    sink.feed.openRing(ring.lease);
    sink.feed.advance(true);
    // What begins with 160 was in the making.
    assert.deepEqual(sink.take(), ["9@160", "9@200", "9@240", "9@280"]);
  });

  test("goes on where one that died was where there are no keyframes", () => {
    const ring = new Ring(1);
    ring.writer.expectKeeper();
    ring.write(0);
    ring.write(40);
    const dead = new Sink();
    dead.feed.openRing(ring.lease);
    dead.feed.advance(true);
    const sink = new Sink();
    sink.feed.openRing(ring.lease);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), []);
    ring.write(80);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), ["9@80"]);
  });

  test("waits for a frame whose entry is there before its bytes are", () => {
    const ring = new Ring(1);
    const sink = new Sink();
    ring.write(0, 100, true);
    sink.feed.openRing(ring.lease);
    sink.feed.advance(true);
    sink.take();
    const finish = beforeHead(ring.lease.memory, () => ring.write(23, 100, true));
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), []);
    finish();
    ring.write(46, 100, true);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), ["9@23", "9@46"]);
  });

  test("that is overtaken while it reads goes on from the newest keyframe, and takes it once", () => {
    const ring = new Ring(1);
    const sink = new Sink();
    ring.write(0, 100, true);
    ring.write(1);
    sink.feed.openRing(ring.lease);
    sink.meanwhile = () => {
      for (let at = 2; at < 2000; at += 1) {
        ring.write(at);
      }
      ring.write(2000, 100, true);
      ring.write(2001);
    };
    sink.feed.advance(true);
    sink.feed.advance(true);
    ring.write(2002);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), ["9@0", "lost", "9@2000", "9@2001", "9@2002"]);
  });

  test("follows a ring that moved, ends with one that ended, and lets go of each once", () => {
    const [one, two, three] = [new Ring(1), new Ring(2), new Ring(3)];
    const sink = new Sink();
    one.write(0, 100, true);
    sink.feed.openRing(one.lease);
    sink.feed.advance(true);
    one.write(40);
    two.writer.copyTail(one.writer);
    one.writer.end(RingState.Moved, 2);
    two.write(80);
    sink.feed.openRing(two.lease);
    sink.feed.openRing(two.lease);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), ["9@0", "9@40", "9@80"]);
    assert.deepEqual(sink.released, [2, 1]);
    two.writer.end(RingState.Ended);
    three.write(120, 100, true);
    sink.feed.openRing(three.lease);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), ["ended", "9@120"]);
    sink.feed.close();
    assert.deepEqual(sink.take(), ["ended"]);
    assert.deepEqual(sink.released, [2, 1, 2, 3]);
    sink.feed.close();
    assert.deepEqual(sink.take(), []);
  });

  test("a writer that was faster: what is missing is told, and a larger ring asked for", () => {
    const ring = new Ring(1);
    const sink = new Sink();
    ring.write(0, 100, true);
    sink.feed.openRing(ring.lease);
    sink.feed.advance(true);
    sink.take();
    for (let frame = 1; frame <= 40; frame += 1) {
      ring.write(frame * 40, 8000, frame % 10 === 0);
    }
    sink.feed.advance(true);
    const events = sink.take();
    assert.equal(events[0], "lost");
    assert.equal(events[1], "9@1600");
    assert.ok(ring.writer.askedWrap > WRAP);
  });

  test("asks for room before it is overtaken", () => {
    const ring = new Ring(1);
    const sink = new Sink();
    sink.feed.openRing(ring.lease);
    for (let frame = 0; frame < 8; frame += 1) {
      ring.write(frame * 40, 8000, frame === 0);
    }
    sink.feed.advance(true);
    assert.equal(sink.take().length, 8);
    assert.ok(ring.writer.askedWrap > WRAP);
  });

  test("a backlog is taken in turns; what is passed over is not kept for later", () => {
    const ring = new Ring(1);
    const sink = new Sink();
    sink.feed.openRing(ring.lease);
    for (let frame = 0; frame < 700; frame += 1) {
      ring.write(frame, 10, frame === 0);
    }
    assert.equal(sink.feed.advance(true), false);
    assert.equal(sink.take().length, 512);
    assert.equal(sink.feed.advance(true), true);
    assert.equal(sink.take().length, 188);
    ring.write(700, 10);
    assert.equal(sink.feed.advance(false), true);
    ring.write(701, 10);
    sink.feed.advance(true);
    assert.deepEqual(sink.take(), ["9@701"]);
  });

  test("wakes its thread only where it was asked to, and no longer than it reads", () => {
    const ring = new Ring(1);
    const sink = { message: () => undefined, ended: () => undefined, lost: () => undefined };
    const feed = new StreamFeed({ ...sink, ringReleased: () => undefined }, 5);
    feed.openRing(ring.lease);
    assert.equal(ring.writer.readerMask(0), 1 << 5);
    feed.close();
    assert.equal(ring.writer.readerMask(0), 0);
    assert.equal(new RingReader(ring.lease.memory).state, RingState.Open);
  });
});
