/** Fragments and init segments, field by field (ISO/IEC 14496-12 §8.8). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ElementaryFrame } from "../../../src/protocol/flv/elementary-frame.ts";
import {
  decodeAacTrack,
  decodeOpusTrack,
  decodeVideoTrack,
  mp3Track,
} from "../../../src/protocol/flv/elementary-tracks.ts";
import { FragmentWriter } from "../../../src/protocol/fmp4/fragment-writer.ts";
import { encodeInitSegment } from "../../../src/protocol/fmp4/init-segment.ts";
import { opusSamples } from "../../../src/protocol/fmp4/opus-samples.ts";
import { readBoxes, readRuns } from "../../support/mp4-boxes.ts";
import { codecFixture } from "../codec-fixture.ts";

const LIMIT = { timeout: 10_000 };
const AVC = decodeVideoTrack("H264", codecFixture("avc-baseline"));
const AAC = decodeAacTrack(codecFixture("aac-lc-44100-stereo"));

function makeFrame(over: Partial<ElementaryFrame>, bytes = 4): ElementaryFrame {
  const payload = new Uint8Array(bytes).fill((over.dtsMs ?? 0) & 255);
  return Object.assign(new ElementaryFrame(), { payload, end: bytes }, over);
}

function makeWriter(): FragmentWriter {
  const writer = new FragmentWriter();
  writer.setVideo(AVC);
  writer.setAudio(AAC);
  return writer;
}

/** A frame for each of `cuts`; true ends a fragment after it. */
function cutAudio(cuts: readonly boolean[]): Uint8Array[] {
  const writer = new FragmentWriter();
  writer.setAudio(AAC);
  const fragments = cuts.map((isCut, index) => {
    writer.write(makeFrame({ dtsMs: Math.floor((index * 1024 * 1000) / 44_100) }));
    return isCut ? writer.finish(Number.NaN) : null;
  });
  fragments.push(writer.finish(Number.NaN));
  return fragments.filter((fragment) => fragment !== null);
}

describe("FragmentWriter", () => {
  test("times, durations, composition offsets, sync flags and data offsets", LIMIT, () => {
    const writer = makeWriter();
    writer.write(makeFrame({ isVideo: true, isKeyframe: true, dtsMs: 1000, compositionMs: 80 }, 9));
    writer.write(makeFrame({ dtsMs: 1002 }, 5));
    writer.write(makeFrame({ isVideo: true, dtsMs: 1040, compositionMs: 0 }, 7));
    writer.write(makeFrame({ dtsMs: 1025 }, 6));
    const fragment = writer.finish(1090);
    assert.ok(fragment);
    const [video, audio] = readRuns(fragment);
    assert.deepEqual([video?.trackId, video?.start], [1, 90_000n]);
    assert.deepEqual(
      video?.samples.map(({ duration, isKey, offset, data }) => [
        duration,
        isKey,
        offset,
        data.length,
      ]),
      [
        [3600, true, 7200, 9],
        [4500, false, 0, 7],
      ],
    );
    assert.deepEqual([audio?.trackId, audio?.start], [2, 44_188n]);
    assert.deepEqual(
      audio?.samples.map(({ duration, data }) => [duration, data.length]),
      [
        [1024, 5],
        [1024, 6],
      ],
    );
    assert.ok(video?.samples[1]?.data.every((byte) => byte === (1040 & 255)));
    assert.ok(audio?.samples[1]?.data.every((byte) => byte === (1025 & 255)));
    assert.deepEqual(
      readBoxes(fragment).map((box) => box.path),
      [
        "moof",
        "moof/mfhd",
        ...["moof/traf", "moof/traf/tfhd", "moof/traf/tfdt", "moof/traf/trun"],
        ...["moof/traf", "moof/traf/tfhd", "moof/traf/tfdt", "moof/traf/trun"],
        "mdat",
      ],
    );
    assert.equal(writer.finish(0), null, "nothing kept, no fragment");
  });

  test("audio follows without seams over any cuts; numbers go up", LIMIT, () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 200 }), (cuts) => {
        let end = 0n;
        for (const [index, fragment] of cutAudio(cuts).entries()) {
          const [run] = readRuns(fragment);
          assert.equal(run?.start, end, "a seam");
          end += BigInt(run.samples.reduce((sum, one) => sum + one.duration, 0));
          const head = readBoxes(fragment).find((box) => box.path === "moof/mfhd");
          assert.equal(head?.body.readUInt32BE(4), index + 1);
        }
        assert.equal(end, BigInt(cuts.length * 1024));
      }),
    );
  });

  test("a gap in the audio is a gap of the file", LIMIT, () => {
    const writer = new FragmentWriter();
    writer.setAudio(AAC);
    writer.write(makeFrame({ dtsMs: 0 }));
    writer.write(makeFrame({ dtsMs: 1000 }));
    const [run] = readRuns(writer.finish(Number.NaN) ?? new Uint8Array(0));
    assert.deepEqual(
      run?.samples.map((sample) => sample.duration),
      [44_100, 1024],
    );
  });

  test("times beyond 2^32 ticks, and before zero", LIMIT, () => {
    const writer = makeWriter();
    writer.write(makeFrame({ isVideo: true, dtsMs: 2 ** 33 }));
    writer.write(makeFrame({ dtsMs: 2 ** 33 }));
    const [video, audio] = readRuns(writer.finish(Number.NaN) ?? new Uint8Array(0));
    assert.equal(video?.start, BigInt(2 ** 33) * 90n);
    assert.equal(audio?.start, BigInt(Math.round((2 ** 33 * 44_100) / 1000)));
    writer.breakLine();
    writer.write(makeFrame({ dtsMs: -10 }));
    const [early] = readRuns(writer.finish(Number.NaN) ?? new Uint8Array(0));
    assert.equal(early?.start, 0n);
  });

  test("a last picture whose successor is unknown lasts as long as the one before", LIMIT, () => {
    const writer = makeWriter();
    const durations = (): (number | undefined)[] =>
      readRuns(writer.finish(Number.NaN) ?? new Uint8Array(0))[0]?.samples.map(
        (one) => one.duration,
      ) ?? [];
    writer.write(makeFrame({ isVideo: true, dtsMs: 0 }));
    assert.deepEqual(durations(), [3600]);
    writer.write(makeFrame({ isVideo: true, dtsMs: 40 }));
    writer.write(makeFrame({ isVideo: true, dtsMs: 60 }));
    assert.deepEqual(durations(), [1800, 1800]);
    // A step of the time line is nothing that a picture lasts.
    writer.write(makeFrame({ isVideo: true, dtsMs: 80 }));
    writer.write(makeFrame({ isVideo: true, dtsMs: 90_000_000 }));
    assert.deepEqual(durations(), [1800, 1800]);
  });

  test("frames of no track are counted", LIMIT, () => {
    const writer = new FragmentWriter();
    writer.write(makeFrame({ isVideo: true }));
    writer.write(makeFrame({}));
    assert.deepEqual(
      [writer.ignoredFrames, writer.encodeInit(), writer.finish(0)],
      [2, null, null],
    );
  });
});

