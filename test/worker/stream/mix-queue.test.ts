import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { MixQueue } from "../../../src/worker/stream/mix-queue.ts";
import { Track } from "../../../src/worker/stream/timeline.ts";

const WRAP = 2 ** 32;

interface Item {
  readonly track: number;
  readonly number: number;
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

interface Bench {
  readonly queue: MixQueue<Item>;
  readonly out: Item[];
  push(track: number, timestamp: number, bytes?: number): void;
}

function bench(): Bench {
  const out: Item[] = [];
  const queue = new MixQueue<Item>((item) => out.push(item));
  let number = 0;
  return {
    queue,
    out,
    push: (track, timestamp, bytes = 10) => {
      const payload = new Uint8Array(bytes);
      queue.push(track, { track, number, timestamp: ((timestamp % WRAP) + WRAP) % WRAP, payload });
      number += 1;
    },
  };
}

function times(items: readonly Item[]): number[] {
  return items.map(({ timestamp }) => timestamp);
}

function sendBurst(push: Bench["push"], track: number, from: number, count: number): void {
  for (let one = 0; one < count; one += 1) {
    push(track, from + one * 20);
  }
}

describe("mixing audio and video", () => {
  test("leaves in one rising order", () => {
    const { queue, out, push } = bench();
    for (const at of [0, 40, 80]) {
      push(Track.Video, at);
    }
    assert.equal(out.length, 0, "video waits for audio");
    for (const at of [0, 23, 46, 69, 92]) {
      push(Track.Audio, at);
    }
    assert.deepEqual(times(out), [0, 0, 23, 40, 46, 69, 80]);
    queue.drain();
    assert.deepEqual(times(out), [0, 0, 23, 40, 46, 69, 80, 92]);
    assert.equal(queue.size, 0);
  });

  test("rises across 2^32", () => {
    const { queue, out, push } = bench();
    push(Track.Video, -30);
    push(Track.Video, 10);
    push(Track.Audio, -10);
    push(Track.Audio, 20);
    queue.drain();
    assert.deepEqual(times(out), [WRAP - 30, WRAP - 10, 10, 20]);
  });

  test("a track alone is held for 10 messages, then passed at once until the other comes", () => {
    const { queue, out, push } = bench();
    for (let at = 0; at < 10; at += 1) {
      push(Track.Audio, at);
    }
    assert.equal(out.length, 0);
    push(Track.Audio, 10);
    assert.equal(out.length, 11);
    push(Track.Audio, 11);
    assert.equal(out.length, 12);
    push(Track.Video, 5);
    assert.equal(queue.size, 1, "mixing begins again");
    push(Track.Audio, 12);
    assert.deepEqual(times(out).slice(-1), [5]);
  });

  test("nothing is held for more than 2 s of stream or 8 MiB", () => {
    const long = bench();
    long.push(Track.Video, 0);
    long.push(Track.Video, 2000);
    assert.equal(long.out.length, 0);
    long.push(Track.Video, 2001);
    assert.equal(long.queue.size, 0);
    const large = bench();
    large.push(Track.Video, 0, 8 * 1024 * 1024);
    assert.equal(large.out.length, 0);
    large.push(Track.Video, 1, 1);
    assert.equal(large.queue.size, 0);
  });

  test("loses, doubles and reorders nothing within a track; holds few; mixes in order what comes in time", {
    timeout: 60_000,
  }, () => {
    const message = fc.tuple(
      fc.constantFrom(Track.Audio, Track.Video),
      fc.integer({ min: 0, max: 60 }),
    );
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 300 }),
        fc.integer({ min: 0, max: WRAP }),
        (all, from) => {
          const { queue, out, push } = bench();
          const clocks = [from, from];
          for (const [track, by] of all) {
            clocks[track] = (clocks[track] ?? 0) + by;
            push(track, clocks[track] ?? 0);
            assert.ok(queue.size <= 10);
          }
          queue.drain();
          assert.equal(out.length, all.length);
          for (const track of [Track.Audio, Track.Video]) {
            const numbers = out.filter((item) => item.track === track).map((item) => item.number);
            assert.deepEqual(
              numbers,
              numbers.toSorted((a, b) => a - b),
            );
          }
        },
      ),
    );
  });

  test("tracks no more than 10 messages apart leave in order of time", { timeout: 60_000 }, () => {
    const bursts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(bursts, (all) => {
        const { queue, out, push } = bench();
        let at = 0;
        for (const [index, burst] of all.entries()) {
          // Both tracks send the same moments, each burst of one before that of the other.
          sendBurst(push, index % 2, at, burst);
          sendBurst(push, 1 - (index % 2), at, burst);
          at += burst * 20;
        }
        queue.drain();
        const sent = times(out);
        assert.deepEqual(
          sent,
          sent.toSorted((a, b) => a - b),
        );
      }),
    );
  });
});
