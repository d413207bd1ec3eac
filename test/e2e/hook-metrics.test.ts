/** Callbacks in the metrics: as many as there were, by what came of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startApi } from "../support/api.ts";
import { HookServer } from "../support/hook-server.ts";
import { type PromFamily, readMetrics } from "../support/prometheus.ts";
import { RtmpPeer } from "../support/rtmp-peer.ts";
import { waitUntil } from "../support/scratch.ts";

const WAIT_MS = 20_000;

type Metrics = Map<string, PromFamily>;

/** The sum of all samples with these labels; without one 0. */
function figureOf(metrics: Metrics, name: string, labels: Record<string, string> = {}): number {
  const isMeant = (of: Readonly<Record<string, string>>): boolean =>
    Object.entries(labels).every(([label, value]) => of[label] === value);
  const samples = metrics.get(name)?.samples ?? [];
  return samples.filter((one) => isMeant(one.labels)).reduce((sum, { value }) => sum + value, 0);
}

test("callbacks are counted: answers, failures by kind, repetitions, time, what waits", {
  timeout: 60_000,
}, async () => {
  const hooks = await HookServer.start();
  const more =
    "hook_timeout 2; hook_retries 2; hook_retry_delay 0.01; hook_play_cache 60; hook_concurrency 1;";
  const weir = await startApi({
    workers: 1,
    directives: "exporter { enabled on; }",
    vhost: hooks.directives(["on_publish", "on_unpublish", "on_play", "on_close"], more),
  });
  const scrape = async (): Promise<Metrics> =>
    readMetrics(await (await weir.raw("/metrics")).text());
  /** Waits until everybody has left and all is told. */
  const settled = async (): Promise<Metrics> => {
    let metrics: Metrics = new Map();
    const isOver = async (): Promise<boolean> => {
      metrics = await scrape();
      const gauges = ["srs_clients", "weir_lobby_connections", "weir_hook_backlog"];
      return gauges.every((name) => figureOf(metrics, name) === 0);
    };
    await waitUntil("all have left", isOver, WAIT_MS);
    return metrics;
  };
  try {
    const before = await scrape();
    assert.equal(before.get("weir_hook_calls_total"), undefined, "none was made");
    assert.equal(figureOf(before, "weir_hook_running"), 0);
    for (const answer of ["0", "code 1", "hang", "garbage", "403"] as const) {
      hooks.answers.set("on_publish", answer);
      const peer = new RtmpPeer(weir.url("a"), "publish");
      await waitUntil("decided", () => peer.isReady || peer.end !== "open", WAIT_MS);
      peer.reset();
      await settled();
    }
    for (let count = 0; count < 2; count += 1) {
      const player = await new RtmpPeer(weir.url("a"), "play").waitReady(WAIT_MS);
      player.reset();
      await settled();
    }
    hooks.answers.set("on_close", "500");
    const last = await new RtmpPeer(weir.url("a"), "play").waitReady(WAIT_MS);
    last.reset();
    const metrics = await settled();
    const calls = (action: string, reply: string): number =>
      figureOf(metrics, "weir_hook_calls_total", { action, reply });
    assert.deepEqual(
      ["allowed", "refused", "failed"].map((reply) => calls("on_publish", reply)),
      [1, 2, 2],
    );
    assert.equal(calls("on_unpublish", "allowed"), 1);
    // One was asked, the others are known and told.
    assert.equal(calls("on_play", "allowed"), 3);
    assert.equal(figureOf(metrics, "weir_hook_known_total"), 2);
    assert.equal(calls("on_close", "failed"), 3);
    assert.equal(figureOf(metrics, "weir_hook_retries_total", { action: "on_close" }), 2);
    const failures = (code: string): number =>
      figureOf(metrics, "weir_hook_failures_total", { code });
    assert.deepEqual(
      ["ERR_HOOK_TIMEOUT", "3008", "4005"].map(failures),
      [1, 1, 3],
      "hang, garbage, 500 three times",
    );
    assert.equal(figureOf(metrics, "weir_hook_dropped_total"), 0);
    const { samples } = metrics.get("weir_hook_seconds") ?? assert.fail();
    const [sum, count] = ["_sum", "_count"].map(
      (suffix) =>
        samples.find(
          ({ name, labels: { action } }) => name.endsWith(suffix) && action === "on_publish",
        )?.value ?? 0,
    );
    assert.equal(count, 5);
    assert.ok((sum ?? 0) >= 1.9 && (sum ?? 0) < 30, `${sum} s`);
    await assertWaiting();
  } finally {
    await weir.stop();
    await hooks.close();
  }

  /** Three ask while one may be asked about. */
  async function assertWaiting(): Promise<void> {
    hooks.answers.set("on_publish", "hang");
    const peers = ["x", "y", "z"].map((name) => new RtmpPeer(weir.url(name), "publish"));
    await waitUntil(
      "two wait",
      async () => {
        const metrics = await scrape();
        const waiting = figureOf(metrics, "weir_hook_waiting", { kind: "question" });
        return waiting === 2 && figureOf(metrics, "weir_hook_running") === 1;
      },
      WAIT_MS,
    );
    for (const peer of peers) {
      peer.reset();
    }
  }
});
