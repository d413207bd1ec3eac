/** Metrics of what a test cannot bring about at will: each is what was counted, and changes with it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Books } from "../../../src/main/admin/books.ts";
import { FanOutTimes } from "../../../src/main/admin/fan-out-times.ts";
import { forwardMetrics } from "../../../src/main/admin/forward-metrics.ts";
import { hookMetrics } from "../../../src/main/admin/hook-metrics.ts";
import type { MetricFamily } from "../../../src/main/admin/metric-text.ts";
import { programMetrics } from "../../../src/main/admin/program-metrics.ts";
import { recordingMetrics } from "../../../src/main/admin/recording-metrics.ts";
import { streamMetrics } from "../../../src/main/admin/stream-metrics.ts";
import { ThreadMetrics } from "../../../src/main/admin/thread-metrics.ts";
import { Clients } from "../../../src/main/coordinator/clients.ts";
import { Coordinator } from "../../../src/main/coordinator/coordinator.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import { HookCounts } from "../../../src/main/hooks/hook-counts.ts";
import type { Hooks } from "../../../src/main/hooks/hooks.ts";
import { failed, type Reply } from "../../../src/main/hooks/reply.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import { type Plan, UnsafeCommand } from "../../../src/main/programs/command.ts";
import { Keeper } from "../../../src/main/programs/keeper.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { Board, boardBytes, Counter } from "../../../src/protocol/control/board.ts";
import type { StreamSettings } from "../../../src/protocol/control/calls.ts";
import { noteTurn } from "../../../src/protocol/control/turn-times.ts";
import { METRIC_STREAMS_MAX } from "../../../src/protocol/limits.ts";
import { NO_FIGURES, storeFigures } from "../../../src/protocol/ring/ring-figures.ts";

const MS = 1000;
const WRAP = 1 << 17;

const boards = [0, 1].map(() => new Board(new SharedArrayBuffer(boardBytes(4))));
const links = boards.map((board, index) => {
  const link = { index, name: `shard-${index}`, board, isAlive: true, isShard: true };
  return Object.assign(link, { post: () => undefined }) as unknown as ShardLink;
});
const live: (ShardLink | undefined)[] = [...links];
const pool = new RingPool(2 * WRAP);
const clients = new Clients();
const coordinator = new Coordinator(pool, links, () => 100);
const { config } = decodeConfig("listen 1935; vhost __defaultVhost__ {}", "x", {
  include: () => "",
  environment: {},
});

let now = 0;
let isAsked = true;
let books: Books;
let fanOut: FanOutTimes;
let threads: ThreadMetrics;

before(() => {
  const read = (): Config => config;
  books = new Books({ config: read, coordinator, clients, pool, shards: links, now: () => now });
  fanOut = new FanOutTimes({ boards, isAsked: () => isAsked });
  threads = new ThreadMetrics({
    threads: live,
    threadNames: ["shard-0", "shard-1"],
    books,
    fanOut,
  });
});

after(() => {
  books.close();
  fanOut.close();
  threads.close();
});

/** Value of the one sample with these labels. */
function sampleOf(
  families: readonly MetricFamily[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const samples = families
    .filter((family) => family.name === name)
    .flatMap((family) => family.samples)
    .filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels?.[label] === value),
    );
  assert.ok(samples.length <= 1, name);
  return samples[0]?.value;
}

const COUNTED: readonly (readonly [name: string, counter: number, unit: number])[] = [
  ["weir_thread_utilisation", Counter.Utilisation, 1],
  ["weir_thread_loop_delay_seconds", Counter.LoopDelay, 1000],
  ["weir_thread_players", Counter.Players, 1],
  ["weir_thread_publishers", Counter.Publishers, 1],
  ["weir_thread_merge_stretch", Counter.MergeStretch, 1],
  ["weir_thread_sends_total", Counter.Sends, 1],
  ["weir_thread_skips_total", Counter.Skips, 1],
  ["weir_thread_resets_total", Counter.Resets, 1],
  ["weir_thread_stalls_total", Counter.Stalls, 1],
];

for (const [name, counter, unit] of COUNTED) {
  test(`${name} is what its thread counts`, () => {
    const [board = assert.fail()] = boards;
    for (const value of [0, 3, 12]) {
      board.counters[counter] = value;
      const families = threads.families(books.sums());
      assert.equal(sampleOf(families, name, { thread: "shard-0" }), value / unit);
      assert.equal(sampleOf(families, name, { thread: "shard-1" }), 0);
    }
  });
}

