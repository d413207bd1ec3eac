/** A publisher waits for HLS only while its media is ahead of the clock, and only for a packager that moves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatRing, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import { MediaLead } from "../../../src/worker/stream/media-lead.ts";

const LIMIT = { timeout: 5000 };
const WRAP = 128 * 1024;

function openRing(id = 1): { writer: RingWriter; reader: RingReader } {
  const memory = new SharedArrayBuffer(ringSizeBytes(WRAP));
  formatRing(memory, WRAP);
  return {
    writer: new RingWriter(memory, { id, chunkSize: 4096 }),
    reader: new RingReader(memory),
  };
}

function write(writer: RingWriter, frames: number, bytes = 8000, timestamp = 0): void {
  const payload = new Uint8Array(bytes);
  for (let frame = 0; frame < frames; frame += 1) {
    writer.begin(bytes);
    writer.put(payload, 0, bytes);
    writer.commit({ kind: 1, timestamp, isKeyframe: frame === 0 });
  }
}

describe("a ring's keeper", LIMIT, () => {
  test("is behind from a quarter of the ring on, or of its messages; without one nobody is", () => {
    const { writer, reader } = openRing();
    write(writer, 6);
    assert.deepEqual([writer.keeperFrame, writer.isKeeperBehind], [-1, false]);
    writer.expectKeeper();
    write(writer, 4);
    assert.deepEqual([writer.keeperFrame, writer.isKeeperBehind], [6, false]);
    write(writer, 1);
    assert.equal(writer.isKeeperBehind, true);
    reader.keep(11);
    assert.equal(writer.isKeeperBehind, false);
    write(writer, 300, 10);
    assert.equal(writer.isKeeperBehind, true);
    write(writer, 40);
    assert.equal(writer.isKeeperBehind, true, "one that was passed");
    reader.keep(-1);
    assert.deepEqual([writer.keeperFrame, writer.isKeeperBehind], [-1, false]);
  });

  test("goes over to the next ring", () => {
    const [one, two, three] = [openRing(1), openRing(2), openRing(3)];
    write(one.writer, 3);
    two.writer.copyTail(one.writer);
    assert.equal(two.writer.keeperFrame, -1);
    two.writer.expectKeeper();
    write(two.writer, 2);
    three.writer.copyTail(two.writer);
    assert.equal(three.writer.keeperFrame, three.reader.followFromFrame);
  });
});

describe("MediaLead", LIMIT, () => {
  /** A ring that nobody has taken anything of, and what its publisher has come to. */
  class Behind {
    readonly lead = new MediaLead();
    readonly reader: RingReader;
    readonly #writer: RingWriter;

    constructor() {
      const { writer, reader } = openRing();
      this.#writer = writer;
      this.reader = reader;
      writer.expectKeeper();
      write(writer, 6);
      this.mustWait(0, 0);
    }

    mustWait(mediaMs: number, nowMs: number): boolean {
      write(this.#writer, 1, 10, mediaMs);
      return this.lead.mustWait(this.#writer, nowMs);
    }
  }

  test("real time is never made to wait, also after it was held up, nor is a step of the time", () => {
    const behind = new Behind();
    for (let at = 0; at < 20_000; at += 40) {
      // Held up for 5 s, then all of it at once.
      const now = at >= 4000 && at < 9000 ? 9000 : at;
      assert.equal(behind.mustWait(at, now), false, `${at}`);
      assert.equal(behind.mustWait(Math.max(0, at - 60), now), false, `${at}`);
    }
    assert.equal(behind.mustWait(3_600_000, 20_000), false);
    assert.equal(behind.mustWait(100, 20_000), false);
  });

  test("a file waits while HLS is behind, and goes on when it is not", () => {
    const behind = new Behind();
    assert.equal(behind.mustWait(5000, 10), true);
    assert.equal(behind.mustWait(5000, 15), true);
    behind.reader.keep(9);
    assert.equal(behind.mustWait(5000, 20), false);
  });

  test("a packager that does not move is waited for once", () => {
    const behind = new Behind();
    assert.equal(behind.mustWait(9000, 10), true);
    assert.equal(behind.mustWait(9000, 3000), true);
    behind.reader.keep(1);
    assert.equal(behind.mustWait(9000, 3100), true);
    assert.equal(behind.mustWait(9000, 6000), true);
    assert.equal(behind.mustWait(18_000, 6101), false);
    assert.equal(behind.mustWait(27_000, 6110), false);
  });
});
