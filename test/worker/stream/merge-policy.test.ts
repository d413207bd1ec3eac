import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MergeStretch, mergeFactor } from "../../../src/worker/stream/merge-policy.ts";
import { settings } from "../settings.ts";

/** Periods of a shard whose sending costs `once` of a core when every frame goes out at once. */
function run(stretch: MergeStretch, other: number, once: number, periods = 40): number[] {
  return Array.from({ length: periods }, () => {
    const sending = once / stretch.value;
    stretch.update(Math.min(1, other + sending), Math.min(1, sending));
    return stretch.value;
  });
}

describe("how far a shard stretches", () => {
  test("not at all while it is idle", () => {
    const stretch = new MergeStretch();
    assert.deepEqual(new Set(run(stretch, 0.05, 0.2)), new Set([1]));
  });

  for (const [other, once] of [
    [0.02, 0.5],
    [0.1, 2],
    [0.5, 0.5],
    [0.9, 4],
  ] as const) {
    test(`settles with ${once} of a core to send and ${other} for other work`, () => {
      const stretch = new MergeStretch();
      const values = run(stretch, other, once);
      const last = values.slice(-10);
      assert.equal(new Set(last).size, 1, `swings: ${last.join(" ")}`);
      const sending = once / stretch.value;
      assert.ok(sending < Math.max(0.08, 0.22 - other), `${sending} at ${stretch.value}`);
    });
  }

  test("stays where it is while periods differ by a quarter and their mean does not", () => {
    const stretch = new MergeStretch();
    run(stretch, 0.02, 0.8);
    const settled = stretch.value;
    const seen = new Set<number>();
    for (let period = 0; period < 100; period += 1) {
      const noise = [1.25, 0.8, 1.2, 0.75][period % 4] ?? 1;
      const sending = (0.8 / stretch.value) * noise;
      stretch.update(0.02 + sending, sending);
      seen.add(stretch.value);
    }
    assert.deepEqual([...seen], [settled]);
  });

  test("a load that fills the thread counts at once", () => {
    const stretch = new MergeStretch();
    run(stretch, 0.02, 0.8);
    const before = stretch.value;
    stretch.update(0.4, 0.38);
    assert.ok(stretch.value > before * 1.5);
  });

  test("relaxes at once when the load is gone, and not before", () => {
    const stretch = new MergeStretch();
    run(stretch, 0.02, 1);
    assert.ok(stretch.value > 3);
    run(stretch, 0.02, 0.25, 5);
    assert.ok(stretch.value > 1, "0.27 of a core at once is above the band");
    run(stretch, 0.02, 0.2, 1);
    assert.equal(stretch.value, 1);
  });

  test("never below 1 nor above 64, whatever is measured", { timeout: 30_000 }, () => {
    const measure = fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(measure), (all) => {
        const stretch = new MergeStretch();
        for (const [busy, sending] of all) {
          stretch.update(busy, sending);
          assert.ok(stretch.value >= 1 && stretch.value <= 64);
        }
      }),
    );
  });
});

describe("merge factor", () => {
  const pace = { frameIntervalMs: 40, messagesPerFrame: 3 };

  test("follows the stretch up to mw_latency", () => {
    assert.equal(mergeFactor(settings, pace, 1), 1);
    assert.equal(mergeFactor(settings, pace, 3.4), 3);
    // 350 / 40 = 8 frames of waiting, the ninth goes out.
    assert.equal(mergeFactor(settings, pace, 64), 9);
    assert.ok((mergeFactor(settings, pace, 64) - 1) * 40 <= 350);
    assert.equal(mergeFactor({ ...settings, mwLatencyMs: 0 }, pace, 64), 1);
  });

  test("min_latency sends every frame", () => {
    assert.equal(mergeFactor({ ...settings, minLatency: true }, pace, 64), 1);
  });

  test("send_min_interval is kept even then", () => {
    const slow = { ...settings, minLatency: true, sendMinIntervalMs: 100 };
    assert.equal(mergeFactor(slow, pace, 1), 3);
    assert.equal(mergeFactor({ ...slow, minLatency: false }, pace, 1), 3);
  });

  test("mw_adaptive off pins it at mw_latency, and at more than mw_msgs messages", () => {
    const pinned = { ...settings, mwAdaptive: false };
    assert.equal(mergeFactor(pinned, pace, 1), 9);
    assert.equal(mergeFactor({ ...pinned, mwMsgs: 128 }, pace, 1), 43);
    assert.equal(mergeFactor({ ...pinned, mwMsgs: 8 }, pace, 1), 9);
  });

  test("until a pace is known everything goes out at once", () => {
    assert.equal(mergeFactor(settings, { ...pace, frameIntervalMs: 0 }, 64), 1);
  });
});
