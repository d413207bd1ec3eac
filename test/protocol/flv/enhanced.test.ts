import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeEnhancedHeader, EnhancedHeader } from "../../../src/protocol/flv/enhanced.ts";
import { AudioFourCc, formatFourCc, VideoFourCc } from "../../../src/protocol/flv/four-cc.ts";
import { ascii, hex, join } from "./vectors.ts";

function decode(payload: Uint8Array, kind: "audio" | "video" = "video"): EnhancedHeader | null {
  const header = new EnhancedHeader();
  return decodeEnhancedHeader(payload, kind, header) ? header : null;
}

test("Enhanced RTMP v2: FourCC values are the ASCII codes in big-endian order", () => {
  assert.equal(VideoFourCc.Av1, 1_635_135_537, "the document's own example");
  assert.equal(AudioFourCc.Opus, 1_332_770_163, "the document's own example");
  const texts = [...Object.values(VideoFourCc), ...Object.values(AudioFourCc)].map(formatFourCc);
  assert.deepEqual(texts.join(" "), "avc1 hvc1 vvc1 av01 vp09 vp08 Opus fLaC ac-3 ec-3 .mp3 mp4a");
});

test("Enhanced RTMP v2, ExVideoTagHeader: every field of a many-codec body behind a ModEx", () => {
  const tracks = [ascii("avc1"), hex("05 000002 aabb"), ascii("hvc1"), hex("00 000001 cc")];
  const header = decode(join(hex("a7 02 000102 06 21"), ...tracks));
  assert.deepEqual(
    { ...header },
    {
      packetType: 1,
      frameType: 2,
      fourCc: VideoFourCc.Avc,
      isMultitrack: true,
      multitrackType: 2,
      trackId: 5,
      hasDefaultTrack: true,
      nanosecondOffset: 0x01_02,
      bodyStart: 15,
      bodyEnd: 17,
    },
  );
});

test("Enhanced RTMP v2: a multitrack body cannot hold multitrack or ModEx", () => {
  for (const inner of ["06", "07"]) {
    assert.equal(decode(join(hex("96"), hex(inner), ascii("avc1"), hex("00 aa"))), null);
  }
  for (const inner of ["05", "07"]) {
    assert.equal(decode(join(hex("95"), hex(inner), ascii("Opus"), hex("00 aa")), "audio"), null);
  }
  assert.notEqual(decode(join(hex("96 05"), ascii("av01"), hex("00 aa"))), null, "5 is TS start");
});

test("A6-14: every cut of a header before its body is unreadable", () => {
  const whole = join(hex("97 02 000102 06 21"), ascii("avc1"), hex("05 000002 aabb"));
  for (let length = 0; length < whole.length; length += 1) {
    assert.equal(decode(whole.subarray(0, length)), null, `${length} bytes`);
  }
  assert.notEqual(decode(whole), null);
});

test("Enhanced RTMP v2: a command frame has a command and no FourCC", () => {
  const header = decode(hex("d1 00"));
  assert.deepEqual([header?.frameType, header?.fourCc, header?.bodyStart], [5, 0, 1]);
  assert.equal(decode(hex("d1")), null);
});
