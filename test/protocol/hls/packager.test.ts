/** What a publisher's changes do to segments: tracks that come late, change, or break. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Packager, type PackagerSink } from "../../../src/protocol/hls/packager.ts";
import { Fmp4SegmentMuxer, TsSegmentMuxer } from "../../../src/protocol/hls/segment-muxer.ts";
import { readBoxes, readRuns } from "../../support/mp4-boxes.ts";
import { TsCheck, type TsCheckOptions } from "../../support/ts-check.ts";
import { codecFixture } from "../codec-fixture.ts";

const LIMIT = { timeout: 5000 };
const AVC = codecFixture("avc-baseline");
const AVC_OTHER = codecFixture("avc-main-cropped-1080");
const HEVC = codecFixture("hevc-main");
const AAC = codecFixture("aac-lc-44100-stereo");
const AAC_OTHER = codecFixture("aac-lc-48000-mono");
const MP3_FRAME = [0x2f, 0xff, 0xfb, 0x90, 0x00, 9, 9, 9];

interface Made {
  readonly durationMs: number;
  readonly isDiscontinuity: boolean;
  readonly isIndependent: boolean;
  /** Number of the init segment in force. */
  readonly init: number;
  readonly parts: Uint8Array[];
}

/** One packager and all it made. */
class Line {
  readonly segments: Made[] = [];
  readonly inits: Uint8Array[] = [];
  /** Length of each part. */
  readonly partMs: number[] = [];
  readonly packager: Packager;
  #parts: Uint8Array[] = [];

  constructor(container: "ts" | "fmp4", partTargetMs = 0) {
    const muxer = container === "ts" ? new TsSegmentMuxer() : new Fmp4SegmentMuxer();
    const sink: PackagerSink = {
      init: (bytes) => this.inits.push(bytes),
      part: ({ bytes, durationMs }) => {
        this.#parts.push(bytes);
        this.partMs.push(durationMs);
      },
      segment: ({ durationMs, isDiscontinuity, isIndependent }) => {
        const init = this.inits.length;
        this.segments.push({
          durationMs,
          isDiscontinuity,
          isIndependent,
          init,
          parts: this.#parts,
        });
        this.#parts = [];
      },
    };
    this.packager = new Packager(muxer, { fragmentMs: 1000, partTargetMs }, sink);
  }

  push(type: number, timestamp: number, payload: readonly number[]): this {
    this.packager.push(type, timestamp, Uint8Array.from(payload), timestamp);
    return this;
  }

  avcHeader(record: Uint8Array, at = 0): this {
    return this.push(9, at, [0x17, 0, 0, 0, 0, ...record]);
  }

  aacHeader(record: Uint8Array, at = 0): this {
    return this.push(8, at, [0xaf, 0, ...record]);
  }

  /** Video at 25 frames a second with a keyframe each second, audio between. */
  play(
    from: number,
    to: number,
    codecId = 7,
    audio: readonly number[] | null = [0xaf, 1, 9],
  ): this {
    const key = codecId === 7 ? 0x65 : 0x26;
    const inter = codecId === 7 ? 0x41 : 0x02;
    for (let at = from; at < to; at += 40) {
      const isKey = at % 1000 === 0;
      const unit = [0, 0, 0, 2, isKey ? key : inter, 1];
      this.push(9, at, [(isKey ? 0x10 : 0x20) | codecId, 1, 0, 0, 0, ...unit]);
      if (audio !== null) {
        this.push(8, at + 5, audio);
      }
    }
    return this;
  }

  lengths(): number[] {
    return this.segments.map((segment) => segment.durationMs);
  }

  breaks(): boolean[] {
    return this.segments.map((segment) => segment.isDiscontinuity);
  }
}

/** Judges every segment of a line of MPEG-TS. */
function judge(line: Line, options: TsCheckOptions = {}): TsCheck {
  const check = new TsCheck(options);
  for (const segment of line.segments) {
    check.pushSegment(Buffer.concat(segment.parts));
  }
  assert.deepEqual(check.errors, []);
  return check;
}

