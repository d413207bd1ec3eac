import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RingView } from "../../../src/worker/stream/ring-view.ts";
import { StreamPace } from "../../../src/worker/stream/stream-pace.ts";
import { betweenSteps } from "../../protocol/ring/ring-steps.ts";
import { audio, video } from "../clip.ts";
import { ShardBench } from "../shard-bench.ts";

const WRAP = 2 ** 32;

/** A stream that nobody plays, and what its pace looks at. */
function setup(startFrame = 0): {
  bench: ShardBench;
  view: RingView;
  pace: StreamPace;
  send: (...messages: Parameters<ShardBench["send"]>[1]) => void;
} {
  const bench = new ShardBench({ startFrame, settings: { atc: true } });
  const stream = bench.publish();
  const [opened] = bench.opened;
  assert.ok(opened);
  const view = new RingView(opened, bench.rows);
  return {
    bench,
    view,
    pace: new StreamPace(),
    send: (...messages) => bench.send(stream, messages),
  };
}

describe("pace of a stream", () => {
  test("counts video frames and tells of keyframes, each once", () => {
    const { view, pace, send } = setup(-2);
    send(video(0, true), audio(0), video(40, false), audio(23));
    assert.deepEqual({ ...pace.look(view, 0) }, { videoFrames: 2, hasKeyframe: true });
    assert.deepEqual({ ...pace.look(view, 0) }, { videoFrames: 0, hasKeyframe: false });
    send(video(80, false));
    assert.deepEqual({ ...pace.look(view, 0) }, { videoFrames: 1, hasKeyframe: false });
  });

  test("ends where more was seen than is counted", () => {
    const { view, pace, send } = setup();
    send(video(0, true), video(40, false));
    view.seenFrames = view.reader.frameCount + 1;
    betweenSteps(
      () => assert.equal(pace.look(view, 0).videoFrames, 0),
      () => undefined,
    );
    send(video(80, false));
    assert.equal(pace.look(view, 0).videoFrames, 1);
  });

  test("k of a stream of 25 frames a second, across 2^32", () => {
    const { bench, view, pace, send } = setup();
    for (let frame = 0; frame < 50; frame += 1) {
      send(video((WRAP - 1000 + frame * 40) % WRAP, frame % 25 === 0), audio(0), audio(1));
      pace.look(view, frame * 40);
    }
    assert.equal(pace.mergeFactor(bench.settings, 64, 2000), 9);
    const pinned = { ...bench.settings, mwAdaptive: false, mwMsgs: 58 };
    assert.equal(pace.mergeFactor(pinned, 1, 2000), 20, "three messages a frame");
  });

  test("a gap of 2 s or a step back is no pace", () => {
    const { bench, view, pace, send } = setup();
    for (const time of [0, 40, 80, 2080, 2120, 0, 40, 80]) {
      send(video(time, false));
    }
    pace.look(view, 0);
    assert.equal(pace.mergeFactor(bench.settings, 64, 0), 9);
  });

  test("without video for 200 ms a timer of 20 ms gives the turns", () => {
    const { bench, view, pace, send } = setup();
    send(video(0, true));
    pace.look(view, 1000);
    pace.noteTurn(1000);
    assert.equal(pace.isTimerDue(1200), false);
    assert.equal(pace.isTimerDue(1201), true);
    assert.equal(pace.mergeFactor(bench.settings, 64, 1201), 18);
    pace.noteTurn(1201);
    assert.equal(pace.isTimerDue(1220), false);
    assert.equal(pace.isTimerDue(1221), true);
  });
});
