import assert from "node:assert/strict";
import { test } from "node:test";
import { newFrameRef, newKeyframeRef } from "../../src/protocol/ring/frame-index.ts";
import { formatRing, RingState, ringSizeBytes } from "../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../src/protocol/ring/ring-reader.ts";
import { markRingDead } from "../../src/protocol/ring/ring-state.ts";
import { MessageMaker } from "../protocol/ring/ring-messages.ts";
import { DEATH_MESSAGES, DEATH_SIZES } from "./ring-death-job.ts";
import type { LapJob } from "./ring-lap-job.ts";
import { report, startWorker, terminateAfterTests } from "./ring-threads.ts";

terminateAfterTests();

const WRAP = 128 * 1024;
const POINTS_MAX = 40;

/** Everything that a reader can reach is whole. @returns the number of the last message before head. */
function inspect(reader: RingReader, maker: MessageMaker): number {
  const frame = newFrameRef();
  const head = reader.head;
  let first: number | null = null;
  for (let number = reader.oldestFrame; number < reader.frameCount; number++) {
    assert.equal(reader.readFrame(number, frame), true);
    const end = (frame.position + frame.length) | 0;
    assert.equal(reader.messageEnd(frame.position), frame.position);
    if (((head - end) | 0) >= 0) {
      assert.equal(reader.messageEnd((end - 1) | 0), end);
    } else {
      assert.equal(number, reader.frameCount - 1, "only the last frame may lie past head");
    }
    if (first === null && reader.isSafe(frame.position)) {
      first = frame.position;
    }
  }
  assert.ok(first !== null);
  const bytes = new Uint8Array((head - first) | 0);
  assert.equal(reader.read(first, bytes.length, bytes, 0), true);
  const numbers = maker.decode(bytes);
  assert.ok(numbers !== null, "a message before head is not whole");
  const keyframe = newKeyframeRef();
  assert.equal(reader.newestKeyframe(keyframe), true);
  assert.ok(((head - keyframe.position) | 0) >= 0, "a keyframe past head");
  const last = numbers.at(-1) ?? -1;
  numbers.forEach((number, at) => {
    assert.equal(number, last - numbers.length + 1 + at);
  });
  return last;
}

test("C-04 a writer that dies at any point of a message leaves whole messages", {
  timeout: 30_000,
}, async (context) => {
  const maker = new MessageMaker(...DEATH_SIZES);
  const sab = new SharedArrayBuffer(ringSizeBytes(WRAP));
  const names: string[] = [];
  for (let point = 0; names.at(-1) !== "done"; point++) {
    assert.ok(point < POINTS_MAX);
    formatRing(sab, WRAP, -20_000);
    const worker = startWorker("ring-death-writer", { sab, point });
    names.push(await report<string>(worker));
    const reader = new RingReader(sab);
    const stalled = inspect(reader, maker);
    await worker.terminate();
    assert.equal(markRingDead(sab, 2), true);
    assert.deepEqual([reader.state, reader.successorId], [RingState.Dead, 2]);
    assert.equal(inspect(reader, maker), stalled);
    const isPublished = names.at(-1) === "after commit" || names.at(-1) === "done";
    assert.equal(stalled, isPublished ? DEATH_MESSAGES : DEATH_MESSAGES - 1, names.at(-1));
    const headers = reader.readHeaders(1);
    assert.ok(headers === null || (headers.length === 1000 && headers.every((byte) => byte === 1)));
  }
  context.diagnostic(names.join(", "));
  // Words 32 to 37 are those of a message: all of them were died at.
  const stores = [33, 34, 35, 36, 37].map((word) => `store of word ${word}`);
  for (const name of ["mid-put", ...stores]) {
    assert.ok(names.includes(name), `never died at: ${name}`);
  }
  assert.ok(names.includes("exchange of word 32"));
});

test("C-04 a writer terminated at full speed leaves whole messages", {
  timeout: 15_000,
}, async () => {
  const maker = new MessageMaker(...DEATH_SIZES);
  const sab = new SharedArrayBuffer(ringSizeBytes(WRAP));
  const job: LapJob = {
    sab,
    bytesMin: DEATH_SIZES[0],
    bytesMax: DEATH_SIZES[1],
    durationMs: 20_000,
    seed: 0,
  };
  for (let kill = 0; kill < 6; kill++) {
    formatRing(sab, WRAP, -20_000);
    const worker = startWorker("ring-lap-writer", job);
    const reader = new RingReader(sab);
    while (reader.frameCount < 500 * (kill + 1)) {
      await new Promise((resolve) => {
        setTimeout(resolve, 3);
      });
    }
    await worker.terminate();
    assert.equal(markRingDead(sab), true);
    const last = inspect(reader, maker);
    assert.ok(last + 1 === reader.frameCount || last + 2 === reader.frameCount);
  }
});