describe("init segment", () => {
  const bodyOf = (bytes: Uint8Array, path: string): string[] =>
    readBoxes(bytes)
      .filter((box) => box.path === path)
      .map((box) => box.body.toString("hex"));

  test("boxes, ids, timescales and the codecs' records", LIMIT, () => {
    const bytes = encodeInitSegment({ video: AVC, audio: AAC });
    const paths = readBoxes(bytes).map((box) => box.path);
    assert.deepEqual(
      paths.filter((path) => !path.startsWith("moov/trak/")),
      [
        ...["ftyp", "moov", "moov/mvhd", "moov/trak", "moov/trak", "moov/mvex"],
        ...["moov/mvex/trex", "moov/mvex/trex"],
      ],
    );
    const timescales = bodyOf(bytes, "moov/trak/mdia/mdhd").map((body) =>
      Number.parseInt(body.slice(24, 32), 16),
    );
    assert.deepEqual(timescales, [90_000, 44_100]);
    const entries = bodyOf(bytes, "moov/trak/mdia/minf/stbl/stsd");
    assert.ok(entries[0]?.includes(Buffer.from(codecFixture("avc-baseline")).toString("hex")));
    const config = Buffer.from(codecFixture("aac-lc-44100-stereo")).toString("hex");
    assert.ok(
      entries[1]?.includes(
        `0580808${"0"}${(config.length / 2).toString(16).padStart(2, "0")}${config}0601`,
      ),
    );
  });

  test("names of the sample entries", LIMIT, () => {
    const entryOf = (bytes: Uint8Array): string =>
      Buffer.from(bodyOf(bytes, "moov/trak/mdia/minf/stbl/stsd")[0] ?? "", "hex").toString(
        "latin1",
        12,
        16,
      );
    const videos = [
      ["HEVC", "hevc-main", "hvc1"],
      ["AV1", "av1-main", "av01"],
      ["H264", "avc-baseline", "avc1"],
    ] as const;
    for (const [codec, name, entry] of videos) {
      const video = decodeVideoTrack(codec, codecFixture(name));
      assert.equal(entryOf(encodeInitSegment({ video, audio: null })), entry);
    }
    const audios = [
      [AAC, "mp4a"],
      [mp3Track(44_100, 2), "mp4a"],
      [decodeOpusTrack(new Uint8Array(0)), "Opus"],
    ] as const;
    for (const [audio, entry] of audios) {
      assert.equal(entryOf(encodeInitSegment({ video: null, audio })), entry);
    }
  });

  test("Opus: the identification header's numbers in the other byte order", LIMIT, () => {
    const head = codecFixture("opus-5.1");
    const bytes = encodeInitSegment({ video: null, audio: decodeOpusTrack(head) });
    const [entry = ""] = bodyOf(bytes, "moov/trak/mdia/minf/stbl/stsd");
    const record = entry.slice(entry.indexOf(Buffer.from("dOps").toString("hex")) + 8);
    const view = Buffer.from(head);
    const numbers = Buffer.alloc(8);
    numbers.writeUInt16BE(view.readUInt16LE(10), 0);
    numbers.writeUInt32BE(view.readUInt32LE(12), 2);
    numbers.writeInt16BE(view.readInt16LE(16), 6);
    assert.equal(record, `0006${numbers.toString("hex")}${view.subarray(18).toString("hex")}`);
  });
});

test("Opus packet lengths (RFC 6716 §3.1)", LIMIT, () => {
  const cases = [
    [0x00, 480],
    [0x18, 2880],
    [0x60, 480],
    [0x68, 960],
    [0x80, 120],
    [0xf8, 960],
    [0xf9, 1920],
    [0xfa, 1920],
  ] as const;
  for (const [toc, samples] of cases) {
    assert.equal(opusSamples(Uint8Array.of(toc), 0), samples);
  }
  assert.equal(opusSamples(Uint8Array.of(0xfb, 0x03), 0), 2880);
  assert.equal(opusSamples(Uint8Array.of(0xfb, 0x3f), 0), 5760);
  assert.equal(opusSamples(Uint8Array.of(9, 0xf8), 1), 960);
  assert.ok(opusSamples(new Uint8Array(0), 0) > 0);
});
