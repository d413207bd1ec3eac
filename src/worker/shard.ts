/**
 * Entry of a shard thread: the RTMP sockets given to it and the rings it writes.
 * It may crash, hang or be terminated without anyone else noticing; it never waits for another thread while sending.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import {
  type FromShard,
  isRelay,
  type ShardStart,
  type ToShard,
} from "../protocol/control/calls.ts";
import { InvariantError } from "../protocol/errors.ts";
import type { ChunkDecoderSnapshot } from "../protocol/rtmp/chunk-decoder.ts";
import type { ServerSessionSnapshot } from "../protocol/rtmp/server-session.ts";
import { Intake } from "./intake.ts";
import { monotonicMs } from "./io/clock.ts";
import { ShardRuntime } from "./shard-runtime.ts";

/** Joins of one turn of the loop may take this long. */
const TURN_MS = 4;

if (parentPort === null) {
  throw new InvariantError("a shard runs in a worker thread");
}
const port: MessagePort = parentPort;
const { start, calls } = workerData as { start: ShardStart; calls: MessagePort };
const runtime = new ShardRuntime(start, calls, (message: FromShard) => port.postMessage(message));
type Message = ToShard<ServerSessionSnapshot, ChunkDecoderSnapshot>;

function take(message: Message): void {
  if (message.kind === "stop") {
    runtime.stop();
    port.postMessage({ kind: "stopped" } satisfies FromShard);
    port.close();
    calls.close();
    return;
  }
  if (isRelay(message)) {
    runtime.connections.take(message);
  } else {
    runtime.take(message);
  }
}

const intake = new Intake<Message>({
  take,
  now: monotonicMs,
  later: (next) => setImmediate(next),
  turnMs: TURN_MS,
});
port.on("message", (messages: readonly Message[]) => intake.push(messages));
runtime.run();
port.postMessage({ kind: "ready" } satisfies FromShard);
