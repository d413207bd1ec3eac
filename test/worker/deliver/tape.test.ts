/** A gateway that comes late to a stream asks for room in time, and its viewers may be full for as long as elsewhere. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RingLease } from "../../../src/protocol/control/calls.ts";
import { TAPE_BYTES_MIN } from "../../../src/protocol/limits.ts";
import { ringLayout } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import { ChunkEncoder, encodedLength } from "../../../src/protocol/rtmp/chunk-encoder.ts";
import type { Message } from "../../../src/protocol/rtmp/message.ts";
import { makeForm } from "../../../src/worker/deliver/forms.ts";
import { Tape } from "../../../src/worker/deliver/tape.ts";
import { clipHeader, message, video } from "../clip.ts";
import { lease } from "../shard-bench.ts";
import { GatewayBench, remux } from "./gateway-bench.ts";

const WRAP = 128 * 1024;
const CHUNK = 4096;
const FRAME_BYTES = 1600;

/** A tape on a publisher's ring of the smallest size. */
class Bench {
  readonly opened: RingLease[] = [];
  readonly tape = new Tape(makeForm(remux()), { ringOpened: (ring) => this.opened.push(ring) });
  readonly writer: RingWriter;
  readonly #encoder = new ChunkEncoder();
  #frames = 0;

  constructor(wrap: number = WRAP) {
    const source = lease(1, wrap);
    this.writer = new RingWriter(source.memory, { id: 1, chunkSize: CHUNK });
    this.write(10);
    this.tape.openSource(source);
  }

  write(count: number): void {
    for (let left = count; left > 0; left -= 1) {
      const isKeyframe = this.#frames % 25 === 0;
      const { type, payload } = video(this.#frames * 40, isKeyframe, FRAME_BYTES, this.#frames);
      const timestamp = this.#frames * 40;
      this.writer.begin(encodedLength(payload.length, timestamp, CHUNK, 6));
      const header = { chunkStreamId: 6, type, streamId: 1, timestamp };
      this.#encoder.encode(this.writer, header, payload, CHUNK);
      this.writer.commit({ kind: 1, timestamp, isKeyframe });
      this.#frames += 1;
    }
  }
}

describe("a tape", () => {
  test("that keeps up asks for no more than the least, also when it begins behind", () => {
    const bench = new Bench();
    for (let round = 0; round < 200; round += 1) {
      bench.write(1);
      bench.tape.advance();
    }
    assert.equal(bench.writer.askedWrap, TAPE_BYTES_MIN);
  });

  test("that comes late asks for a larger ring before it is overtaken", () => {
    const bench = new Bench(TAPE_BYTES_MIN);
    bench.write(100);
    bench.tape.advance();
    assert.equal(bench.writer.askedWrap, TAPE_BYTES_MIN * 2);
  });

  test("that was overtaken asks for a larger ring", () => {
    const bench = new Bench(TAPE_BYTES_MIN);
    bench.write(500);
    bench.tape.advance();
    assert.equal(bench.writer.askedWrap, TAPE_BYTES_MIN * 2);
  });

  test("has a ring that is not smaller than a usual stream's", () => {
    const [own] = new Bench().opened;
    assert.ok(own);
    assert.ok(new RingReader(own.memory).wrap >= TAPE_BYTES_MIN);
    assert.ok(own.memory.byteLength <= ringLayout(TAPE_BYTES_MIN).totalBytes, "nor larger");
  });
});

test("a viewer that is full while two seconds of a thin stream come at once loses nothing of it", () => {
  const bench = new GatewayBench({}, WRAP);
  const viewer = bench.view(remux());
  const header = message(9, 0, clipHeader(9));
  const frames: Message[] = Array.from({ length: 100 }, (_, index) =>
    video(index * 40, index % 25 === 0, FRAME_BYTES, index),
  );
  bench.publish([header, ...frames.slice(0, 45)]);
  viewer.hasRoom = false;
  bench.publish(frames.slice(45));
  viewer.outlet.fanOut.checkLag(viewer.row, 0, false);
  assert.equal(bench.stream.skips, 0);
});
