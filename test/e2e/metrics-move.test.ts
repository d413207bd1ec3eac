/** Every metric moves when the thing happens that it tells of: an origin and its edge, with clients of every kind. */
import assert from "node:assert/strict";
import { get } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Admin } from "../../src/main/admin/admin.ts";
import { PLAYS_PER_CONNECTION_MAX } from "../../src/protocol/limits.ts";
import { type InProcess, startInProcess } from "../main/accept/in-process.ts";
import { type ApiServer, startApi } from "../support/api.ts";
import { type Frame, hashPayload, readFlv } from "../support/flv-file.ts";
import { FlvViewer } from "../support/flv-viewer.ts";
import { HlsClient } from "../support/hls-client.ts";
import { HttpViewer } from "../support/http-viewer.ts";
import { openAdmin } from "../support/in-process-admin.ts";
import { MultiPeer } from "../support/multi-peer.ts";
import { type PromFamily, type PromSample, readMetrics } from "../support/prometheus.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, makeScratch, waitUntil } from "../support/scratch.ts";
import { REPOSITORY } from "../support/weir.ts";

const LIMIT = { timeout: 120_000 };
const WAIT_MS = 30_000;
const STREAM = "__defaultVhost__/live/main";
const HEAVY = "slow.test/live/heavy";
const HEAVY_NAME = "heavy?vhost=slow.test";
const FRAME_BYTES = 50_000;

type Metrics = ReadonlyMap<string, PromFamily>;
type Labels = Readonly<Record<string, string>>;

let origin: InProcess;
let admin: Admin;
let edge: ApiServer;
let http: number;
let api: number;
/** Nobody is there: what an edge tries and leaves alone. */
let dead: number;
const open: { close(): void }[] = [];

before(async () => {
  [http, api, dead] = (await Promise.all([1, 2, 3].map(findFreePort))) as [number, number, number];
  const remux = "http_remux { enabled on; mount [vhost]/[app]/[stream].ts; }";
  const hls = `hls { enabled on; hls_fragment 0.5; hls_path ${makeScratch()}; }`;
  const dvr = `dvr { enabled on; dvr_apply live/main; dvr_path ${makeScratch()}; }`;
  origin = await startInProcess({
    workers: 2,
    directives: [
      `http_api { enabled on; listen 127.0.0.1:${api}; }`,
      `http_server { enabled on; listen 127.0.0.1:${http}; }`,
      `exporter { enabled on; listen 127.0.0.1:${await findFreePort()}; }`,
      "player_stall 6000; gateways 1;",
      "vhost slow.test { http_remux { enabled on; } play { queue_length 1; } }",
      `vhost ts.test { ${remux} }`,
      "vhost closed.test { security { enabled on; deny play all; } }",
      "vhost limited.test { limits { players 1; } }",
    ].join("\n"),
    vhost: `http_remux { enabled on; } ${hls} ${dvr}`,
  });
  admin = await openAdmin(origin.server);
  await waitUntil("gateways listen", () => isListening(http), WAIT_MS);
  edge = await startApi({
    directives: `exporter { enabled on; listen 127.0.0.1:${await findFreePort()}; }`,
    vhost: `cluster { mode remote; origin 127.0.0.1:${dead} 127.0.0.1:${origin.port}; origin_linger 100; }`,
  });
});

after(async () => {
  for (const one of open) {
    one.close();
  }
  await edge?.stop();
  admin?.close();
  await origin?.close();
});

function url(name: string): string {
  return `rtmp://127.0.0.1:${origin.port}/live/${name}`;
}

async function scrape(at = `http://127.0.0.1:${api}`): Promise<Metrics> {
  const page = await fetch(`${at}/metrics`, { signal: AbortSignal.timeout(WAIT_MS) });
  return readMetrics(await page.text());
}

