/** E-61: memory that runs short, by a limit that is too low for anything, and its end. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Admin } from "../../src/main/admin/admin.ts";
import {
  type InProcess,
  type InProcessOptions,
  startInProcess,
} from "../main/accept/in-process.ts";
import { hashPayload, readFlv } from "../support/flv-file.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { openAdmin } from "../support/in-process-admin.ts";
import { readMetrics } from "../support/prometheus.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";
import { REPOSITORY } from "../support/weir.ts";

const LIMIT = { timeout: 90_000 };
const WAIT_MS = 30_000;
/** In a second more than a socket takes. */
const HEAVY_BYTES = 100_000;
const FRAME_MS = 20;

let weir: InProcess;
let admin: Admin;
let http: number;
let api: number;
let exporter: number;
const open: { close(): void }[] = [];

function options(limit: string): InProcessOptions {
  const server = [
    `http_server { enabled on; listen 127.0.0.1:${http}; } gateways 1;`,
    `http_api { enabled on; listen 127.0.0.1:${api}; }`,
    `exporter { enabled on; listen 127.0.0.1:${exporter}; }`,
  ].join("\n");
  return {
    workers: 1,
    directives: `memory_limit ${limit}; player_stall 60000; ${server}`,
    vhost: "http_remux { enabled on; }",
  };
}

before(async () => {
  [http, api, exporter] = (await Promise.all([1, 2, 3].map(findFreePort))) as [
    number,
    number,
    number,
  ];
  weir = await startInProcess(options("off"));
  admin = await openAdmin(weir.server);
  await waitUntil("the gateway listens", () => isListening(http), WAIT_MS);
});

after(async () => {
  for (const one of open) {
    one.close();
  }
  admin?.close();
  await weir?.close();
});

function peer(name: string, role: "publish" | "play"): RtmpPeer {
  const made = new RtmpPeer(`rtmp://127.0.0.1:${weir.port}/live/${name}`, role);
  open.push(made);
  return made;
}

async function publish(name: string): Promise<ClipPublisher> {
  const frames = readFlv(join(REPOSITORY, "test/fixtures/flv/h264-aac-b-frames.flv"));
  const publisher = new ClipPublisher(await peer(name, "publish").waitReady(WAIT_MS), frames);
  open.push(publisher);
  return publisher;
}

/** A stream of 40 Mbit/s of which one player takes nothing; both go on until they are ended. */
async function publishHeavy(): Promise<RtmpPeer> {
  const heavy = await peer("heavy", "publish").waitReady(WAIT_MS);
  const began = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    for (; sent * FRAME_MS < performance.now() - began && heavy.end === "open"; sent += 1) {
      const payload = new Uint8Array(HEAVY_BYTES).fill(sent & 0xff);
      payload.set([sent % 25 === 0 ? 0x17 : 0x27, 1, 0, 0, 0]);
      const kind = sent % 25 === 0 ? "key" : "inter";
      heavy.send(
        { type: 9, kind, timestamp: 0, hash: hashPayload(payload), payload },
        sent * FRAME_MS,
      );
    }
  }, 20);
  open.push({ close: () => clearInterval(timer) });
  const slow = await peer("heavy", "play").waitReady(WAIT_MS);
  await slow.waitFrames(2, WAIT_MS);
  slow.setStalled(true);
  return heavy;
}

async function refusal(name: string, role: "publish" | "play"): Promise<readonly string[]> {
  const refused = peer(name, role);
  await refused.waitEnd(WAIT_MS);
  return refused.statuses;
}

function statusOf(path: string): Promise<number> {
  const request = fetch(`http://127.0.0.1:${http}${path}`, {
    signal: AbortSignal.timeout(WAIT_MS),
  });
  return request.then(async (response) => {
    await response.body?.cancel();
    return response.status;
  });
}

/** `weir_memory_state`, `weir_memory_limit_bytes`, players and publishers who were ended for it. */
async function figures(): Promise<number[]> {
  const page = await fetch(`http://127.0.0.1:${api}/metrics`);
  const metrics = readMetrics(await page.text());
  const sumOf = (name: string, reason?: string): number => {
    const samples = metrics.get(name)?.samples ?? [];
    return samples
      .filter(({ labels: { reason: of } }) => of === reason)
      .reduce((sum, { value }) => sum + value, 0);
  };
  return [
    sumOf("weir_memory_state"),
    sumOf("weir_memory_limit_bytes"),
    sumOf("weir_sessions_ended_total", "no memory"),
    sumOf("weir_rejects_total", "ERR_MEMORY"),
  ];
}

async function logged(text: RegExp): Promise<void> {
  await waitUntil(`${text} is logged`, () => text.test(weir.log()), WAIT_MS);
}

test(
  "E-61 the limit is reached: refusals, slow players, publishers; and all is well again",
  LIMIT,
  async () => {
    const heavy = await publishHeavy();
    // The newest one: the other goes after it.
    await publish("main");
    const player = await peer("main", "play").waitReady(WAIT_MS);
    await player.waitFrames(5, WAIT_MS);
    // Until the kernel has taken all that it takes for the other player.
    const [shard = assert.fail()] = weir.server.supervisor.links;
    const rows = [...weir.server.clients].filter(({ type }) => type === "rtmp-play");
    const slowRow = rows.find(({ request }) => request.stream === "heavy")?.row ?? assert.fail();
    let bytes = -1;
    await waitUntil(
      "the slow player's socket is full",
      async () => {
        const before = bytes;
        bytes = shard.board.bytesOut[slowRow] ?? 0;
        await delay(300);
        return bytes === before;
      },
      WAIT_MS,
    );
    assert.deepEqual(await figures(), [0, 0, 0, 0]);

    await weir.reload(options("1"));
    await logged(/\[WARN\].*\[memory\].* % of 0 MiB of memory is used: the newest publishers/);
    await logged(/rtmp-play ended: no memory \(\d+ ms behind\)/);
    await waitUntil("both publishers are ended", () => heavy.end !== "open", WAIT_MS);
    const log = weir.log();
    const ends = [...log.matchAll(/\[(\w+)\] fmle-publish ended: no memory/g)].map(([, id]) => id);
    const names = [...log.matchAll(/\[(\w+)\] fmle-publish, .*stream=(\w+)/g)];
    const nameOf = new Map(names.map(([, id, name]) => [id, name]));
    assert.deepEqual(
      ends.map((id) => nameOf.get(id)),
      ["main", "heavy"],
    );

    assert.ok((await refusal("other", "publish")).includes("NetStream.Publish.Failed"));
    assert.ok((await refusal("main", "play")).includes("NetStream.Play.Failed"));
    assert.equal(await statusOf("/live/main.flv"), 503);
    assert.deepEqual(await figures(), [3, 1, 3, 3]);
    assert.equal(player.end, "open", "a player that keeps up stays");

    const had = player.received.length;
    await weir.reload(options("off"));
    await logged(/\[INFO\].*\[memory\] everybody is let in again/);
    assert.deepEqual(await figures(), [0, 0, 3, 3]);
    await publish("main");
    await player.waitFrames(had + 5, WAIT_MS);
    const newcomer = await peer("main", "play").waitReady(WAIT_MS);
    await newcomer.waitFrames(5, WAIT_MS);
    const viewer = new HttpViewer(`http://127.0.0.1:${http}/live/main.flv`);
    open.push(viewer);
    await waitUntil("the viewer gets some", () => viewer.bytes.length > 1000, WAIT_MS);
  },
);
