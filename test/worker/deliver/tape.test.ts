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
import type { Form } from "../../../src/worker/deliver/form.ts";
import { makeForm } from "../../../src/worker/deliver/forms.ts";
import { Tape } from "../../../src/worker/deliver/tape.ts";
import { beforeHead } from "../../protocol/ring/ring-moments.ts";
import { clipHeader, message, video } from "../clip.ts";
import { lease } from "../shard-bench.ts";
import { GatewayBench, remux } from "./gateway-bench.ts";

const WRAP = 128 * 1024;
const CHUNK = 4096;
const FRAME_BYTES = 1600;

/** A form that tells which messages it was given. */
class Told {
  readonly form: Form = makeForm(remux());
  readonly times: number[] = [];
  /** Called with the next message, once. */
  meanwhile: (() => void) | undefined;

  constructor() {
    const mux = this.form.mux.bind(this.form);
    this.form.mux = (media) => {
      this.times.push(media.timestamp);
      const { meanwhile } = this;
      this.meanwhile = undefined;
      meanwhile?.();
      return mux(media);
    };
  }
}

/** A tape on a publisher's ring of the smallest size. */
class Bench {
  readonly opened: RingLease[] = [];
  readonly told = new Told();
  readonly tape = new Tape(this.told.form, { ringOpened: (ring) => this.opened.push(ring) });
  readonly writer: RingWriter;
  readonly memory: SharedArrayBuffer;
  readonly #encoder = new ChunkEncoder();
  #frames = 0;

  constructor(wrap: number = WRAP) {
    const source = lease(1, wrap);
    this.memory = source.memory;
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

/** Times of the frames from one number to before another. */
function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => (from + at) * 40);
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

  test("waits for a frame whose entry is there before its bytes are", () => {
    const bench = new Bench();
    const finish = beforeHead(bench.memory, () => bench.write(1));
    bench.tape.advance();
    finish();
    bench.write(1);
    bench.tape.advance();
    assert.deepEqual(bench.told.times, numbers(0, 12));
  });

  test("that is overtaken while it reads goes on from the newest keyframe, and takes it once", () => {
    const bench = new Bench();
    bench.told.meanwhile = () => bench.write(291);
    bench.write(1);
    bench.tape.advance();
    bench.tape.advance();
    bench.write(1);
    bench.tape.advance();
    // Frames 11 to 299 were overwritten: 300 is the keyframe of the last ones.
    assert.deepEqual(bench.told.times, [...numbers(0, 11), ...numbers(300, 303)]);
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
