import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type JitterMode, Timeline, Track } from "../../../src/worker/stream/timeline.ts";

const WRAP = 2 ** 32;

/** Outputs of one track's inputs. */
function outputs(timeline: Timeline, track: number, inputs: readonly number[]): number[] {
  return inputs.map((input) => timeline.correct(track, ((input % WRAP) + WRAP) % WRAP));
}

function steps(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => (time - (times[index] ?? 0)) | 0);
}

describe("timeline: boundaries", () => {
  for (const [name, boundary] of [
    ["24 bits", 2 ** 24],
    ["31 bits", 2 ** 31],
    ["32 bits", WRAP],
  ] as const) {
    for (const mode of ["full", "zero", "off"] as const) {
      test(`${mode}: input crosses ${name} without a seam`, () => {
        const timeline = new Timeline(mode, null);
        const inputs = Array.from({ length: 20 }, (_, index) => boundary - 400 + index * 40);
        const times = outputs(timeline, Track.Video, inputs);
        assert.deepEqual(steps(times), new Array(19).fill(40));
        assert.equal(times[0], mode === "off" ? boundary - 400 : 0);
        assert.equal(timeline.jumps, 0);
      });
    }

    test(`full: output crosses ${name} without a seam when a publisher returns`, () => {
      const previous = { audio: boundary - 30, video: boundary - 20 };
      const timeline = new Timeline("full", previous);
      const video = outputs(timeline, Track.Video, [500, 540, 580]);
      const audio = outputs(timeline, Track.Audio, [505, 528, 551]);
      assert.deepEqual(steps([boundary - 20, ...video]), [10, 40, 40]);
      assert.deepEqual(steps(audio), [23, 23]);
      assert.equal((audio[0] ?? 0) - (video[0] ?? 0), 5);
    });
  }

  test("full: tracks that start on either side of 2^32 stay in step", () => {
    const timeline = new Timeline("full", null);
    assert.equal(timeline.correct(Track.Video, WRAP - 20), 0);
    assert.equal(timeline.correct(Track.Audio, 5), 25);
    assert.equal(timeline.correct(Track.Video, 20), 40);
    const other = new Timeline("full", null);
    assert.equal(other.correct(Track.Audio, 5), 0);
    assert.equal(other.correct(Track.Video, WRAP - 20), 0, "no output lies before the start");
    assert.equal(other.correct(Track.Video, 20), 15);
  });

  test("full: 60 days of stream do not lose a millisecond", () => {
    const timeline = new Timeline("full", null);
    const step = 5000;
    let time = 0;
    for (let at = 0; at < (60 * 86_400_000) / step; at += 1) {
      time = timeline.correct(Track.Video, (7 + at * step) % WRAP);
    }
    assert.equal(time, (60 * 86_400_000 - step) % WRAP);
  });
});

