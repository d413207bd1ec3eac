/** Servers with HTTP for tests of edges, and what is published to them. */
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { type Frame, hashPayload } from "../support/flv-file.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";

const GOP_FRAMES = 10;
/** Nothing is judged by this: it only ends a test that hangs. */
export const WAIT_MS = 20_000;
/** An edge's wait for a stream that is not there. */
export const ORIGIN_WAIT_MS = 2000;

/** Ten groups of small frames, 25 a second. */
function makeFrames(): Frame[] {
  const frame = (kind: Frame["kind"], head: number[], index: number): Frame => {
    const payload = new Uint8Array(400).fill(index & 0xff);
    payload.set(head);
    const timestamp = kind === "header" ? 0 : index * 40;
    return { type: 9, kind, timestamp, hash: hashPayload(payload), payload };
  };
  const frames = Array.from({ length: 10 * GOP_FRAMES }, (_, index) =>
    index % GOP_FRAMES === 0
      ? frame("key", [0x17, 1, 0, 0, 0], index)
      : frame("inter", [0x27, 1, 0, 0, 0], index),
  );
  return [frame("header", [0x17, 0, 0, 0, 0, 1, 0x64, 0, 0x1f, 0xff], 0), ...frames];
}

/** What {@link publishTo} publishes. */
export const clip: readonly Frame[] = makeFrames();
const open: { close(): Promise<void> }[] = [];

/** Closes it with {@link closeAll}. */
export function closeLater<One extends { close(): Promise<void> }>(one: One): One {
  open.push(one);
  return one;
}

/** Closes all that was started here. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((one) => one.close()));
}

/** A server with HTTP. */
export interface Node {
  readonly weir: InProcess;
  readonly http: number;
  flv(name: string): string;
}

/** Starts one; `vhost` holds directives of the default vhost. */
export async function startNode(vhost: string, directives = "", httpPort = 0): Promise<Node> {
  const http = httpPort === 0 ? await findFreePort() : httpPort;
  const weir = await startInProcess({
    workers: 2,
    directives: `gateways 1; http_server { enabled on; listen 127.0.0.1:${http}; } ${directives}`,
    vhost: `http_remux { enabled on; } ${vhost}`,
  });
  closeLater(weir);
  await waitUntil("http listens", () => isListening(http), WAIT_MS);
  return { weir, http, flv: (name) => `http://127.0.0.1:${http}/live/${name}.flv` };
}

/** Starts an edge of an origin on this host. */
export function startEdge(origin: number, more = "", directives = ""): Promise<Node> {
  const cluster = `mode remote; origin 127.0.0.1:${origin}; origin_wait ${ORIGIN_WAIT_MS};`;
  return startNode(`cluster { ${cluster} ${more} }`, directives);
}

/** Publishes the clip over and over. */
export async function publishTo(port: number, name: string): Promise<ClipPublisher> {
  const peer = new RtmpPeer(`rtmp://127.0.0.1:${port}/live/${name}`, "publish");
  return new ClipPublisher(await peer.waitReady(WAIT_MS), clip);
}

/** An RTMP player. */
export function play(port: number, name: string): RtmpPeer {
  return new RtmpPeer(`rtmp://127.0.0.1:${port}/live/${name}`, "play");
}
