/** Entry of a packager thread: HLS and recordings. Live streams do not depend on it: it may crash, hang or be terminated. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { FromShard, ShardStart } from "../protocol/control/calls.ts";
import { InvariantError } from "../protocol/errors.ts";
import { type PackagerNews, PackagerRuntime } from "./packager-runtime.ts";

if (parentPort === null) {
  throw new InvariantError("a packager runs in a worker thread");
}
const port: MessagePort = parentPort;
const { start, calls } = workerData as { start: ShardStart; calls: MessagePort };
const runtime = new PackagerRuntime(start, calls, (message: FromShard) =>
  port.postMessage(message),
);

type Message = PackagerNews | { readonly kind: "stop" } | { readonly kind: "drain" };

function take(message: Message): void {
  if (message.kind === "stop") {
    void runtime.stop().then(() => {
      port.postMessage({ kind: "stopped" } satisfies FromShard);
      port.close();
      calls.close();
    });
  } else if (message.kind !== "drain") {
    runtime.take(message);
  }
}

port.on("message", (messages: readonly Message[]) => messages.forEach(take));
runtime.run();
port.postMessage({ kind: "ready" } satisfies FromShard);
