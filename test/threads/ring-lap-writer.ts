/** Writes as fast as it can until it is terminated or the time is over. Message numbers equal frame numbers. */
import { parentPort, workerData } from "node:worker_threads";
import { RingWriter } from "../../src/protocol/ring/ring-writer.ts";
import { MessageMaker } from "../protocol/ring/ring-messages.ts";
import type { LapJob } from "./ring-lap-job.ts";
import { KEYFRAME_EVERY, lapHeaders } from "./ring-lap-job.ts";

const job = workerData as LapJob;
const maker = new MessageMaker(job.bytesMin, job.bytesMax);
const writer = new RingWriter(job.sab, { id: 1, chunkSize: 60_000 });
const end = performance.now() + job.durationMs;
let number = 0;
let bytes = 0;
do {
  for (let at = 0; at < 64; at++) {
    if (number % 16 === 0) {
      writer.setHeaders(lapHeaders(writer.headerVersion + 1));
    }
    maker.append(writer, number, number % KEYFRAME_EVERY === 0);
    bytes += maker.lengthOf(number);
    number += 1;
  }
} while (performance.now() < end);
parentPort?.postMessage({ messages: number, bytes });
