/** The transport stream muxer's own decisions: tables, versions, aggregation, what it leaves out. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ElementaryFrame } from "../../../src/protocol/flv/elementary-frame.ts";
import {
  decodeOpusTrack,
  decodeVideoTrack,
  mp3Track,
} from "../../../src/protocol/flv/elementary-tracks.ts";
import { TsMuxer } from "../../../src/protocol/mpegts/ts-muxer.ts";
import { splitAdts, splitAnnexB } from "../../support/ts-check.ts";
import { codecFixture } from "../codec-fixture.ts";
import { AAC, AVC, HEVC, MuxBench, makeAudio, makeVideo } from "./mux-bench.ts";

const LIMIT = { timeout: 5000 };

describe("TsMuxer", () => {
  test("tables come first, before keyframes, and every 500 ms", LIMIT, () => {
    const bench = new MuxBench();
    bench.muxer.setVideo(AVC);
    for (let frame = 0; frame < 100; frame += 1) {
      bench.write(makeVideo(frame * 40, frame % 50 === 0));
    }
    // 0, 520, 1040, 1560, and the keyframe at 2000; then 2520, 3040, 3560: a PAT and a PMT each.
    assert.equal(bench.end().tables, 16);
  });

  test("all frames keyframes: tables not with each", LIMIT, () => {
    const bench = new MuxBench();
    bench.muxer.setVideo(AVC);
    for (let frame = 0; frame < 25; frame += 1) {
      bench.write(makeVideo(frame * 20, true));
    }
    assert.equal(bench.end().tables, 10);
  });

  test("a codec that changes is a new version of the map, one that stays is not", LIMIT, () => {
    const bench = new MuxBench();
    bench.muxer.setVideo(AVC);
    bench.muxer.setAudio(AAC);
    bench.write(makeVideo(0, true));
    bench.write(makeAudio(5));
    bench.muxer.setVideo(AVC);
    bench.write(makeVideo(40, true));
    bench.muxer.setVideo(HEVC);
    bench.write(makeVideo(80, true, [0x26]));
    bench.muxer.setAudio(mp3Track(44_100, 2));
    bench.write(makeAudio(90));
    const { maps } = bench.end();
    assert.deepEqual(
      maps.map(({ version, streams }) => [version, ...streams.values()]),
      [
        [0, 0x1b, 0x0f],
        [1, 0x24, 0x0f],
        [2, 0x24, 0x03],
      ],
    );
  });

  test("counters go on when the buffer is taken, and the version wraps", LIMIT, () => {
    const bench = new MuxBench();
    for (let round = 0; round < 70; round += 1) {
      bench.muxer.setVideo(round % 2 === 0 ? AVC : HEVC);
      bench.write(makeVideo(round * 40, true, [round % 2 === 0 ? 0x65 : 0x26]));
    }
    const { maps } = bench.end();
    assert.equal(maps.length, 70);
    assert.equal(maps.at(-1)?.version, 69 % 32);
  });

  test(
    "audio alone shares PES packets of 720 ms; beside video each frame has its own",
    LIMIT,
    () => {
      for (const hasVideo of [false, true]) {
        const bench = new MuxBench();
        bench.muxer.setAudio(AAC);
        bench.muxer.setVideo(hasVideo ? AVC : null);
        for (let frame = 0; frame < 64; frame += 1) {
          bench.write(makeAudio(frame * 23));
        }
        const { pes } = bench.end();
        const counts = pes.map((one) => splitAdts(one.data).length);
        assert.deepEqual(counts, hasVideo ? new Array(64).fill(1) : [33, 31]);
        assert.equal(
          pes.every((one) => (one.pcr === null) === hasVideo),
          true,
        );
      }
    },
  );

  test("audio that fills a PES packet is written before its time", LIMIT, () => {
    const bench = new MuxBench();
    bench.muxer.setAudio(AAC);
    for (let frame = 0; frame < 20; frame += 1) {
      bench.write(makeAudio(frame * 23, 8000));
    }
    const { pes } = bench.end();
    assert.deepEqual(
      pes.map((one) => splitAdts(one.data).length),
      [7, 7, 6],
    );
  });

  test("what a transport stream has no words for is counted", LIMIT, () => {
    const bench = new MuxBench();
    const av1 = decodeVideoTrack("AV1", codecFixture("av1-main"));
    assert.ok(av1);
    assert.equal(TsMuxer.carries(av1), false);
    assert.equal(TsMuxer.carries(decodeOpusTrack(new Uint8Array(0))), false);
    bench.muxer.setVideo(av1);
    bench.muxer.setAudio(decodeOpusTrack(new Uint8Array(0)));
    bench.write(makeVideo(0, true));
    bench.write(makeAudio(0));
    bench.muxer.setAudio(AAC);
    bench.write(makeAudio(0, 8185));
    assert.equal(bench.muxer.ignoredFrames, 3);
    assert.equal(bench.packets.length, 0);
  });

  test("a new time line says so on both tracks, once", LIMIT, () => {
    const bench = new MuxBench();
    bench.muxer.setVideo(AVC);
    bench.muxer.setAudio(AAC);
    bench.write(makeVideo(100_000, true));
    bench.write(makeAudio(100_000));
    bench.muxer.breakLine();
    for (const dtsMs of [0, 40]) {
      bench.write(makeVideo(dtsMs, true));
      bench.write(makeAudio(dtsMs));
    }
    const flags = bench.end().pes.map((one) => one.isDiscontinuity);
    assert.deepEqual(flags, [false, false, true, true, false, false].slice(0, flags.length));
    assert.equal(flags.length, 6);
  });
});

describe("access units (H.264 §7.4.1.2.3)", () => {
  const unitsOf = (frame: ElementaryFrame, track = AVC): number[] => {
    const bench = new MuxBench();
    bench.muxer.setVideo(track);
    bench.write(frame);
    const data = bench.end().pes[0]?.data ?? new Uint8Array(0);
    return splitAnnexB(data).map((unit) => unit[0] ?? 0);
  };

  test("a keyframe gets delimiter and parameter sets, another frame the delimiter", LIMIT, () => {
    assert.deepEqual(unitsOf(makeVideo(0, true)), [0x09, 0x67, 0x68, 0x65]);
    assert.deepEqual(unitsOf(makeVideo(0, false, [0x41, 0x41])), [0x09, 0x41, 0x41]);
    assert.deepEqual(unitsOf(makeVideo(0, true, [0x26]), HEVC), [0x46, 0x40, 0x42, 0x44, 0x26]);
  });

  test("the publisher's own delimiter is not doubled, nor its parameter sets", LIMIT, () => {
    assert.deepEqual(unitsOf(makeVideo(0, false, [0x09, 0x41])), [0x09, 0x41]);
    const own = makeVideo(0, true, [0x09, 0x67, 0x68, 0x06, 0x65]);
    assert.deepEqual(unitsOf(own), [0x09, 0x67, 0x68, 0x06, 0x65]);
  });
});
