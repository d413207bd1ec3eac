/**
 * A writer that stops dead at one labelled point of a message, to be terminated there. The points are every atomic
 * store it makes, just before each one, and those between begin, put and commit.
 */
import { parentPort, workerData } from "node:worker_threads";
import { RingWriter } from "../../src/protocol/ring/ring-writer.ts";
import { MessageMaker } from "../protocol/ring/ring-messages.ts";
import { DEATH_MESSAGES, DEATH_SIZES, type DeathJob } from "./ring-death-job.ts";

type Store = (words: Int32Array, index: number, value: number) => number;

const job = workerData as DeathJob;
const atomics = Atomics as unknown as { store: Store; exchange: Store };
const forever = new Int32Array(new SharedArrayBuffer(4));
let isArmed = false;
let points = 0;

/** A labelled point. */
function pass(name: string): void {
  if (isArmed) {
    if (points === job.point) {
      parentPort?.postMessage(name);
      Atomics.wait(forever, 0, 0);
    }
    points += 1;
  }
}

for (const operation of ["store", "exchange"] as const) {
  const original = atomics[operation];
  atomics[operation] = (words, index, value) => {
    pass(`${operation} of word ${index}`);
    return original(words, index, value);
  };
}

const maker = new MessageMaker(...DEATH_SIZES);
const writer = new RingWriter(job.sab, { id: 1, chunkSize: 128 });
for (let number = 0; number < DEATH_MESSAGES; number++) {
  maker.append(writer, number, number % 10 === 0);
}
isArmed = true;
writer.setHeaders(new Uint8Array(1000).fill(1));
pass("before begin");
writer.begin(maker.lengthOf(DEATH_MESSAGES));
pass("after begin");
maker.put(writer, DEATH_MESSAGES, () => pass("mid-put"));
pass("before commit");
writer.commit({ kind: 1, timestamp: 0, isKeyframe: true });
pass("after commit");
parentPort?.postMessage("done");
