/** A reader that goes by the frame index, always near its oldest end, while the writer laps it. */
import { parentPort, workerData } from "node:worker_threads";
import { newFrameRef, newKeyframeRef } from "../../src/protocol/ring/frame-index.ts";
import { RingReader } from "../../src/protocol/ring/ring-reader.ts";
import { MessageMaker, PREFIX_BYTES } from "../protocol/ring/ring-messages.ts";
import { type IndexCounts, KEYFRAME_EVERY, type LapJob, lapHeaders } from "./ring-lap-job.ts";

const job = workerData as LapJob;
const maker = new MessageMaker(job.bytesMin, job.bytesMax);
const reader = new RingReader(job.sab);
const copy = new Uint8Array(job.bytesMax);
const frame = newFrameRef();
const keyframe = newKeyframeRef();
const counts: IndexCounts = {
  frames: 0,
  framesGone: 0,
  framesWrong: 0,
  newest: 0,
  newestEarly: 0,
  ends: 0,
  endsGone: 0,
  endsWrong: 0,
  headers: 0,
  headersGone: 0,
  headersWrong: 0,
  keyframes: 0,
  keyframesWrong: 0,
};
let turn = job.seed;

function isNumber(bytes: Uint8Array, number: number): boolean {
  const numbers = maker.decode(bytes);
  return numbers?.length === 1 && numbers[0] === number;
}

function readOneFrame(number: number): void {
  const isRead =
    reader.readFrame(number, frame) && reader.read(frame.position, frame.length, copy, 0);
  if (!isRead) {
    counts.framesGone += 1;
    return;
  }
  counts.frames += 1;
  const isRight =
    frame.length === maker.lengthOf(number) &&
    frame.isKeyframe === (number % KEYFRAME_EVERY === 0) &&
    frame.timestamp === (number * 40) >>> 0 &&
    frame.headerVersion === Math.floor(number / 16) + 1 &&
    isNumber(copy.subarray(0, frame.length), number);
  counts.framesWrong += isRight ? 0 : 1;
}

/** What is counted is whole: it can be read, unless the writer has gone past it since. */
function readNewest(): void {
  const number = (reader.frameCount - 1) | 0;
  const isRead =
    reader.readFrame(number, frame) && reader.read(frame.position, frame.length, copy, 0);
  const isStillThere = ((number - reader.oldestFrame) | 0) >= 0;
  counts.newest += 1;
  counts.newestEarly += isRead || !isStillThere ? 0 : 1;
}

/** The end of a message is where another begins: its prefix says so, unless it was overwritten meanwhile. */
function findOneEnd(number: number): void {
  const isThere = reader.readFrame(number, frame);
  const inside = frame.position + 1 + (turn % (frame.length - 1));
  const frameFound = isThere ? reader.frameAt(inside) : -1;
  const end = isThere ? reader.messageEnd(inside) : null;
  if (end === null) {
    counts.endsGone += 1;
    return;
  }
  counts.ends += 1;
  const isEnd = end === ((frame.position + frame.length) | 0);
  const isFrame = frameFound === -1 || frameFound === number;
  counts.endsWrong += isEnd && isFrame ? 0 : 1;
}

function readOneHeader(number: number): void {
  const version = Math.floor(number / 16) + 1;
  const headers = reader.readHeaders(version);
  if (headers === null) {
    counts.headersGone += 1;
    return;
  }
  counts.headers += 1;
  counts.headersWrong += Buffer.compare(headers, lapHeaders(version)) === 0 ? 0 : 1;
}

function readKeyframe(): void {
  if (!reader.newestKeyframe(keyframe) || reader.head === keyframe.position) {
    return;
  }
  if (reader.read(keyframe.position, PREFIX_BYTES, copy, 0)) {
    const number = new DataView(copy.buffer).getUint32(4);
    const isRight = number === keyframe.frame && number % KEYFRAME_EVERY === 0;
    counts.keyframes += 1;
    counts.keyframesWrong += isRight ? 0 : 1;
  }
}

const end = performance.now() + job.durationMs;
while (performance.now() < end) {
  for (let at = 0; at < 64; at++) {
    turn += 1;
    const oldest = reader.oldestFrame;
    const span = reader.frameCount - oldest;
    if (span > 1) {
      readOneFrame(oldest + (turn % 3));
      findOneEnd(oldest + (turn % 3));
      readOneHeader(Math.max(0, oldest + span - 1 - (turn % 40)));
      readKeyframe();
      readNewest();
    }
  }
}
parentPort?.postMessage(counts);
