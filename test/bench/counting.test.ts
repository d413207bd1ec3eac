/** What players count, and what becomes of it when processes and runs are put together. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { GeneratorFigures } from "../../bench/generator/calls.ts";
import { FrameCheck } from "../../bench/generator/frame-check.ts";
import { dealOut } from "../../bench/generator/generators.ts";
import { mergeFigures } from "../../bench/generator/merge.ts";
import { SegmentSizes } from "../../bench/generator/segment-check.ts";
import { Tally } from "../../bench/generator/tally.ts";
import { medianOf, summarise } from "../../bench/measure/figures.ts";
import { decodeCallCounts } from "../../bench/measure/syscalls.ts";
import { nowUs } from "../../bench/native/clock.ts";
import {
  buildHistogram,
  curveOf,
  encodeHistogram,
  percentilesOf,
} from "../../bench/native/distribution.ts";
import { DueQueue } from "../../bench/native/due-queue.ts";
import { LagRecorder } from "../../bench/native/lag-recorder.ts";
import { slopeOf } from "../../bench/works/soak.ts";

const LIMIT = { timeout: 10_000 };

function encodeValues(values: readonly number[]): string {
  const histogram = buildHistogram();
  for (const value of values) {
    histogram.recordValue(value);
  }
  return encodeHistogram(histogram);
}

describe("distributions", () => {
  const low = Array.from({ length: 900 }, (_, index) => 1000 + index);
  const high = Array.from({ length: 100 }, (_, index) => 500_000 + index * 1000);

  test("merged ones have the percentiles of all their values", LIMIT, () => {
    const merged = percentilesOf([encodeValues(low), "", encodeValues(high)]);
    const whole = percentilesOf([encodeValues([...low, ...high])]);
    assert.deepEqual(merged, whole);
    assert.equal(merged.count, 1000);
    assert.ok(Math.abs(merged.p50 - 1.5) < 0.01);
    assert.ok(Math.abs(merged.p99 - 590) < 2, `p99 ${merged.p99}`);
  });

  test("none has no curve, and percentiles of 0", LIMIT, () => {
    assert.deepEqual(curveOf(["", ""]), []);
    assert.deepEqual(percentilesOf([]), { count: 0, p50: 0, p90: 0, p99: 0, max: 0 });
  });

  test("a curve rises to the largest value", LIMIT, () => {
    const curve = curveOf([encodeValues([...low, ...high])]);
    const values = curve.map(([, ms]) => ms);
    assert.deepEqual(
      values,
      values.toSorted((a, b) => a - b),
    );
    assert.equal(curve.at(-1)?.[0], 100);
    assert.ok((values.at(-1) ?? 0) >= 599);
  });
});

describe("Tally", () => {
  test("frames that do not come are among the latencies, each with its age", LIMIT, () => {
    const tally = new Tally();
    for (let index = 0; index < 100; index++) {
      tally.latency(2000);
    }
    // Less than a frame's time beyond the usual: may be on its way.
    tally.overdue(30_000, 33_000);
    // A second without a frame lacks thirty.
    tally.overdue(1_000_000, 33_000);
    const { count, max } = percentilesOf([tally.take(new LagRecorder()).distributions.latency]);
    assert.equal(count, 100 + 30);
    assert.ok(max >= 999 && max <= 1001, `max ${max}`);
  });

  test("distributions start anew when they are taken, counts go on", LIMIT, () => {
    const tally = new Tally();
    tally.join(1000);
    assert.notEqual(tally.take(new LagRecorder()).distributions.join, "");
    const again = tally.take(new LagRecorder());
    assert.equal(again.distributions.join, "");
    assert.equal(again.counts.live, 1);
  });
});

describe("FrameCheck", () => {
  const start = (): { tally: Tally; check: FrameCheck } => {
    const tally = new Tally();
    return { tally, check: new FrameCheck(tally, nowUs()) };
  };

  test("what comes before a keyframe is counted and is no join", LIMIT, () => {
    const { tally, check } = start();
    check.video(false, 0, 3, nowUs());
    assert.equal(check.isLive, false);
    check.video(true, 0, 4, nowUs());
    assert.equal(check.isLive, true);
    assert.equal(tally.counts.beforeKeyframe, 1);
    assert.equal(tally.counts.live, 1);
  });

  test("gaps and disorder of each track", LIMIT, () => {
    const { tally, check } = start();
    for (const sequence of [0, 1, 4]) {
      check.video(sequence === 0, 0, sequence, nowUs());
    }
    for (const sequence of [10, 11, 11]) {
      check.audio(0, sequence);
    }
    assert.equal(tally.counts.gaps, 2);
    assert.equal(tally.counts.disorder, 1);
  });

  test("a stream published anew begins again, at a keyframe", LIMIT, () => {
    const { tally, check } = start();
    check.video(true, 8, 0, nowUs());
    check.audio(8, 5);
    check.video(false, 9, 0, nowUs());
    check.video(true, 9, 1, nowUs());
    check.audio(9, 0);
    assert.equal(tally.counts.restarts, 1);
    assert.equal(tally.counts.beforeKeyframe, 1);
    assert.equal(tally.counts.gaps + tally.counts.disorder, 0);
    const { outage } = tally.take(new LagRecorder()).distributions;
    assert.equal(percentilesOf([outage]).count, 1);
  });
});

describe("HLS", () => {
  test("fetches are counted and timed, over all processes and anew after each look", LIMIT, () => {
    const tallies = [new Tally(), new Tally()];
    for (const [index, tally] of tallies.entries()) {
      tally.fetched((index + 1) * 10_000);
      tally.polled(5000);
      tally.counts.refusals += index;
    }
    const all = mergeFigures(tallies.map((tally) => tally.take(new LagRecorder())));
    assert.deepEqual([all.counts.segments, all.counts.refusals], [2, 1]);
    assert.equal(all.counts.playlists, 2);
    assert.equal(percentilesOf([all.distributions.poll]).count, 2);
    const fetch = percentilesOf([all.distributions.fetch]);
    assert.equal(fetch.count, 2);
    assert.ok(Math.abs(fetch.p99 - 20) < 1, `${fetch.p99} ms`);
    const [first] = tallies;
    const later = first?.take(new LagRecorder()).distributions.fetch ?? "";
    assert.equal(percentilesOf([later]).count, 0);
  });
});

describe("segments", () => {
  test("one that has another size than for others is refused", LIMIT, () => {
    const sizes = new SegmentSizes();
    sizes.compare(7, 1000);
    sizes.compare(7, 1000);
    sizes.compare(8, 999);
    assert.throws(() => sizes.compare(7, 999), /segment 7 of 999 bytes, of 1000 before/);
  });

  test("those of long ago are forgotten", LIMIT, () => {
    const sizes = new SegmentSizes();
    for (let sequence = 0; sequence < 1000; sequence++) {
      sizes.compare(sequence, 1000 + sequence);
    }
    sizes.compare(0, 5);
    assert.throws(() => sizes.compare(999, 5));
  });
});

describe("DueQueue", () => {
  test("gives what is due in its order, and nothing before", LIMIT, () => {
    const times = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 });
    fc.assert(
      fc.property(times, fc.integer({ min: 0, max: 50 }), (dues, now) => {
        const queue = new DueQueue<number>();
        for (const due of dues) {
          queue.add(due, due);
        }
        const taken: number[] = [];
        for (let one = queue.take(now); one !== undefined; one = queue.take(now)) {
          taken.push(one);
        }
        const sorted = dues.toSorted((a, b) => a - b);
        assert.deepEqual(
          taken,
          sorted.filter((due) => due <= now),
        );
        assert.equal(queue.nextUs, sorted[taken.length] ?? Number.POSITIVE_INFINITY);
      }),
    );
  });
});

describe("several processes", () => {
  const figuresOf = (players: number, us: number, lagMs: number): GeneratorFigures => {
    const tally = new Tally();
    tally.counts.connections = players;
    for (let index = 0; index < players; index++) {
      tally.join(us);
    }
    tally.lose("gone", false);
    const figures = tally.take(new LagRecorder());
    return { ...figures, lag: { p50: 0, p99: lagMs, max: lagMs, backlogMax: 0 } };
  };

  test("counts are summed, distributions merged, the latest counts for lag", LIMIT, () => {
    const merged = mergeFigures([figuresOf(300, 1000, 2), figuresOf(100, 9000, 40)]);
    assert.equal(merged.counts.connections, 400);
    assert.equal(merged.counts.live, 400);
    assert.deepEqual(merged.reasons, ["gone"]);
    assert.equal(merged.lag.p99, 40);
    const { count, p50, p99 } = percentilesOf([merged.distributions.join]);
    assert.deepEqual([count, Math.round(p50), Math.round(p99)], [400, 1, 9]);
  });

  test("players are dealt out whole", LIMIT, () => {
    assert.deepEqual(dealOut(10, 3), [3, 3, 4]);
    assert.deepEqual(dealOut(1, 2), [0, 1]);
  });
});

describe("runs", () => {
  test("the median of those that count, with their spread", LIMIT, () => {
    const run = (cpuPercent: number, voidReason = "") => ({
      figures: { cpuPercent },
      voidReason,
      reasons: [],
      latency: "",
    });
    const summary = summarise([run(10), run(99, "late"), run(12), run(14)], [], "");
    assert.equal(summary.median.cpuPercent, 12);
    assert.equal(summary.spread.cpuPercent, 4 / 12);
    assert.match(summarise([run(1, "late")], [], "").absence, /void: late/);
    assert.equal(medianOf([4, 1, 3, 2]), 2.5);
  });

  test("growth is the slope of a line through the samples", LIMIT, () => {
    const rising = slopeOf([
      [0, 5],
      [1, 7],
      [2, 9],
    ]);
    assert.equal(rising, 2);
    assert.equal(slopeOf([[1, 1]]), 0);
  });

  test("system calls of strace's table, without its total", LIMIT, () => {
    const table = [
      "% time     seconds  usecs/call     calls    errors syscall",
      "------ ----------- ----------- --------- --------- ----------------",
      " 61.00    0.010000          10      1000        12 sendto",
      " 39.00    0.006000           6       500           epoll_wait",
      "------ ----------- ----------- --------- --------- ----------------",
      "100.00    0.016000          10      1500        12 total",
    ].join("\n");
    assert.equal(decodeCallCounts(table), 1500);
    assert.equal(decodeCallCounts(""), 0);
  });
});