/** The samples with these labels, those of a histogram's count among them. */
function samplesOf(metrics: Metrics, name: string, labels: Labels): PromSample[] {
  const { samples = [], type } = metrics.get(name) ?? {};
  return samples.filter(
    (sample) =>
      (type !== "histogram" || sample.name.endsWith("_count")) &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
}

function sumOf(metrics: Metrics, name: string, labels: Labels = {}): number {
  return samplesOf(metrics, name, labels).reduce((sum, { value }) => sum + value, 0);
}

/** Waits until the sum of the samples with these labels is as it should be. */
async function becomes(
  name: string,
  isSo: (value: number) => boolean,
  labels: Labels = {},
  at?: string,
): Promise<void> {
  let value = Number.NaN;
  try {
    await waitUntil(
      `${name} ${JSON.stringify(labels)}`,
      async () => {
        value = sumOf(await scrape(at), name, labels);
        return isSo(value);
      },
      WAIT_MS,
    );
  } catch (error) {
    const log = origin.log().slice(-2000);
    throw new Error(`${String(error)}: it is ${value}\n${log}`, { cause: error });
  }
}

/** Waits until it is more than it was. */
async function grows(was: Metrics, name: string, labels: Labels = {}, at?: string): Promise<void> {
  const before = sumOf(was, name, labels);
  await becomes(name, (value) => value > before, labels, at);
}

const isSome = (value: number): boolean => value > 0;

async function publish(name: string): Promise<ClipPublisher> {
  const frames = readFlv(join(REPOSITORY, "test/fixtures/flv/h264-aac-b-frames.flv"));
  const peer = await new RtmpPeer(url(name), "publish").waitReady(WAIT_MS);
  const publisher = new ClipPublisher(peer, frames);
  open.push(publisher);
  return publisher;
}

function videoFrame(index: number): Frame {
  const payload = new Uint8Array(FRAME_BYTES).fill(index & 0xff);
  const isKey = index % 25 === 0;
  payload.set([isKey ? 0x17 : 0x27, 1, 0, 0, 0]);
  const kind = isKey ? "key" : "inter";
  return { type: 9, kind, timestamp: 0, hash: hashPayload(payload), payload };
}

test("players of every kind, and what they get", LIMIT, async () => {
  const was = await scrape();
  const names = samplesOf(was, "weir_thread_up", {}).map(({ labels: { thread = "" } }) => thread);
  const [gateway = "", packager = ""] = ["gateway-", "packager-"].map((kind) =>
    names.find((name) => name.startsWith(kind)),
  );
  await publish("main");
  await publish("ts?vhost=ts.test");
  const base = `127.0.0.1:${http}/live`;
  const player = new RtmpPeer(url("main"), "play");
  const viewers = [
    new FlvViewer(`http://${base}/main.flv`),
    new FlvViewer(`ws://${base}/main.flv`),
  ];
  const ts = new HttpViewer(`http://${base}/ts.ts?vhost=ts.test`);
  open.push(player, ...viewers, ts);
  await Promise.all([player, ...viewers].map((one) => one.waitFrames(20, WAIT_MS)));
  await waitUntil("the TS viewer gets some", () => ts.bytes.length > 10_000, WAIT_MS);
  const hls = new HlsClient(http);
  await hls.playlist(await hls.session("/live/main.m3u8"));

  // Two publishers, one player, three viewers, one session.
  await becomes("srs_clients", (value) => value === 7);
  await becomes("srs_streams", (value) => value === 2);
  for (const name of ["srs_clients_total", "srs_send_bytes_total", "srs_receive_bytes_total"]) {
    await grows(was, name);
  }
  for (const name of ["srs_cpu_percent", "srs_memory"]) {
    await becomes(name, isSome);
  }
  for (const thread of ["shard-0", "shard-1", gateway, packager]) {
    await becomes("weir_thread_up", (value) => value === 1, { thread });
    await becomes("weir_thread_utilisation", isSome, { thread });
  }
  await becomes("weir_thread_loop_delay_seconds", isSome);
  await becomes("weir_thread_publishers", (value) => value === 2);
  await becomes("weir_thread_players", (value) => value === 3, { thread: gateway });
  for (const thread of [gateway, packager]) {
    await grows(was, "weir_thread_send_bytes_total", { thread });
  }
  await grows(was, "weir_thread_receive_bytes_total");
  await grows(was, "weir_thread_sends_total", { thread: gateway });
  await grows(was, "weir_fan_out_seconds", { thread: gateway });
  await becomes("weir_hls_streams", (value) => value === 1);
  await becomes("weir_recordings", (value) => value === 1);
  await grows(was, "weir_recorded_bytes_total");
  for (const name of ["weir_hls_files", "weir_hls_bytes"]) {
    await becomes(name, isSome);
  }
  await becomes("weir_fan_out_quantile_seconds", isSome, { quantile: "0.999" });
  for (const name of ["weir_rings", "weir_ring_bytes", "weir_memory_bytes"]) {
    await becomes(name, isSome);
  }
  assert.ok(sumOf(await scrape(), "weir_ring_bytes_max") > 2 ** 20);
});

test("a stream's own figures", LIMIT, async () => {
  const stream = { stream: STREAM };
  await becomes("weir_stream_active", (value) => value === 1, stream);
  await becomes("weir_stream_players", (value) => value === 4, stream);
  for (const name of [
    "weir_stream_receive_bytes_total",
    "weir_stream_send_bytes_total",
    "weir_stream_bits_per_second",
    "weir_stream_video_frames_total",
    "weir_stream_video_frames_per_second",
    "weir_stream_audio_frames_total",
    "weir_stream_gop_seconds",
    "weir_stream_ring_bytes",
  ]) {
    await becomes(name, isSome, stream);
  }
  const jumping = await new RtmpPeer(url("jumps"), "publish").waitReady(WAIT_MS);
  open.push(jumping);
  const was = await scrape();
  for (let index = 0; index < 50; index += 1) {
    jumping.send(videoFrame(index), index * 40 + (index < 25 ? 0 : 5_000_000));
  }
  const jumps = { stream: "__defaultVhost__/live/jumps" };
  await grows(was, "weir_stream_timestamp_jumps_total", jumps);
  jumping.close();
  const closed = { ...jumps, reason: "closed by peer" };
  await becomes("weir_stream_sessions_ended_total", (value) => value === 1, closed);
  await becomes("weir_stream_active", (value) => value === 0, jumps);
  await grows(was, "weir_sessions_ended_total", { reason: "closed by peer" });
});

describe("one beside the other", { ...LIMIT, concurrency: true }, () => {
  test("a player that takes nothing: skips, then its end", LIMIT, async () => {
    const was = await scrape();
    const peer = await new RtmpPeer(url(HEAVY_NAME), "publish").waitReady(WAIT_MS);
    const began = performance.now();
    let sent = 0;
    // 40 Mbit/s, however late the timer is.
    const timer = setInterval(() => {
      for (; sent * 10 < performance.now() - began; sent += 1) {
        peer.send(videoFrame(sent), sent * 10);
      }
    }, 10);
    try {
      const slow = await new RtmpPeer(url(HEAVY_NAME), "play").waitReady(WAIT_MS);
      open.push(slow);
      await slow.waitFrames(5, WAIT_MS);
      const viewer = get(`http://127.0.0.1:${http}/live/heavy.flv?vhost=slow.test`, {
        agent: false,
      });
      viewer.on("response", (response) => response.pause()).on("error", () => undefined);
      open.push({ close: () => void viewer.destroy() });
      // Stands still for longer than it may be late, over and over, until it has been moved.
      const skips = async (): Promise<number> =>
        sumOf(await scrape(), "weir_stream_skips_total", { stream: HEAVY });
      const until = performance.now() + WAIT_MS;
      while ((await skips()) === 0 && performance.now() < until) {
        slow.setStalled(true);
        await delay(3000);
        slow.setStalled(false);
        await delay(500);
      }
      await grows(was, "weir_stream_skips_total", { stream: HEAVY });
      await grows(was, "weir_thread_skips_total");
      await grows(was, "weir_thread_stalls_total");
      await grows(was, "weir_sessions_ended_total", { reason: "stalled" });
      await grows(was, "weir_stream_sessions_ended_total", { stream: HEAVY, reason: "stalled" });
      await grows(was, "srs_clients_errs_total");
    } finally {
      clearInterval(timer);
      peer.close();
    }
  });

  test("what is refused, wherever it came in", LIMIT, async () => {
    const was = await scrape();
    const refused = (reason: string): Promise<void> => grows(was, "weir_rejects_total", { reason });
    // A name that is taken, asked for by a newcomer, and by a session that is there.
    const second = new RtmpPeer(url("main"), "publish");
    await waitUntil(
      "it is refused",
      () => second.end !== "open" || second.statuses.length > 0,
      WAIT_MS,
    );
    await refused("ERR_STREAM_BUSY");
    const many = await MultiPeer.connect(origin.port);
    open.push(many);
    for (let index = 0; index < PLAYS_PER_CONNECTION_MAX; index += 1) {
      await many.play("main");
    }
    const surplus = await many.create();
    surplus.say("play", null, "main");
    await refused("plays_max");
    const two = await MultiPeer.connect(origin.port);
    open.push(two);
    await two.play("main");
    const taken = sumOf(await scrape(), "weir_rejects_total", { reason: "ERR_STREAM_BUSY" });
    (await two.create()).say("play", null, "any?vhost=closed.test");
    await refused("ERR_SECURITY_DENIED");
    for (const stream of [await two.create(), await two.create()]) {
      stream.say("play", null, "any?vhost=limited.test");
    }
    await refused("ERR_LIMIT_PLAYERS");
    (await two.create()).say("publish", null, "main", "live");
    await becomes("weir_rejects_total", (value) => value > taken, { reason: "ERR_STREAM_BUSY" });

    const ask = (path: string, method = "GET"): HttpViewer =>
      new HttpViewer(`http://127.0.0.1:${http}${path}`, method);
    open.push(ask("/nothing/here.txt"), ask("/live/main.flv", "PUT"));
    await refused("http_not_found");
    await refused("http_bad_method");
    open.push(ask("/live/main.m3u8?_HLS_msn=x"));
    open.push(ask(`/api/${"a".repeat(2000)}`));
    await refused("http_bad_request");
  });

  test("an edge: attempts, origins and streams", LIMIT, async () => {
    const at = edge.api;
    const was = await scrape(at);
    const players = ["main", "main", "nothing", "nobody", "never"].map(
      (name) => new RtmpPeer(edge.url(name), "play"),
    );
    open.push(...players);
    await players[0]?.waitFrames(20, WAIT_MS);
    const pull = { kind: "pull" };
    await becomes("weir_upstream_streams", (value) => value === 1, { ...pull, state: "works" }, at);
    await becomes("weir_upstream_streams", (value) => value === 3, { ...pull, state: "waits" }, at);
    await becomes("weir_upstream_pulls", (value) => value === 4, {}, at);
    await grows(was, "weir_upstream_attempts_total", {}, at);
    await grows(was, "weir_upstream_ended_total", { fault: "connect" }, at);
    await becomes("weir_origin_failures", isSome, { origin: `127.0.0.1 ${dead}` }, at);
    await becomes("weir_origin_up", (value) => value === 0, { origin: `127.0.0.1 ${dead}` }, at);
    await becomes(
      "weir_origin_up",
      (value) => value === 1,
      { origin: `127.0.0.1 ${origin.port}` },
      at,
    );
    const pushed = await new RtmpPeer(edge.url("pushed"), "publish").waitReady(WAIT_MS);
    open.push(pushed);
    await becomes(
      "weir_upstream_streams",
      (value) => value === 1,
      { kind: "push", state: "works" },
      at,
    );
    assert.ok(sumOf(await scrape(at), "weir_stream_receive_bytes_total", { stream: STREAM }) > 0);
    await becomes("weir_thread_receive_bytes_total", isSome, {}, at);
  });
});

test("the lobby, and a thread that dies", LIMIT, async () => {
  const silent: Socket = connect(origin.port, "127.0.0.1");
  silent.on("error", () => undefined);
  await becomes("weir_lobby_connections", (value) => value >= 1);
  silent.destroy();
  const was = await scrape();
  const [shard = assert.fail()] = origin.server.supervisor.links;
  void shard.fault("throw").catch(() => undefined);
  await grows(was, "weir_thread_deaths_total");
  await grows(was, "weir_sessions_ended_total", { reason: "shard died" });
  await becomes("weir_thread_up", (value) => value === 1, { thread: "shard-0" });
});

test("who guesses credentials and tokens", LIMIT, async () => {
  const guarded = await startApi({
    directives: "exporter { enabled on; }",
    httpApi: "auth { enabled on; username op; password right; }",
    vhost: "token { enabled on; secret right; }",
  });
  try {
    const wrong = { headers: { authorization: "Basic d3Jvbmc6d3Jvbmc=" } };
    await guarded.raw("/api/v1/versions");
    for (let guess = 0; guess < 11; guess += 1) {
      await guarded.raw("/api/v1/versions", wrong);
      const query = `?expires=1999999999&sign=${"A".repeat(43)}`;
      await new RtmpPeer(guarded.url(`x${query}`), "play").waitEnd(WAIT_MS);
    }
    const text = await (await guarded.raw("/metrics")).text();
    for (const told of ['missing"} 1', 'wrong"} 10', 'locked"} 1']) {
      assert.ok(text.includes(`weir_api_refusals_total{reason="${told}\n`), told);
      assert.ok(text.includes(`weir_rejects_total{reason="api_${told}\n`), `api_${told}`);
    }
    assert.match(text, /weir_tokens_late_total 2\n/);
  } finally {
    await guarded.stop();
  }
});
