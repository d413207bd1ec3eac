/**
 * Entry of a gateway thread: HTTP clients. Where it runs uWebSockets.js it must be asked to stop and is never
 * terminated: sockets that the library still holds when the thread's loop closes end the whole process.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { CertificateNews, FromShard, GatewayStart } from "../protocol/control/calls.ts";
import { InvariantError } from "../protocol/errors.ts";
import { type GatewayNews, GatewayRuntime } from "./gateway-runtime.ts";
import type { HttpBackend, HttpHandler } from "./io/http-backend.ts";
import { HttpBackendNode } from "./io/http-backend-node.ts";
import { HttpBackendUws, loadUws } from "./io/http-backend-uws.ts";

if (parentPort === null) {
  throw new InvariantError("a gateway runs in a worker thread");
}
const port: MessagePort = parentPort;
const { start, calls } = workerData as { start: GatewayStart; calls: MessagePort };
const runtime = new GatewayRuntime(start, calls, (message: FromShard) => port.postMessage(message));

async function makeBackend(handler: HttpHandler): Promise<HttpBackend> {
  const library = start.backend === "uws" ? await loadUws() : null;
  return library === null
    ? new HttpBackendNode(handler, start.connectionsMax)
    : new HttpBackendUws(library, handler, start.connectionsMax);
}

const backend: HttpBackend = await makeBackend((request, reply) => runtime.request(request, reply));
let isClosed = false;

function closeBackend(): void {
  if (!isClosed) {
    isClosed = true;
    backend.close();
  }
}

/** The loop may close only when the library has let go of its sockets, a turn after they were closed. */
process.on("uncaughtException", (error) => {
  tellFailure(error);
  closeBackend();
  setImmediate(() => setImmediate(() => process.exit(1)));
});
process.on("exit", closeBackend);

type Message =
  | GatewayNews
  | CertificateNews
  | { readonly kind: "stop" }
  | { readonly kind: "drain" };

function tellFailure(error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  port.postMessage({ kind: "failed", text } satisfies FromShard);
}

function take(message: Message): void {
  if (message.kind === "stop") {
    runtime.stop();
    closeBackend();
    port.postMessage({ kind: "stopped" } satisfies FromShard);
    port.close();
    calls.close();
  } else if (message.kind === "certificate") {
    backend.renew(message.tls).catch(tellFailure);
  } else if (message.kind !== "drain") {
    // Viewers leave in their own time; nothing asks them to connect again.
    runtime.take(message);
  }
}

port.on("message", (messages: readonly Message[]) => messages.forEach(take));
runtime.run();
for (const endpoint of start.listen) {
  await backend.listen(endpoint);
}
port.postMessage({ kind: "ready" } satisfies FromShard);
