/** The intake of the muxers: configurations kept, bad frames left out, times made whole. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type {
  AudioTrack,
  ElementarySink,
  VideoTrack,
} from "../../../src/protocol/flv/elementary-frame.ts";
import { FrameReader } from "../../../src/protocol/flv/frame-reader.ts";
import { codecFixture } from "../codec-fixture.ts";

const LIMIT = { timeout: 10_000 };
const AVC = codecFixture("avc-baseline");
const AVC_OTHER = codecFixture("avc-main-cropped-1080");
const HEVC = codecFixture("hevc-main");
const AAC = codecFixture("aac-lc-44100-stereo");

const join = (...parts: (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
const avcHeader = (record: Uint8Array): Uint8Array => join([0x17, 0, 0, 0, 0], record);
const avcFrame = (units: Uint8Array | readonly number[], cts = 0, isKey = true): Uint8Array =>
  join([isKey ? 0x17 : 0x27, 1, (cts >> 16) & 255, (cts >> 8) & 255, cts & 255], units);
const aacHeader = (record: Uint8Array): Uint8Array => join([0xaf, 0], record);
const AAC_FRAME = Uint8Array.of(0xaf, 1, 1, 2, 3);
const UNIT = [0, 0, 0, 2, 0x65, 7];

/** Everything that a reader says. */
class Heard implements ElementarySink {
  readonly reader = new FrameReader();
  readonly tracks: (VideoTrack | AudioTrack)[] = [];
  readonly frames: { dtsMs: number; compositionMs: number; isBreak: boolean; bytes: number }[] = [];
  videoTrack(track: VideoTrack): void {
    this.tracks.push(track);
  }
  audioTrack(track: AudioTrack): void {
    this.tracks.push(track);
  }
  frame(frame: Parameters<ElementarySink["frame"]>[0]): void {
    const { dtsMs, compositionMs, isDiscontinuity: isBreak, start, end } = frame;
    this.frames.push({ dtsMs, compositionMs, isBreak, bytes: end - start });
  }
  video(payload: Uint8Array, timestamp = 0): this {
    this.reader.push(9, timestamp, payload, this);
    return this;
  }
  audio(payload: Uint8Array, timestamp = 0): this {
    this.reader.push(8, timestamp, payload, this);
    return this;
  }
  get times(): number[] {
    return this.frames.map((frame) => frame.dtsMs);
  }
  get breaks(): number[] {
    return this.frames.flatMap((frame, index) => (frame.isBreak ? [index] : []));
  }
}

