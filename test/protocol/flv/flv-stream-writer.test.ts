/** FLV streams of gateways: headers, tags, announced tracks, the older HEVC dialect. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteWriter } from "../../../src/protocol/bytes/byte-writer.ts";
import { FlvStreamWriter } from "../../../src/protocol/flv/flv-stream-writer.ts";
import { type FlvTag, FlvTagDecoder } from "../../../src/protocol/flv/tag.ts";
import { TrackGuess } from "../../../src/protocol/flv/track-guess.ts";

const LIMIT = { timeout: 5000 };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));
const FOUR_CC = hex(Buffer.from("hvc1"));

/** Tags, and the proof that back pointers are right. */
function readBack(bytes: Uint8Array): FlvTag[] {
  const tags: FlvTag[] = [];
  new FlvTagDecoder().push(bytes, {
    tag: (tag) => tags.push({ ...tag, payload: tag.payload.slice() }),
  });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let end = bytes.length;
  for (const tag of [...tags].reverse()) {
    assert.equal(view.getUint32(end - 4), tag.payload.length + 11);
    end -= tag.payload.length + 15;
  }
  assert.equal(end, 13);
  return tags;
}

describe("FlvStreamWriter", () => {
  test("header and tags, times beyond 24 bits and beyond 32", LIMIT, () => {
    const writer = new FlvStreamWriter();
    const target = new ByteWriter();
    writer.writeHeader({ hasAudio: true, hasVideo: true }, target);
    const times = [0, 0xff_ff_ff, 0x1_00_00_00, 2 ** 31, 2 ** 32 - 1, 2 ** 32 + 5, -1];
    for (const [index, time] of times.entries()) {
      assert.ok(writer.writeTag(8 + (index % 2), time, Uint8Array.of(index, 1), target));
    }
    const bytes = target.finish();
    assert.equal(hex(bytes.subarray(0, 13)), "464c5601050000000900000000");
    const tags = readBack(bytes);
    assert.deepEqual(
      tags.map((tag) => tag.timestamp),
      times.map((time) => time >>> 0),
    );
    assert.deepEqual(
      tags.map((tag) => [tag.type, tag.payload[0]]),
      times.map((_, index) => [8 + (index % 2), index]),
    );
  });

  test("drop_if_not_match leaves out what is not announced, but never data", LIMIT, () => {
    for (const dropsUnannounced of [true, false]) {
      const writer = new FlvStreamWriter({ dropsUnannounced });
      const target = new ByteWriter();
      writer.writeHeader({ hasAudio: false, hasVideo: true }, target);
      const written = [8, 9, 18].map((type) => writer.writeTag(type, 0, Uint8Array.of(1), target));
      assert.deepEqual(written, [!dropsUnannounced, true, true]);
      assert.equal(writer.droppedMessages, dropsUnannounced ? 1 : 0);
      assert.equal(readBack(target.finish()).length, dropsUnannounced ? 2 : 3);
    }
  });

  test("HEVC with codec id 12 where it is asked for", LIMIT, () => {
    const cases: readonly (readonly [string, string])[] = [
      // Sequence start, coded frames with time, coded frames without, end of sequence.
      [`90${FOUR_CC}0102`, "1c000000000102"],
      [`91${FOUR_CC}00002800000001aa`, "1c0100002800000001aa"],
      [`a3${FOUR_CC}00000001bb`, "2c0100000000000001bb"],
      [`92${FOUR_CC}`, "1c02000000"],
      // Left as they are: metadata, another codec, a classic body, another track, a cut one.
      [`94${FOUR_CC}02`, `94${FOUR_CC}02`],
      ["916176303101", "916176303101"],
      ["2c0100002801", "2c0100002801"],
      [`9601${FOUR_CC}0101`, `9601${FOUR_CC}0101`],
      [`91${FOUR_CC}0000`, `91${FOUR_CC}0000`],
      // One track of a multitrack body, the default one.
      [`9601${FOUR_CC}0000002800000001aa`, "1c0100002800000001aa"],
    ];
    const writer = new FlvStreamWriter({ isLegacyHevc: true });
    const plain = new FlvStreamWriter();
    for (const [given, wanted] of cases) {
      const targets = [new ByteWriter(), new ByteWriter()] as const;
      writer.writeHeader({ hasAudio: true, hasVideo: true }, targets[0]);
      plain.writeHeader({ hasAudio: true, hasVideo: true }, targets[1]);
      writer.writeTag(9, 7, bytesOf(given), targets[0]);
      plain.writeTag(9, 7, bytesOf(given), targets[1]);
      assert.deepEqual(
        readBack(targets[0].finish()).map((tag) => hex(tag.payload)),
        [wanted],
      );
      assert.deepEqual(
        readBack(targets[1].finish()).map((tag) => hex(tag.payload)),
        [given],
      );
    }
  });
});

describe("TrackGuess", () => {
  const AUDIO_HEADER = bytesOf("af001210");
  const AUDIO = bytesOf("af0101");
  const VIDEO_HEADER = bytesOf("17000000000142");
  const VIDEO = bytesOf("170100000001");
  const guess = (...seen: readonly (readonly [number, Uint8Array])[]): TrackGuess => {
    const tracks = new TrackGuess({ hasAudio: true, hasVideo: true, guessHasAv: true });
    for (const [type, payload] of seen) {
      tracks.see(type, payload);
    }
    return tracks;
  };

  test("nothing seen: no header yet", LIMIT, () => {
    assert.equal(guess([18, bytesOf("02000a")]).header, null);
  });

  test("headers of both tracks announce both, until frames say otherwise", LIMIT, () => {
    const both = { hasAudio: true, hasVideo: true };
    const headers = [
      [8, AUDIO_HEADER],
      [9, VIDEO_HEADER],
    ] as const;
    assert.deepEqual(guess(...headers).header, both);
    assert.deepEqual(guess(...headers, [9, VIDEO]).header, { hasAudio: false, hasVideo: true });
    assert.deepEqual(guess(...headers, [8, AUDIO]).header, { hasAudio: true, hasVideo: false });
    const all = guess(...headers, [8, AUDIO], [9, VIDEO]);
    assert.deepEqual([all.header, all.isCertain], [both, true]);
    assert.equal(guess(...headers, [8, AUDIO]).isCertain, false);
  });

  test("without guessing it is as configured", LIMIT, () => {
    const tracks = new TrackGuess({ hasAudio: false, hasVideo: true, guessHasAv: false });
    tracks.see(8, AUDIO);
    assert.deepEqual(
      [tracks.header, tracks.isCertain],
      [{ hasAudio: false, hasVideo: true }, true],
    );
  });
});