test("weir_fan_out_quantile_seconds is of all threads, and of the last minute", () => {
  const quantile = (of: string): number | undefined =>
    sampleOf(threads.families(books.sums()), "weir_fan_out_quantile_seconds", { quantile: of });
  const near = (value: number | undefined, ms: number): void =>
    assert.ok(Math.abs((value ?? Number.NaN) * MS - ms) <= ms / 100, `${value} s, not ${ms} ms`);
  assert.equal(quantile("0.5"), 0);
  const [first = assert.fail(), second = assert.fail()] = boards;
  for (let turn = 0; turn < 990; turn += 1) {
    noteTurn(first.turnTimes, 2 * MS);
  }
  for (let turn = 0; turn < 10; turn += 1) {
    noteTurn(second.turnTimes, 300 * MS);
  }
  assert.equal(fanOut.quantiles().turns, 1000);
  near(quantile("0.5"), 2);
  near(quantile("0.99"), 2);
  near(quantile("0.999"), 300);
  // A minute later only what came since then counts.
  for (let sample = 0; sample < 6; sample += 1) {
    fanOut.sample();
  }
  assert.equal(quantile("0.999"), 0);
  noteTurn(first.turnTimes, 7 * MS);
  near(quantile("0.5"), 7);
  assert.equal(fanOut.quantiles().turns, 1);
  // What nobody asked for is forgotten.
  isAsked = false;
  fanOut.sample();
  noteTurn(first.turnTimes, 7 * MS);
  assert.equal(fanOut.quantiles().turns, 0);
  isAsked = true;
  fanOut.sample();
  noteTurn(first.turnTimes, 9 * MS);
  near(quantile("0.5"), 9);
});

test("streams: what the writer counts, frames a second, and the ring", () => {
  const key = "__defaultVhost__/live/counted";
  const entry = coordinator.enter(key, { upstream: null, dvr: null } as unknown as StreamSettings);
  const lease = pool.lend(WRAP, 0) ?? assert.fail();
  entry.ringId = lease.ringId;
  const value = (name: string): number | undefined => {
    const sums = books.sums();
    const host = { books, clients, coordinator, pool, shards: links };
    return sampleOf(streamMetrics(host, sums), name, { stream: key });
  };
  for (const count of [0, 250]) {
    now = count === 0 ? 0 : 10_000;
    storeFigures(lease.memory, {
      ...NO_FIGURES,
      videoFrames: count,
      dropped: count / 50,
      jumps: count / 25,
      gopMs: count * 8,
    });
    assert.equal(value("weir_stream_dropped_messages_total"), count / 50);
    assert.equal(value("weir_stream_timestamp_jumps_total"), count / 25);
    assert.equal(value("weir_stream_gop_seconds"), (count * 8) / 1000);
    assert.equal(value("weir_stream_video_frames_per_second"), count / 10);
  }
  assert.equal(value("weir_stream_ring_bytes"), WRAP);
  // weir_ring_refusals_total: the budget is spent.
  assert.equal(pool.refused, 0);
  assert.equal(pool.lend(2 * WRAP, 0), null);
  assert.equal(pool.refused, 1);
});

test("weir_streams_unlisted: of so many streams, and of no more, there are metrics", () => {
  const host = { books, clients, coordinator, pool, shards: links };
  const unlisted = (): number | undefined =>
    sampleOf(streamMetrics(host, books.sums()), "weir_streams_unlisted");
  assert.equal(unlisted(), 0);
  const settings = { upstream: null, dvr: null } as unknown as StreamSettings;
  for (let index = 0; index < METRIC_STREAMS_MAX + 6; index += 1) {
    coordinator.addPlayer(coordinator.enter(`__defaultVhost__/live/${index}`, settings), 0);
  }
  assert.equal(unlisted(), 7);
  const families = streamMetrics(host, books.sums());
  const rows = families.find(({ name }) => name === "weir_stream_active")?.samples ?? [];
  assert.equal(rows.length, METRIC_STREAMS_MAX);
  const perStream = families.filter(({ samples }) => samples.length >= METRIC_STREAMS_MAX).length;
  // D-27: with every reason of an end, of which there are sixteen.
  assert.ok(perStream + 16 <= 50, `${perStream}`);
});

