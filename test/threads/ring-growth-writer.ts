/** Moves to a larger ring every so often, and rings the readers' bells. Waits for readers only so as not to lap them. */
import { workerData } from "node:worker_threads";
import { Doorbell } from "../../src/protocol/ring/doorbell.ts";
import { RingState } from "../../src/protocol/ring/ring-layout.ts";
import { RingWriter } from "../../src/protocol/ring/ring-writer.ts";
import { MessageMaker } from "../protocol/ring/ring-messages.ts";
import {
  GROWTH_KEYFRAME_EVERY,
  GROWTH_MESSAGES,
  GROWTH_SIZES,
  type GrowthJob,
} from "./ring-growth-job.ts";
import { sleep } from "./ring-threads.ts";

const job = workerData as GrowthJob;
const maker = new MessageMaker(...GROWTH_SIZES);
const bells = new Doorbell(job.bells);
const progress = new Int32Array(job.progress);
const LAG_MESSAGES_MAX = 30;

function open(id: number): RingWriter {
  const sab = job.rings.get(id);
  if (sab === undefined) {
    throw new Error(`no ring ${id}`);
  }
  return new RingWriter(sab, { id, chunkSize: 128 });
}

function ringReaders(writer: RingWriter): void {
  for (let mask = writer.readerMask(0), thread = 0; mask !== 0; mask >>>= 1, thread++) {
    if ((mask & 1) !== 0) {
      bells.ring(thread);
    }
  }
}

function waitForReaders(number: number): void {
  while (
    number - Math.min(Atomics.load(progress, 1), Atomics.load(progress, 2)) >
    LAG_MESSAGES_MAX
  ) {
    sleep(0.05);
  }
}

let writer = open(1);
writer.setHeaders(Uint8Array.of(1));
const perRing = Math.ceil(GROWTH_MESSAGES / job.rings.size);
for (let number = 0; number < GROWTH_MESSAGES; number++) {
  if (number > 0 && number % perRing === 0) {
    const next = open(writer.id + 1);
    next.copyTail(writer);
    writer.end(RingState.Moved, next.id);
    ringReaders(writer);
    writer = next;
  }
  waitForReaders(number);
  maker.append(writer, number, number % GROWTH_KEYFRAME_EVERY === 0);
  ringReaders(writer);
}
writer.end(RingState.Ended);
ringReaders(writer);