describe("timeline: jumps", () => {
  test("full: a jump ahead goes on by the track's own step, and the other track stays in step", () => {
    const timeline = new Timeline("full", null);
    outputs(timeline, Track.Video, [1000, 1040, 1080]);
    outputs(timeline, Track.Audio, [1000, 1023, 1046, 1069]);
    assert.equal(timeline.correct(Track.Video, 100_000), 120);
    assert.equal(timeline.correct(Track.Audio, 99_992), 112);
    assert.equal(timeline.correct(Track.Video, 100_040), 160);
    assert.equal(timeline.jumps, 2);
  });

  test("full: a restart at 0 is a jump back", () => {
    const timeline = new Timeline("full", null);
    outputs(timeline, Track.Video, [50_000, 50_040]);
    outputs(timeline, Track.Audio, [50_000, 50_023]);
    assert.deepEqual(outputs(timeline, Track.Audio, [0, 23, 46]), [46, 69, 92]);
    assert.deepEqual(outputs(timeline, Track.Video, [0, 40, 80]), [46, 86, 126]);
  });

  test("full: 10 s ahead is a gap and is kept; more is a jump", () => {
    const gap = new Timeline("full", null);
    assert.deepEqual(outputs(gap, Track.Video, [0, 40, 10_040]), [0, 40, 10_040]);
    assert.equal(gap.jumps, 0);
    const jump = new Timeline("full", null);
    assert.deepEqual(outputs(jump, Track.Video, [0, 40, 10_041]), [0, 40, 80]);
    assert.equal(jump.jumps, 1);
  });

  test("full: 250 ms back is clamped; more is a jump; small steps back add up to one", () => {
    const clamped = new Timeline("full", null);
    assert.deepEqual(outputs(clamped, Track.Video, [0, 400, 150, 440]), [0, 400, 400, 440]);
    assert.equal(clamped.jumps, 0);
    const jump = new Timeline("full", null);
    assert.deepEqual(outputs(jump, Track.Video, [0, 40, 400, 149, 189]), [0, 40, 400, 440, 480]);
    const slow = new Timeline("full", null);
    const times = outputs(slow, Track.Video, [0, 40, 1000, 900, 800, 700, 740, 780]);
    assert.equal(slow.jumps, 1);
    assert.deepEqual(steps(times).slice(-2), [40, 40]);
  });

  test("full: without a usual step a jump goes on by 10 ms", () => {
    const timeline = new Timeline("full", null);
    assert.deepEqual(outputs(timeline, Track.Video, [0, 50_000]), [0, 10]);
  });

  test("zero: starts at 0 and then goes as the encoder does", () => {
    const timeline = new Timeline("zero", null);
    assert.deepEqual(outputs(timeline, Track.Video, [500, 540]), [0, 40]);
    assert.deepEqual(outputs(timeline, Track.Audio, [520, 90_540, 500]), [20, 90_040, 0]);
    assert.deepEqual(outputs(timeline, Track.Video, [90_580, 540]), [90_080, 40]);
  });

  test("off: the publisher's own times, headers too", () => {
    const timeline = new Timeline("off", { audio: 7000, video: 7000 });
    assert.deepEqual(outputs(timeline, Track.Video, [9, 5, WRAP - 1]), [9, 5, WRAP - 1]);
    assert.equal(timeline.header(Track.Audio, 77), 77);
    assert.equal(timeline.now(), WRAP - 1);
  });

  test("off: data of no track is not thrown back by 2^32 while one track has crossed it", () => {
    const timeline = new Timeline("off", null);
    timeline.correct(Track.Audio, WRAP - 5);
    timeline.correct(Track.Video, 3);
    assert.equal(timeline.now(), 3);
  });

  test("absolute time said later passes the publisher's own times from then on", () => {
    const timeline = new Timeline("full", null);
    timeline.setAbsolute();
    assert.deepEqual(outputs(timeline, Track.Video, [123_456, 123_496]), [123_456, 123_496]);
    assert.deepEqual(timeline.end(), { audio: -1, video: 123_496 });
  });
});

describe("timeline: publishers one after the other", () => {
  for (const mode of ["full", "zero"] as const satisfies JitterMode[]) {
    test(`${mode}: goes on after the later track`, () => {
      const first = new Timeline(mode, null);
      outputs(first, Track.Video, [0, 40, 80]);
      outputs(first, Track.Audio, [0, 23, 46, 69, 92]);
      assert.deepEqual(first.end(), { audio: 92, video: 80 });
      const second = new Timeline(mode, first.end());
      assert.equal(second.now(), 102);
      assert.equal(second.header(Track.Video, 0), 102);
      assert.deepEqual(outputs(second, Track.Video, [33_000, 33_040]), [102, 142]);
      assert.deepEqual(outputs(second, Track.Audio, [33_000, 33_023]), [102, 125]);
    });
  }

  test("a track that the second publisher has not is where the first left it", () => {
    const second = new Timeline("full", { audio: 500, video: 470 });
    second.correct(Track.Video, 0);
    assert.deepEqual(second.end(), { audio: 500, video: 510 });
    const third = new Timeline("full", second.end());
    assert.deepEqual(third.end(), { audio: 500, video: 510 });
    assert.equal(third.correct(Track.Audio, 0), 520);
  });

  test("a publisher that sent nothing changes nothing", () => {
    assert.deepEqual(new Timeline("full", null).end(), { audio: -1, video: -1 });
    const end = { audio: -1, video: 99 };
    assert.deepEqual(new Timeline("full", end).end(), end);
  });

  test("ends on either side of 2^32 are compared modulo 2^32", () => {
    const timeline = new Timeline("full", { audio: 15, video: WRAP - 10 });
    assert.equal(timeline.correct(Track.Video, 0), 25);
  });

  test("a track left behind before 2^32 keeps its end", () => {
    const end = { audio: WRAP - 6, video: 10 };
    const timeline = new Timeline("full", end);
    assert.deepEqual(timeline.end(), end);
  });
});