test("callbacks: weir_hook_seconds, weir_hook_calls_total, weir_hook_dropped_total", () => {
  const counts = new HookCounts();
  const hooks = {
    caller: { counts, load: { running: 3, verdicts: 1, news: 2 } },
    backlog: { count: 4 },
  } as unknown as Hooks;
  counts.replied("on_play", { kind: "allowed" } as Reply);
  counts.replied("on_play", failed("ERR_HOOK_TIMEOUT", ""));
  counts.took("on_play", 7);
  counts.took("on_play", 40_000);
  counts.of("on_close").dropped = 2;
  const families = hookMetrics(hooks);
  const action = "on_play";
  const samples = families.find(({ name }) => name === "weir_hook_seconds")?.samples ?? [];
  const below = (le: string): number | undefined =>
    samples.find(({ labels: { le: bound, action: of } = {} }) => bound === le && of === action)
      ?.value;
  assert.deepEqual([below("0.005"), below("0.01"), below("30"), below("+Inf")], [0, 1, 1, 2]);
  const calls = (reply: string): number | undefined =>
    sampleOf(families, "weir_hook_calls_total", { action, reply });
  assert.deepEqual([calls("allowed"), calls("refused"), calls("failed")], [1, 0, 1]);
  assert.equal(sampleOf(families, "weir_hook_waiting", { kind: "news" }), 2);
  assert.equal(sampleOf(families, "weir_hook_running"), 3);
  assert.equal(sampleOf(families, "weir_hook_backlog"), 4);
  assert.equal(sampleOf(families, "weir_hook_dropped_total", { action: "on_close" }), 2);
});

test("programs: what runs, waits, begins again and fails", () => {
  const nothing = (): void => undefined;
  const log = { info: nothing, warn: nothing } as unknown as Logger;
  let pause = nothing;
  const keeper = new Keeper({
    launcher: { start: nothing, stop: nothing },
    log,
    max: () => 2,
    now: () => 0,
    unixMs: () => 0,
    after: (_ms, work) => {
      pause = work;
      return nothing;
    },
  });
  const planOf = (id: string, commandAt: Plan["commandAt"]): Plan => {
    return { id, kind: "ingest", identity: id, output: "", commandAt };
  };
  const command = { file: "f", args: [], stdout: "", stderr: "", isOnlyLogged: false };
  keeper.want(planOf("a", () => command));
  keeper.want(
    planOf("b", () => {
      throw new UnsafeCommand("no");
    }),
  );
  keeper.ended(1, { code: 1, signal: null, fault: "" });
  pause();
  keeper.want(planOf("c", () => command));
  keeper.want(planOf("d", () => command));
  const families = programMetrics({ keeper });
  const of = (name: string): number | undefined => sampleOf(families, name, { kind: "ingest" });
  assert.equal(of("weir_programs_running"), 2);
  assert.equal(of("weir_program_starts_total"), 3);
  assert.equal(of("weir_program_restarts_total"), 1);
  assert.equal(of("weir_program_failures_total"), 2);
  assert.equal(sampleOf(families, "weir_programs_waiting"), 1);
  assert.equal(sampleOf(families, "weir_program_refusals_total"), 1);
});

test("recordings: what all threads have counted", () => {
  for (const [index, { counters }] of boards.entries()) {
    counters[Counter.Recordings] = 1;
    counters[Counter.RecordedBytes] = 1000;
    counters[Counter.RecordingErrors] = index;
    counters[Counter.RecordingDrops] = 2 + index;
  }
  const families = recordingMetrics(boards);
  assert.equal(sampleOf(families, "weir_recordings"), 2);
  assert.equal(sampleOf(families, "weir_recorded_bytes_total"), 2000);
  assert.equal(sampleOf(families, "weir_recording_errors_total"), 1);
  assert.equal(sampleOf(families, "weir_recording_drops_total"), 5);
});

test("forwards: those that take media and those that wait, what ended attempts, and what was left out", () => {
  const families = forwardMetrics({
    counts: { works: 2, waits: 1 },
    faults: new Map([["connect", 3]]),
    skips: 4,
  });
  assert.equal(sampleOf(families, "weir_forwards", { state: "works" }), 2);
  assert.equal(sampleOf(families, "weir_forwards", { state: "waits" }), 1);
  assert.equal(sampleOf(families, "weir_forward_ended_total", { fault: "connect" }), 3);
  assert.equal(sampleOf(families, "weir_forward_skips_total"), 4);
});

test("a thread that is being replaced keeps its name", () => {
  live[1] = undefined;
  const families = threads.families(books.sums());
  live[1] = links[1];
  assert.equal(sampleOf(families, "weir_thread_up", { thread: "shard-1" }), 0);
  assert.equal(sampleOf(families, "weir_thread_up", { thread: "shard-0" }), 1);
});
