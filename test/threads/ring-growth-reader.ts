/** Follows a stream from ring to ring, sleeping on its bell whenever there is nothing, with no time limit. */
import { parentPort, workerData } from "node:worker_threads";
import { Doorbell } from "../../src/protocol/ring/doorbell.ts";
import { newFrameRef } from "../../src/protocol/ring/frame-index.ts";
import { NO_RING, RingState } from "../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../src/protocol/ring/ring-reader.ts";
import { MessageMaker } from "../protocol/ring/ring-messages.ts";
import { GROWTH_SIZES, type GrowthJob, type GrowthReport } from "./ring-growth-job.ts";

const job = workerData as GrowthJob;
const maker = new MessageMaker(...GROWTH_SIZES);
const bells = new Doorbell(job.bells);
const progress = new Int32Array(job.progress);
let expected = 0;
let moves = 0;
let reader = open(1);
// Not head: the writer may have begun before this thread did.
let cursor = reader.followFrom;

function open(id: number): RingReader {
  const sab = job.rings.get(id);
  if (sab === undefined) {
    throw new Error(`no ring ${id}`);
  }
  const opened = new RingReader(sab);
  opened.setReader(job.thread, true);
  return opened;
}

function copyOut(from: number, to: number): Uint8Array {
  const bytes = new Uint8Array((to - from) | 0);
  if (!reader.read(from, bytes.length, bytes, 0)) {
    throw new Error("the writer was told not to lap");
  }
  return bytes;
}

function consume(head: number): void {
  const numbers = maker.decode(copyOut(cursor, head));
  if (numbers === null) {
    throw new Error(`not whole after ${expected}`);
  }
  for (const number of numbers) {
    if (number !== expected) {
      throw new Error(`${number} in place of ${expected}`);
    }
    expected += 1;
  }
  cursor = head;
  Atomics.store(progress, job.thread, expected);
}

/** The GOP that came along ends where a follower starts, with the message that it saw last. */
function follow(): void {
  reader.setReader(job.thread, false);
  reader = open(reader.successorId);
  cursor = reader.followFrom;
  moves += 1;
  const frame = newFrameRef();
  if (!reader.readFrame(reader.oldestFrame, frame) || !frame.isKeyframe) {
    throw new Error("a successor without a GOP");
  }
  const numbers = maker.decode(copyOut(frame.position, cursor));
  if (numbers?.at(-1) !== expected - 1 || frame.headerVersion !== 1) {
    throw new Error("a GOP that does not end where followers start");
  }
}

/** @returns true at the end of the stream. */
function serve(): boolean {
  for (;;) {
    const state = reader.state;
    consume(reader.head);
    if (state === RingState.Open || state === 0) {
      return false;
    }
    if (reader.successorId === NO_RING) {
      return true;
    }
    follow();
  }
}

async function run(): Promise<string> {
  try {
    for (;;) {
      const seen = bells.value(job.thread);
      if (serve()) {
        return "";
      }
      await bells.wait(job.thread, seen);
    }
  } catch (error) {
    return String(error);
  }
}

// A listening port keeps the thread alive: a pending waitAsync does not.
parentPort?.on("message", () => undefined);
const wrong = await run();
parentPort?.postMessage({ messages: expected, moves, wrong } satisfies GrowthReport);
parentPort?.close();
