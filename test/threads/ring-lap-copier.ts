/**
 * A slow player: copies from the newest keyframe to head, or that keyframe alone, straight out of the shared bytes, and
 * stalls before or amid the copy until the writer is about a wrap ahead.
 */
import { parentPort, workerData } from "node:worker_threads";
import { RingReader } from "../../src/protocol/ring/ring-reader.ts";
import { MessageMaker } from "../protocol/ring/ring-messages.ts";
import type { CopyCounts, LapJob } from "./ring-lap-job.ts";
import { sleep } from "./ring-threads.ts";

const job = workerData as LapJob;
const maker = new MessageMaker(job.bytesMin, job.bytesMax);
const reader = new RingReader(job.sab);
const shared = new Uint8Array(job.sab);
const copy = new Uint8Array(reader.wrap);
const counts: CopyCounts = {
  accepted: 0,
  passed: 0,
  acceptedTorn: 0,
  passedTorn: 0,
  headOnlyTorn: 0,
};
const keyframe = { position: 0, timestamp: 0, headerVersion: 0, frame: 0 };
let seed = job.seed;

function random(): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
  return seed / 2 ** 32;
}

function copyRange(cursor: number, from: number, to: number): void {
  for (let at = from; at < to; ) {
    const offset = (cursor + at) & reader.mask;
    const run = Math.min(to - at, reader.wrap - offset);
    const start = reader.dataOffset + offset;
    copy.set(shared.subarray(start, start + run), at);
    at += run;
  }
}

/** Spin, or give the core away when the writer does not come on, until Reserved is `distance` past the cursor. */
function stall(cursor: number, distance: number): void {
  for (let spin = 0; spin < 60_000; spin++) {
    if ((reader.reserved - cursor) >>> 0 >= distance) {
      return;
    }
    if (spin % 20_000 === 19_999) {
      sleep(1);
    }
  }
}

function tryOnce(): void {
  if (!reader.newestKeyframe(keyframe)) {
    return;
  }
  const cursor = keyframe.position;
  const end = random() < 0.5 ? reader.head : reader.messageEnd((cursor + 1) | 0);
  const length = ((end ?? cursor) - cursor) | 0;
  if (length === 0 || !reader.isSafe(cursor)) {
    return;
  }
  const cut = random() < 0.5 ? 0 : Math.floor(random() * length);
  const distance = reader.wrap * (random() < 0.7 ? 0.9 + 0.2 * random() : 1.4 * random());
  copyRange(cursor, 0, cut);
  stall(cursor, distance);
  copyRange(cursor, cut, length);
  const isHeadNear = (reader.head - cursor) >>> 0 <= reader.wrap;
  const isPassed = reader.wasPassed(cursor);
  const isTorn = maker.decode(copy.subarray(0, length)) === null;
  counts.accepted += isPassed ? 0 : 1;
  counts.passed += isPassed ? 1 : 0;
  counts.acceptedTorn += isTorn && !isPassed ? 1 : 0;
  counts.passedTorn += isTorn && isPassed ? 1 : 0;
  counts.headOnlyTorn += isTorn && isHeadNear ? 1 : 0;
}

const end = performance.now() + job.durationMs;
while (performance.now() < end) {
  tryOnce();
}
parentPort?.postMessage(counts);
