/** Ten minutes of a stream in compressed time: from the publisher's rings through a packager into a gateway's library. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HlsSettings } from "../../../src/protocol/control/hls.ts";
import { HlsLibrary } from "../../../src/worker/deliver/hls-library.ts";
import { PackagedStream } from "../../../src/worker/hls/packaged-stream.ts";
import { CompressedPublisher } from "../../support/compressed-publisher.ts";
import { HLS_DEFAULTS } from "../../support/hls-settings.ts";
import { HlsViewer } from "../../support/hls-viewer.ts";
import { NO_RECORDINGS } from "../../support/no-recordings.ts";
import { splitAdts } from "../../support/ts-check.ts";
import { clipHeader, message } from "../clip.ts";

const KEY = "v/live/a";
/** 33 bits of 90 kHz, in milliseconds. */
const TS_WRAP_MS = Math.floor(2 ** 33 / 90);
const HALF_MS = 300_000;
/** What a packager looks at its rings. */
const STEP_MS = 200;
const SOUND = 0x0f;
/** No pictures: longer than what is still one time line of the track, so that they begin anew. */
const PAUSE_MS = [120_000, 150_000] as const;
const BREAKS_MS = [PAUSE_MS[1], HALF_MS];

const SETTINGS: HlsSettings = {
  ...HLS_DEFAULTS,
  ...{ enabled: true, hasFiles: false, fragmentMs: 2000, windowMs: 20_000 },
  // Groups of pictures last up to 3.6 s: no segment may end within one.
  aofRatio: 2.9,
};

/** The clock, the packager, the library and one viewer. */
class Run {
  nowMs = 1000;
  readonly library = new HlsLibrary();
  readonly viewer = new HlsViewer(this.library, KEY);
  readonly released: number[] = [];
  readonly stream: PackagedStream;
  #fileId = 0;

  constructor(settings: HlsSettings) {
    const news = { kind: "hls", path: "", playlist: undefined, added: [] } as const;
    this.stream = new PackagedStream(KEY, {
      ...NO_RECORDINGS,
      thread: 0,
      now: () => this.nowMs,
      wallMs: () => 1_700_000_000_000 + this.nowMs,
      nextFileId: () => {
        this.#fileId += 1;
        return this.#fileId;
      },
      runFileSteps: () => Promise.reject(new Error("nothing is written")),
      inherited: () => "",
      readSmallText: () => Promise.reject(new Error("nothing is read")),
      news: (made) => this.library.take(made),
      dropped: (key, dropped) =>
        this.library.take({ ...news, key, dropped, segment: null, isFirst: false }),
      trouble: ({ text }) => assert.fail(text),
      ringReleased: (ringId) => this.released.push(ringId),
    });
    this.stream.change(settings);
  }

  /** One publish to its end, looked at all the time. */
  publish(publisher: CompressedPublisher): void {
    this.stream.openRing(publisher.lease);
    // The first look asks where an earlier life ended.
    this.stream.advance();
    const beganMs = this.nowMs;
    let isOn = true;
    for (let step = 1; isOn; step += 1) {
      isOn = publisher.writeUntil(step * STEP_MS);
      this.nowMs = beganMs + step * STEP_MS;
      this.#advance(step);
    }
    publisher.end();
    this.#advance(0);
  }

  #advance(step: number): void {
    this.stream.advance();
    this.viewer.look();
    if (step % 5 === 0) {
      this.stream.tickSlow();
      this.viewer.look();
    }
  }
}

const plan = {
  lengthMs: HALF_MS,
  headers: [message(9, 0, clipHeader(9)), message(8, 0, clipHeader(8))],
};

interface Result {
  readonly run: Run;
  readonly pictures: number;
  readonly sounds: number;
}

/** Two publishes of five minutes: the first wraps after 20 s, the second begins anew. */
function play(settings: HlsSettings, soundOnlyMs: readonly [number, number]): Result {
  const run = new Run(settings);
  const publishers = [
    new CompressedPublisher(1, { ...plan, startMs: TS_WRAP_MS - 20_000, soundOnlyMs }),
    new CompressedPublisher(2, { ...plan, startMs: 5000 }),
  ];
  let [pictures, sounds] = [0, 0];
  for (const publisher of publishers) {
    run.publish(publisher);
    pictures += publisher.pictures;
    sounds += publisher.sounds;
  }
  return { run, pictures, sounds };
}

/** Nothing is missing, and all of it is told. @param breaksMs where something new begins. */
function assertWhole({ run, pictures }: Result, breaksMs: readonly number[]): void {
  const { viewer } = run;
  const all = [...viewer.segments.values()];
  const first = all[0]?.sequence ?? 0;
  assert.deepEqual(
    all.map(({ sequence }) => sequence),
    all.map((_, index) => first + index),
    "each segment's number is the one before and one",
  );
  let seconds = 0;
  const breaks: number[] = [];
  for (const segment of all) {
    if (segment.isDiscontinuity) {
      breaks.push(Math.round(seconds));
    }
    seconds += segment.seconds;
  }
  assert.deepEqual(
    breaks,
    breaksMs.map((at) => at / 1000),
  );
  assert.ok(Math.abs(seconds - (2 * HALF_MS) / 1000) < 1, `segments of ${seconds} s in all`);
  assert.ok(new Set(all.map((one) => one.seconds)).size > 10, "segments of changing length");
  assert.equal(viewer.pictures, pictures);
  assert.deepEqual(run.released, [1, 2]);
  assert.equal(run.stream.laps, 0);
}

describe("ten minutes through packager and gateway", { timeout: 60_000 }, () => {
  test("MPEG-TS", () => {
    const result = play(SETTINGS, PAUSE_MS);
    const { judge } = result.run.viewer;
    assert.deepEqual(judge.errors, []);
    assert.equal(judge.wraps, 2, "video and audio go round once each");
    assertWhole(result, [0, ...BREAKS_MS]);
    const sounds = judge.pes.filter(({ streamType }) => streamType === SOUND);
    const count = sounds.reduce((sum, { data }) => sum + splitAdts(data).length, 0);
    assert.equal(count, result.sounds);
  });

  test("fragmented MP4", () => {
    assertWhole(play({ ...SETTINGS, isFmp4: true }, PAUSE_MS), [0, ...BREAKS_MS]);
  });

  test("fragmented MP4 in parts", () => {
    const settings = { ...SETTINGS, isFmp4: true, isLowLatency: true, partMs: 500 };
    const result = play(settings, [0, 0]);
    assertWhole(result, [0, HALF_MS]);
    assert.ok(result.run.viewer.parts > 1000, `${result.run.viewer.parts} parts`);
  });
});
