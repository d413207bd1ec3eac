/** Metrics for Prometheus: SRS's names, weir's own, true figures, and text that Prometheus reads. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ApiServer, startApi } from "../support/api.ts";
import { readFlv } from "../support/flv-file.ts";
import { type PromFamily, readMetrics } from "../support/prometheus.ts";
import { ClipPublisher, RtmpPeer } from "../support/rtmp-peer.ts";
import { findFreePort, isListening, waitUntil } from "../support/scratch.ts";
import { REPOSITORY } from "../support/weir.ts";

const LIMIT = { timeout: 60_000 };
const WAIT_MS = 20_000;

const SRS_NAMES = [
  ..."srs_node_uname_info srs_build_info srs_cpu_percent srs_memory srs_send_bytes_total".split(
    " ",
  ),
  ..."srs_receive_bytes_total srs_streams srs_clients srs_clients_total".split(" "),
  "srs_clients_errs_total",
];

type Metrics = Map<string, PromFamily>;

function figureOf(metrics: Metrics, name: string, labels: Record<string, string> = {}): number {
  const family = metrics.get(name) ?? assert.fail(`${name} is missing`);
  const found = family.samples.filter((sample) =>
    Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  );
  assert.equal(found.length, 1, `${name} ${JSON.stringify(labels)}`);
  return found[0]?.value ?? assert.fail();
}

async function scrape(url: string): Promise<Metrics> {
  const page = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(WAIT_MS) });
  assert.equal(page.headers.get("content-type"), "text/plain; charset=utf-8");
  return readMetrics(await page.text());
}

test("1090 while the exporter is off", LIMIT, async () => {
  const weir = await startApi();
  try {
    const page = await weir.raw("/metrics");
    assert.equal(page.headers.get("content-type"), "application/json");
    assert.deepEqual(await page.json(), { code: 1090 });
  } finally {
    await weir.stop();
  }
});

describe("with the exporter", LIMIT, () => {
  let weir: ApiServer;
  let exporter: string;
  before(async () => {
    const port = await findFreePort();
    exporter = `http://127.0.0.1:${port}`;
    weir = await startApi({
      workers: 2,
      directives: `exporter { enabled on; listen 127.0.0.1:${port}; label east; tag edge; }`,
    });
    await waitUntil("the exporter listens", () => isListening(port), WAIT_MS);
  });
  after(() => weir?.stop());

  test("SRS's names, on both ports, and nothing else on the exporter's", async () => {
    for (const url of [exporter, weir.api]) {
      const metrics = await scrape(url);
      for (const name of SRS_NAMES) {
        const { type, samples } = metrics.get(name) ?? assert.fail(`${name} is missing`);
        assert.equal(type, name.endsWith("_total") ? "counter" : "gauge", name);
        assert.equal(samples.length, 1, name);
      }
      const { pid, label, tag } = metrics.get("srs_build_info")?.samples[0]?.labels ?? {};
      assert.deepEqual([pid, label, tag], [String(weir.pid), "east", "edge"]);
    }
    const other = await fetch(`${exporter}/api/v1/versions`);
    assert.equal(other.status, 404);
  });

  test("figures of streams and threads are what happened", async () => {
    const frames = readFlv(join(REPOSITORY, "test/fixtures/flv/h264-aac-b-frames.flv"));
    const peer = await new RtmpPeer(weir.url("measured"), "publish").waitReady(WAIT_MS);
    const publisher = new ClipPublisher(peer, frames);
    const players = [1, 2, 3].map(() => new RtmpPeer(weir.url("measured"), "play"));
    await Promise.all(players.map((player) => player.waitFrames(100, WAIT_MS)));
    const stream = { stream: "__defaultVhost__/live/measured" };
    let metrics: Metrics = new Map();
    await waitUntil(
      "a second and two keyframes of the stream are counted",
      async () => {
        metrics = await scrape(exporter);
        const hasFrames = figureOf(metrics, "weir_stream_video_frames_total", stream) > 10;
        const hasGop = figureOf(metrics, "weir_stream_gop_seconds", stream) > 0;
        return hasFrames && hasGop && figureOf(metrics, "weir_stream_bits_per_second", stream) > 0;
      },
      WAIT_MS,
    );
    assert.equal(figureOf(metrics, "weir_stream_active", stream), 1);
    assert.equal(figureOf(metrics, "weir_stream_players", stream), 3);
    assert.ok(figureOf(metrics, "weir_stream_audio_frames_total", stream) > 0);
    assert.equal(figureOf(metrics, "weir_stream_dropped_messages_total", stream), 0);
    const sent = figureOf(metrics, "weir_stream_send_bytes_total", stream);
    assert.ok(sent > 0 && figureOf(metrics, "srs_send_bytes_total") >= sent);
    assert.equal(figureOf(metrics, "srs_clients"), 4);
    assert.equal(figureOf(metrics, "srs_streams"), 1);
    assert.equal(figureOf(metrics, "weir_rings", { state: "lent" }) > 0, true);
    for (const thread of ["main", "shard-0", "shard-1"]) {
      assert.ok(figureOf(metrics, "weir_thread_utilisation", { thread }) >= 0);
      assert.ok(figureOf(metrics, "weir_thread_loop_delay_seconds", { thread }) >= 0);
    }
    assertFanOut(metrics);
    const before = figureOf(metrics, "srs_receive_bytes_total");
    for (const one of [publisher, ...players]) {
      one.close();
    }
    await waitUntil(
      "all have left",
      async () => {
        metrics = await scrape(exporter);
        return figureOf(metrics, "srs_clients") === 0;
      },
      WAIT_MS,
    );
    assert.ok(figureOf(metrics, "srs_receive_bytes_total") >= before, "counters never fall");
    assert.equal(figureOf(metrics, "srs_clients_total"), 4);
    const ends = metrics.get("weir_sessions_ended_total")?.samples ?? [];
    assert.equal(
      ends.reduce((sum, { value }) => sum + value, 0),
      4,
    );
    assert.equal(figureOf(metrics, "weir_stream_active", stream), 0);
    assert.ok(figureOf(metrics, "weir_stream_video_frames_total", stream) > 10);
  });
});

/** Buckets rise, and frames were sent from the threads that have players. */
function assertFanOut(metrics: Metrics): void {
  const { samples } = metrics.get("weir_fan_out_seconds") ?? assert.fail("no fan-out");
  for (const thread of ["shard-0", "shard-1"]) {
    const own = samples.filter(({ labels: { thread: of } }) => of === thread);
    const buckets = own.filter(({ name }) => name.endsWith("_bucket"));
    for (const [index, { value }] of buckets.entries()) {
      assert.ok(value >= (buckets[index - 1]?.value ?? 0), "buckets are cumulative");
    }
    const { le } = buckets.at(-1)?.labels ?? {};
    assert.equal(le, "+Inf");
    const count = own.find(({ name }) => name.endsWith("_count"));
    assert.equal(buckets.at(-1)?.value, count?.value);
  }
  const counts = samples.filter(({ name }) => name.endsWith("_count"));
  assert.ok(
    counts.some(({ value }) => value > 10),
    "turns were counted",
  );
}
