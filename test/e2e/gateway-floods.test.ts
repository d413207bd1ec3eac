/**
 * L12, L13, A9-02 to A9-04: clients of a gateway that say nothing, drip or send what nobody reads have their time; more
 * connections than there are descriptors cost newcomers by HTTP, and neither RTMP nor who watches already.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FlvViewer } from "../support/flv-viewer.ts";
import { startProcess } from "../support/process.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { makeWeirConf, type RunningServer, WEIR, waitForServer } from "../support/weir.ts";
import { clip } from "./edge-nodes.ts";

const LIMIT = { timeout: 90_000, concurrency: true };
const WAIT_MS = 30_000;
const FILES_MAX = 1000;
const CROWD = 1100;

const GET = "GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n";
const POST = "POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\n";
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
/** What is said at first, and what again and again. */
const TIRING: readonly (readonly [what: string, first: string, piece: string])[] = [
  ["says nothing", "", ""],
  ["stops within its request line", "GE", ""],
  ["drips a header", GET, "X"],
  ["drips headers", GET, "X: y\r\n"],
  ["owes its body", `${POST}Content-Length: 100000\r\n\r\n`, ""],
  ["drips its body", `${POST}Content-Length: 100000\r\n\r\n`, "X"],
  ["drips chunks", CHUNKED, "1\r\nX\r\n"],
  ["sends without end", CHUNKED, `10000\r\n${"x".repeat(0x1_00_00)}\r\n`],
  ["keeps its connection", `${GET}\r\n`, ""],
];
/** What is no request that is served, with the statuses that it may get; 0: none. */
const WRONG: readonly (readonly [request: string, statuses: readonly number[]])[] = [
  [`${GET}X: ${"x".repeat(1 << 20)}\r\n\r\n`, [431, 0]],
  [`${GET}${"X: x\r\n".repeat(10_000)}\r\n`, [431, 0]],
  [`${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
  [`${POST}Content-Length: -1\r\n\r\n`, [400, 0]],
  ["\u0000\u0001\u0002\r\n\r\n", [400, 505, 0]],
];

class Stranger {
  text = "";
  isOver = false;
  readonly #socket: Socket;

  constructor(port: number, first: string) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.on("data", (bytes) => {
      this.text += String(bytes);
    });
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", () => {
      this.isOver = true;
    });
    this.say(first);
  }

  say(text: string): void {
    if (text !== "" && this.#socket.writable && this.#socket.writableLength === 0) {
      this.#socket.write(text);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function start(backend: string, http: number): Promise<RunningServer> {
  const [directory, port] = [makeScratch(), await findFreePort()];
  const file = join(directory, "weir.conf");
  const directives = `max_connections 600; gateways 1; http_backend ${backend}; http_server { enabled on; listen 127.0.0.1:${http}; }`;
  writeFileSync(
    file,
    makeWeirConf(directory, port, { directives, vhost: "http_remux { enabled on; }" }),
  );
  const command = `ulimit -n ${FILES_MAX} && exec ${WEIR} -c ${file}`;
  const started = startProcess("bash", ["-c", command], { cwd: directory });
  const weir = await waitForServer("weir", started, port);
  await waitUntil("http listens", () => isListening(http), WAIT_MS);
  return weir;
}

async function assertTired(http: number): Promise<void> {
  const clients = TIRING.map(([what, first, piece]) => ({
    what,
    piece,
    stranger: new Stranger(http, first),
  }));
  const timer = setInterval(() => {
    for (const { stranger, piece } of clients) {
      stranger.say(piece);
    }
  }, 200);
  const open = (): string[] =>
    clients.filter(({ stranger }) => !stranger.isOver).map(({ what }) => what);
  try {
    await waitUntil("everybody is closed", () => open().length === 0, WAIT_MS);
  } catch (error) {
    throw new Error(`still there: ${open().join(", ")}`, { cause: error });
  } finally {
    clearInterval(timer);
    for (const { stranger } of clients) {
      stranger.close();
    }
  }
}

async function assertRefused(http: number): Promise<void> {
  for (const [request, statuses] of WRONG) {
    const stranger = new Stranger(http, request);
    await waitUntil("it is answered", () => stranger.isOver || stranger.text !== "", WAIT_MS);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(stranger.text)?.[1] ?? 0);
    assert.ok(statuses.includes(status), `${request.slice(0, 80)}: ${status}`);
    stranger.close();
  }
}

/** Nobody who is there notices, and RTMP goes on. */
async function assertCrowdIsHarmless(weir: RunningServer, http: number): Promise<void> {
  const url = `http://127.0.0.1:${http}/live/show.flv`;
  const publisher = new ClipPublisher(
    await new RtmpPeer(weir.url("show"), "publish").waitReady(WAIT_MS),
    clip,
  );
  const viewer = await new FlvViewer(url).waitFrames(20, WAIT_MS);
  const crowd = Array.from({ length: CROWD }, () => new Stranger(http, GET));
  const closed = (): number => crowd.filter(({ isOver }) => isOver).length;
  await waitUntil("those who are too many are closed", () => closed() >= CROWD / 3, WAIT_MS);
  const player = await new RtmpPeer(weir.url("show"), "play").waitReady(WAIT_MS);
  await player.waitFrames(20, WAIT_MS);
  await viewer.waitFrames(viewer.received.length + 20, WAIT_MS);
  for (const one of crowd) {
    one.close();
  }
  const isServed = async (): Promise<boolean> =>
    new FlvViewer(url).waitFrames(1, WAIT_MS).then(
      (late) => {
        late.close();
        return true;
      },
      () => false,
    );
  await waitUntil("others are served again", isServed, WAIT_MS);
  assert.doesNotMatch(weir.log(), /accept: errno|died/);
  viewer.close();
  player.close();
  publisher.close();
}

describe("strangers at a gateway", LIMIT, () => {
  for (const backend of ["uws", "node"]) {
    test(`http_backend ${backend}`, LIMIT, async () => {
      const http = await findFreePort();
      const weir = await start(backend, http);
      try {
        const tired = assertTired(http);
        tired.catch(() => undefined);
        await assertRefused(http);
        await assertCrowdIsHarmless(weir, http);
        await tired;
      } finally {
        await weir.stop();
      }
    });
  }
});