describe("FrameReader: configurations", () => {
  test("A6-01: payloads of 0 to 5 bytes are passed over", LIMIT, () => {
    const heard = new Heard();
    for (let length = 0; length <= 5; length += 1) {
      heard
        .video(avcFrame(UNIT).subarray(0, length))
        .audio(AAC_FRAME.subarray(0, Math.min(2, length)));
    }
    assert.deepEqual([heard.frames, heard.tracks], [[], []]);
  });

  test("A6-02: a broken header leaves the last good one", LIMIT, () => {
    const heard = new Heard().video(avcHeader(AVC)).video(avcFrame(UNIT));
    for (let length = 1; length < 12; length += 1) {
      heard.video(avcHeader(AVC_OTHER.subarray(0, length)));
    }
    heard.video(avcFrame(UNIT), 40);
    assert.equal(heard.reader.ignored.badConfigs, 11);
    assert.deepEqual([heard.tracks.length, heard.frames.length], [1, 2]);
    assert.equal(
      heard.reader.video?.width,
      heard.tracks[0] && "width" in heard.tracks[0] ? heard.tracks[0].width : 0,
    );
  });

  test("A6-04: lengths that lie, empty units, and lengths of three bytes", LIMIT, () => {
    const heard = new Heard().video(avcHeader(AVC));
    for (const units of [
      [0, 0, 0, 3, 0x65, 7],
      [0, 0, 0, 0],
      [...UNIT, 0, 0, 0, 0],
      [0, 0, 1],
      [255, 255, 255, 255, 0x65],
    ]) {
      heard.video(avcFrame(units));
    }
    assert.deepEqual([heard.frames.length, heard.reader.ignored.badFrames], [0, 5]);
    const three = AVC.slice();
    three[4] = 0xfe;
    heard.video(avcHeader(three));
    assert.equal(heard.reader.ignored.badConfigs, 1);
    heard.video(avcFrame([...UNIT, ...UNIT]));
    assert.equal(heard.frames.length, 1);
  });

  test("A6-07: another codec or picture size is another track", LIMIT, () => {
    const heard = new Heard()
      .video(avcHeader(AVC))
      .video(avcHeader(AVC_OTHER))
      .video(join([0x1c, 0, 0, 0, 0], HEVC))
      .audio(aacHeader(AAC))
      .audio(join([0x2f], [0xff, 0xfb, 0x90, 0x00, 1]));
    assert.deepEqual(
      heard.tracks.map((track) => track.codec),
      ["H264", "H264", "HEVC", "AAC", "MP3"],
    );
    // The old codec's frames no longer fit.
    heard.audio(AAC_FRAME);
    assert.equal(heard.reader.ignored.unconfigured, 1);
  });

  test("A6-08: the same header again is nothing new", LIMIT, () => {
    const heard = new Heard();
    for (let round = 0; round < 3; round += 1) {
      heard.video(avcHeader(AVC)).audio(aacHeader(AAC)).video(avcFrame(UNIT)).audio(AAC_FRAME);
    }
    assert.deepEqual([heard.tracks.length, heard.frames.length], [2, 6]);
  });

  test("HEVC under the number of AVC, as old OBS sends it", LIMIT, () => {
    const heard = new Heard().video(avcHeader(HEVC)).video(avcHeader(HEVC)).video(avcFrame(UNIT));
    assert.deepEqual(
      heard.tracks.map((track) => track.codec),
      ["HEVC"],
    );
    assert.equal(heard.frames.length, 1);
  });

  test("MP3 tells its rate and channels in each frame", LIMIT, () => {
    const heard = new Heard();
    for (const third of [0x90, 0x90, 0x94, 0x90]) {
      heard.audio(Uint8Array.of(0x2f, 0xff, 0xfb, third, 0x00, 9));
    }
    heard.audio(Uint8Array.of(0x2f, 0xff, 0xfb, 0x90, 0xc0, 9)).audio(Uint8Array.of(0x2f, 1, 2, 3));
    const rates = heard.tracks.map((track) =>
      "sampleRate" in track ? [track.sampleRate, track.channels] : [],
    );
    assert.deepEqual(rates, [
      [44_100, 2],
      [48_000, 2],
      [44_100, 2],
      [44_100, 1],
    ]);
    assert.deepEqual([heard.frames.length, heard.reader.ignored.badFrames], [5, 1]);
  });

  test("frames before their header, of other codecs and of other tracks", LIMIT, () => {
    const heard = new Heard().video(avcFrame(UNIT)).audio(AAC_FRAME);
    heard.video(Uint8Array.of(0x12, 1, 2)).audio(Uint8Array.of(0x7f, 1, 2));
    // Enhanced, one track of a multitrack body, its id 1.
    const other = join([0x96, 0x01], Buffer.from("avc1"), [1], UNIT);
    heard.video(avcHeader(AVC)).video(other);
    assert.deepEqual(heard.frames, []);
    assert.deepEqual(heard.reader.ignored, {
      badConfigs: 0,
      badFrames: 0,
      unconfigured: 2,
      unsupported: 3,
    });
  });

  test("configurations are copies", LIMIT, () => {
    const header = avcHeader(AVC);
    const heard = new Heard().video(header);
    header.fill(0);
    assert.deepEqual(heard.reader.video?.record, AVC);
  });

  test("nothing that is pushed throws", LIMIT, () => {
    const seeds = [
      avcHeader(AVC),
      avcFrame(UNIT),
      aacHeader(AAC),
      AAC_FRAME,
      join([0x90], Buffer.from("hvc1"), HEVC),
    ];
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.tuple(fc.constantFrom(...seeds), fc.nat(), fc.nat(255)).map(([seed, at, byte]) => {
        const copy = seed.slice();
        copy[at % copy.length] = byte;
        return copy;
      }),
    );
    const message = fc.tuple(fc.constantFrom(8, 9, 18, 22), fc.integer(), payload);
    fc.assert(
      fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
        const heard = new Heard();
        for (const [type, timestamp, bytes] of messages) {
          heard.reader.push(type, timestamp, bytes, heard);
        }
        assert.ok(
          heard.frames.every(
            ({ compositionMs, bytes }) =>
              compositionMs >= 0 && compositionMs <= 10_000 && bytes > 0,
          ),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe("FrameReader: times", () => {
  const started = (): Heard => new Heard().video(avcHeader(AVC)).audio(aacHeader(AAC));

  test("A7-04: 32 bits go round, on both tracks", LIMIT, () => {
    const heard = started();
    for (let index = 0; index < 6; index += 1) {
      heard
        .video(avcFrame(UNIT), 2 ** 32 - 100 + index * 40)
        .audio(AAC_FRAME, 2 ** 32 - 90 + index * 40);
    }
    const expected = [0, 1, 2, 3, 4, 5].flatMap((index) => [
      2 ** 32 - 100 + index * 40,
      2 ** 32 - 90 + index * 40,
    ]);
    assert.deepEqual(heard.times, expected);
    assert.deepEqual(heard.breaks, []);
  });

  test("a track that begins just before the wrap is before the other's zero", LIMIT, () => {
    const heard = started()
      .video(avcFrame(UNIT), 5)
      .audio(AAC_FRAME, 2 ** 32 - 10);
    assert.deepEqual(heard.times, [5, -10]);
  });

  test("A7-05: small steps back are levelled, pictures keep their showing time", LIMIT, () => {
    const heard = started();
    for (const [at, cts] of [
      [1000, 80],
      [999, 80],
      [500, 80],
      [960, 80],
      [1040, 0],
    ] as const) {
      heard.video(avcFrame(UNIT, cts), at);
    }
    assert.deepEqual(heard.times, [1000, 1000, 1000, 1000, 1040]);
    assert.deepEqual(
      heard.frames.map((frame) => frame.compositionMs),
      [80, 79, 0, 40, 0],
    );
    assert.deepEqual(heard.breaks, []);
  });

  test("A7-05, A7-06: longer steps are one discontinuity for both tracks", LIMIT, () => {
    for (const jump of [-5000, -1e6, 3_600_000, 2 ** 31 - 1, -(2 ** 31)]) {
      const heard = started();
      for (const at of [2e6, 2e6 + 40, 2e6 + jump, 2e6 + jump + 40]) {
        heard.video(avcFrame(UNIT), at).audio(AAC_FRAME, at + 3);
      }
      assert.deepEqual(heard.breaks, [4], `jump of ${jump}`);
    }
  });

  test("A7-07: tracks whose times are minutes apart go on for themselves", LIMIT, () => {
    const heard = started();
    for (let at = 0; at < 1000; at += 40) {
      heard.video(avcFrame(UNIT), at).audio(AAC_FRAME, at + 300_000);
    }
    assert.deepEqual(heard.breaks, []);
    assert.deepEqual(heard.times.slice(0, 4), [0, 300_000, 40, 300_040]);
  });

  test("A7-08: composition times that nobody means", LIMIT, () => {
    const heard = started();
    for (const cts of [-40, 10_000, 10_001, 0x80_00_00]) {
      heard.video(avcFrame(UNIT, cts));
    }
    assert.deepEqual(
      heard.frames.map((frame) => frame.compositionMs),
      [0, 10_000, 0, 0],
    );
  });

  test("times never go back but at a discontinuity, whatever is sent", LIMIT, () => {
    const step = fc.oneof(fc.integer({ min: -3000, max: 12_000 }), fc.integer());
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), step), { maxLength: 60 }), (steps) => {
        const heard = started();
        const last: Record<string, number> = {};
        let at = 0;
        for (const [isVideo, delta] of steps) {
          at += delta;
          const before = heard.frames.length;
          const pushed = isVideo ? heard.video(avcFrame(UNIT), at) : heard.audio(AAC_FRAME, at);
          const frame = pushed.frames[before];
          assert.ok(frame);
          const key = String(isVideo);
          if (frame.isBreak) {
            delete last[String(!isVideo)];
          } else {
            assert.ok(frame.dtsMs >= (last[key] ?? Number.NEGATIVE_INFINITY));
          }
          last[key] = frame.dtsMs;
        }
      }),
    );
  });
});
