import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { RingView } from "../../../src/worker/stream/ring-view.ts";
import { StreamPace } from "../../../src/worker/stream/stream-pace.ts";
import { ROWS_PER_CLOCK, Turns } from "../../../src/worker/stream/turns.ts";
import { lease, ShardBench } from "../shard-bench.ts";

interface Setup {
  readonly bench: ShardBench;
  readonly views: RingView[];
  readonly turns: Turns;
  /** Rows sent, in order. */
  readonly sent: number[];
  /** Rows that leave when they are sent. */
  readonly leaving: Set<number>;
}

/** Turns over views of so many rows, with a merge factor that the test sets as the bench's stretch. */
function setup(...counts: readonly number[]): Setup {
  const bench = new ShardBench({ settings: { mwLatencyMs: 10_000 } });
  const sent: number[] = [];
  const leaving = new Set<number>();
  let row = 1;
  const views = counts.map((count, index) => {
    const view = new RingView(lease(index + 1), bench.rows);
    for (let at = 0; at < count; at += 1, row += 1) {
      view.add(row, 0);
    }
    return view;
  });
  const turns = new Turns({
    host: bench,
    settings: bench.settings,
    pace: new StreamPace(),
    views,
    send: (view, one) => {
      sent.push(one);
      if (leaving.has(one)) {
        view.remove(one);
      }
    },
  });
  return { bench, views, turns, sent, leaving };
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function sorted(rows: readonly number[]): number[] {
  return rows.toSorted((a, b) => a - b);
}

/** Goes through one round with the old factor, so that the stretch holds from the next on. */
function beginRound({ turns, sent }: Setup): void {
  turns.take(1);
  sent.length = 0;
}

interface Step {
  readonly frames: number;
  readonly cut: boolean;
  readonly stretch: number;
  readonly leave: number | null;
  readonly join: boolean;
}

/** Rows that come and go, and the frames that each has waited. */
class Crowd {
  readonly #setup: Setup;
  readonly #view: RingView;
  readonly #waits = new Map<number, number>();
  #nextRow = 100;

  constructor(count: number) {
    this.#setup = setup(count, 20);
    const [first] = this.#setup.views;
    assert.ok(first);
    this.#view = first;
  }

  run({ frames, cut, stretch, leave, join }: Step): void {
    const { bench, turns, sent } = this.#setup;
    bench.stretched = stretch;
    bench.turnLimit = cut ? -1 : 1000;
    sent.length = 0;
    if (frames > 0) {
      turns.take(frames);
    }
    bench.turnLimit = 1000;
    for (const taker of bench.cutTurns.splice(0)) {
      taker.continueTurn();
    }
    this.#check(frames);
    const view = this.#view;
    if (leave !== null && view.count > 0) {
      view.remove(view.list[leave % view.count] ?? -1);
    }
    if (join && this.#nextRow < 127) {
      view.add(this.#nextRow, 0);
      this.#waits.set(this.#nextRow, 0);
      this.#nextRow += 1;
    }
  }

  #check(frames: number): void {
    const sent = new Set(this.#setup.sent);
    for (const row of this.#view.list.subarray(0, this.#view.count)) {
      const wait = sent.has(row) ? 0 : (this.#waits.get(row) ?? 0) + frames;
      this.#waits.set(row, wait);
      assert.ok(wait <= 2 * 9, `row ${row} waits ${wait} frames`);
    }
  }
}

describe("turns", () => {
  test("at once: each frame sends every row", () => {
    const { turns, sent } = setup(5, 3);
    turns.take(1);
    assert.deepEqual(sent, numbers(1, 8));
    turns.take(3);
    assert.deepEqual(sent, [...numbers(1, 8), ...numbers(1, 8)], "frames of one turn are one send");
  });

  for (const k of [2, 3, 7, 20]) {
    test(`k = ${k}: each row is sent exactly once a round, rings of any sizes`, () => {
      const all = setup(10, 1, 0, 6);
      all.bench.stretched = k;
      beginRound(all);
      for (let round = 0; round < 3; round += 1) {
        all.sent.length = 0;
        for (let frame = 0; frame < k; frame += 1) {
          const before = all.sent.length;
          all.turns.take(1);
          assert.ok(all.sent.length - before <= Math.ceil(10 / k) + 1 + Math.ceil(6 / k));
        }
        assert.deepEqual(sorted(all.sent), numbers(1, 17));
      }
    });
  }

  test("when k changes nobody waits longer than the longer of the two rounds", () => {
    for (const [before, after] of [
      [11, 9],
      [3, 20],
      [20, 2],
    ] as const) {
      const all = setup(40);
      all.bench.stretched = before;
      beginRound(all);
      const lastSent = new Map(numbers(1, 40).map((row) => [row, 0]));
      for (let frame = 1; frame <= before + after; frame += 1) {
        if (frame === before) {
          all.bench.stretched = after;
        }
        all.sent.length = 0;
        all.turns.take(1);
        for (const row of all.sent) {
          const wait = frame - (lastSent.get(row) ?? 0);
          assert.ok(wait <= Math.max(before, after) + 1, `${before} to ${after}: ${wait} frames`);
          lastSent.set(row, frame);
        }
      }
      assert.ok([...lastSent.values()].every((frame) => frame > before));
    }
  });

  test("frames that come together owe as many phases, one round at the most", () => {
    const all = setup(12);
    all.bench.stretched = 4;
    beginRound(all);
    all.turns.take(2);
    assert.deepEqual(sorted(all.sent), numbers(1, 6));
    all.turns.take(100);
    assert.equal(all.sent.length, 6 + 12);
  });

  test("a cut turn goes on where it was, after other work, and nothing is sent twice", () => {
    const all = setup(100);
    const { bench, turns, sent } = all;
    bench.turnLimit = -1;
    turns.take(1);
    assert.equal(sent.length, ROWS_PER_CLOCK);
    assert.equal(bench.cutTurns.length, 1);
    turns.take(1);
    turns.take(5);
    assert.equal(sent.length, ROWS_PER_CLOCK, "a cut turn waits for its continuation");
    assert.equal(bench.cutTurns.length, 1, "asked for once");
    bench.cutTurns.pop();
    turns.continueTurn();
    assert.deepEqual(sent, numbers(1, 2 * ROWS_PER_CLOCK));
    bench.turnLimit = 1000;
    bench.cutTurns.pop();
    turns.continueTurn();
    assert.deepEqual(sent, numbers(1, 100));
    turns.take(1);
    assert.equal(sent.length, 200);
  });

  test("a row that leaves gives its place to another, which is not left out", () => {
    const { turns, sent, leaving, views } = setup(6);
    leaving.add(2).add(3);
    turns.take(1);
    assert.deepEqual(sorted(sent), numbers(1, 6));
    assert.equal(views[0]?.count, 4);
  });

  test("whatever comes, goes and is cut: nobody waits longer than two rounds", {
    timeout: 60_000,
  }, () => {
    const step = fc.record({
      frames: fc.integer({ min: 0, max: 3 }),
      cut: fc.boolean(),
      stretch: fc.integer({ min: 1, max: 9 }),
      leave: fc.option(fc.nat(200)),
      join: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.array(step, { maxLength: 80 }),
        (count, all) => {
          const crowd = new Crowd(count);
          for (const one of all) {
            crowd.run(one);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