for (const container of ["ts", "fmp4"] as const) {
  describe(`Packager, ${container}`, () => {
    test("begins at a keyframe: what came before it is left out, its sound too", LIMIT, () => {
      const line = new Line(container).avcHeader(AVC).aacHeader(AAC).play(1240, 4000);
      line.packager.finish();
      assert.deepEqual(line.lengths(), [1000, 1000]);
      assert.deepEqual(line.breaks(), [false, false]);
      assert.ok(line.segments.every((segment) => segment.isIndependent));
    });

    test("A6-08: the same headers before every keyframe change nothing", LIMIT, () => {
      const line = new Line(container);
      for (let second = 0; second < 4; second += 1) {
        line.avcHeader(AVC, second * 1000).aacHeader(AAC, second * 1000);
        line.play(second * 1000, second * 1000 + 1000);
      }
      line.packager.finish();
      assert.deepEqual(
        [line.lengths(), line.breaks()],
        [
          [1000, 1000, 1000, 1000],
          [false, false, false, false],
        ],
      );
      assert.equal(line.inits.length, container === "ts" ? 0 : 1);
    });

    test(
      "A6-07: two headers before the first frame: the last counts, nothing breaks",
      LIMIT,
      () => {
        const line = new Line(container).avcHeader(AVC).avcHeader(AVC_OTHER).aacHeader(AAC);
        line.play(0, 2000).packager.finish();
        assert.deepEqual(line.breaks(), [false, false]);
        assert.ok(line.inits.length <= 1);
      },
    );

    test(
      "A6-07: another picture size, codec or sound: a discontinuity, a keyframe first",
      LIMIT,
      () => {
        const line = new Line(container).avcHeader(AVC).aacHeader(AAC).play(0, 1600);
        line.avcHeader(AVC_OTHER, 1600).play(1600, 3000);
        line.push(9, 3000, [0x1c, 0, 0, 0, 0, ...HEVC]).play(3000, 5000, 12);
        line.aacHeader(AAC_OTHER, 5000).play(5000, 6000, 12).packager.finish();
        assert.deepEqual(line.lengths(), [1000, 600, 1000, 1000, 1000, 1000]);
        assert.deepEqual(line.breaks(), [false, false, true, true, false, true]);
        assert.ok(line.segments.every((segment) => segment.isIndependent));
        if (container === "ts") {
          const { maps } = judge(line);
          assert.deepEqual(
            maps.map(({ version }) => version),
            [0, 1],
          );
        } else {
          assert.deepEqual(
            line.segments.map(({ init }) => init),
            [1, 1, 2, 3, 3, 4],
          );
        }
      },
    );

    test("MP3 beside video, which tells of itself only after the first keyframe", LIMIT, () => {
      const line = new Line(container).avcHeader(AVC).play(0, 3000, 7, MP3_FRAME);
      line.packager.finish();
      assert.deepEqual(
        [line.lengths(), line.breaks()],
        [
          [1000, 1000, 1000],
          [false, false, false],
        ],
      );
      if (container === "ts") {
        assert.deepEqual([...judge(line).streams.values()], [0x1b, 3]);
      } else {
        assert.equal(line.inits.length, 1);
        const tracks = readBoxes(line.inits[0] ?? new Uint8Array(0));
        assert.equal(tracks.filter(({ path }) => path === "moov/trak").length, 2);
      }
    });

    test("a publisher that comes back: one discontinuity, a new segment", LIMIT, () => {
      const line = new Line(container).avcHeader(AVC).aacHeader(AAC).play(0, 1400);
      line.packager.finish();
      line.packager.finish();
      line.avcHeader(AVC, 1400).aacHeader(AAC, 1400).play(1400, 3000).packager.finish();
      assert.deepEqual(line.lengths(), [1000, 400, 1000]);
      assert.deepEqual(line.breaks(), [false, false, true]);
    });

    test("A7-06: a jump of an hour is no segment of an hour", LIMIT, () => {
      const line = new Line(container).avcHeader(AVC).aacHeader(AAC).play(0, 2000);
      line.play(3_600_000, 3_602_000).packager.finish();
      assert.deepEqual(line.lengths(), [1000, 1000, 1000, 1000]);
      assert.deepEqual(line.breaks(), [false, false, true, false]);
    });

    test("sound goes on where no keyframe comes", LIMIT, () => {
      const line = new Line(container).avcHeader(AVC).aacHeader(AAC);
      for (let at = 0; at < 8000; at += 23) {
        line.push(8, at, [0xaf, 1, 9]).push(9, at, [0x27, 1, 0, 0, 0, 0, 0, 0, 2, 0x41, 1]);
      }
      line.packager.finish();
      assert.ok(line.segments.length >= 3, line.lengths().join());
    });

    test("parts are what their segment is", LIMIT, () => {
      const line = new Line(container, 300).avcHeader(AVC).aacHeader(AAC).play(0, 3000);
      line.packager.finish();
      assert.deepEqual(
        line.segments.map(({ parts }) => parts.length),
        [4, 4, 4],
      );
      if (container === "ts") {
        judge(line);
      } else {
        const frames = line.segments.flatMap(({ parts }) =>
          parts.flatMap((part) => readRuns(part)),
        );
        const video = frames.filter((run) => run.trackId === 1);
        assert.equal(
          video.reduce((sum, run) => sum + run.samples.length, 0),
          75,
        );
        assert.deepEqual(
          video.map((run) => run.samples[0]?.isKey),
          [0, 1, 2].flatMap(() => [true, false, false, false]),
        );
      }
    });

    test("a picture that pauses while sound goes on: parts come as before", LIMIT, () => {
      const line = new Line(container, 300).avcHeader(AVC).aacHeader(AAC);
      line.play(0, 1280);
      for (let at = 1285; at < 2720; at += 20) {
        line.push(8, at, [0xaf, 1, 9]);
      }
      line.play(2720, 4000).packager.finish();
      assert.ok(Math.max(...line.partMs) <= 300, line.partMs.join());
      assert.equal(line.lengths().length, 3);
      const listed = line.partMs.reduce((sum, one) => sum + one, 0);
      assert.ok(Math.abs(listed - 4000) <= 100, line.partMs.join());
      if (container === "ts") {
        // The clock is the picture's.
        judge(line, { pcrMsMax: 1500 });
      } else {
        const parts = line.segments.flatMap((segment) => segment.parts.map(readRuns));
        const pause = parts.filter((runs) => runs.every(({ trackId }) => trackId === 2));
        assert.ok(pause.length >= 3, `${pause.length} parts of sound alone`);
      }
    });
  });
}

describe("Packager", () => {
  test("MPEG-TS leaves AV1 and Opus out and carries the rest", LIMIT, () => {
    const av1 = [0x90, 0x61, 0x76, 0x30, 0x31, ...codecFixture("av1-main")];
    const line = new Line("ts").push(9, 0, av1).aacHeader(AAC);
    for (let at = 0; at < 5000; at += 40) {
      line.push(9, at, [0x91, 0x61, 0x76, 0x30, 0x31, 1, 2, 3]).push(8, at, [0xaf, 1, 9]);
    }
    line.packager.finish();
    assert.deepEqual([...judge(line).streams.values()], [0x0f]);
    assert.ok(line.segments.length >= 2);
  });
});
