import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFlacConfig } from "../../../src/protocol/codec/flac-config.ts";
import { decodeMp3FrameHeader } from "../../../src/protocol/codec/mp3-frame.ts";
import { decodeOpusConfig } from "../../../src/protocol/codec/opus-config.ts";
import { decodeVpConfig } from "../../../src/protocol/codec/vp-config.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { ascii, fixture, hex, join } from "../flv/vectors.ts";

const fails = (code: string) => (error: unknown) =>
  error instanceof ProtocolError && error.code === code && error.place.spec !== undefined;

test("RFC 7845 §5.1: Opus identification header", () => {
  const head = join(ascii("OpusHead"), hex("01 02 3801 80bb0000 0000 00"));
  assert.deepEqual(decodeOpusConfig(head), { channels: 2, sampleRate: 48_000, preSkip: 312 });
  for (let length = 0; length < head.length; length += 1) {
    assert.throws(() => decodeOpusConfig(head.subarray(0, length)), fails("ERR_OPUS_CONFIG"));
  }
  const silent = head.slice();
  silent[9] = 0;
  assert.throws(() => decodeOpusConfig(silent), fails("ERR_OPUS_CONFIG"));
});

test("RFC 9639 §8.2: FLAC stream information", () => {
  const config = fixture("codec/flac-stereo.bin");
  assert.deepEqual(decodeFlacConfig(config), {
    sampleRate: 44_100,
    channels: 2,
    bitsPerSample: 16,
  });
  for (const length of [0, 4, 8, 17, 19, 20]) {
    assert.throws(() => decodeFlacConfig(config.subarray(0, length)), fails("ERR_FLAC_CONFIG"));
  }
  assert.throws(
    () => decodeFlacConfig(join(ascii("OggS"), config.subarray(4))),
    fails("ERR_FLAC_CONFIG"),
  );
});

test("ISO/IEC 11172-3 §2.4.1.3: MPEG audio frame headers", () => {
  assert.deepEqual(decodeMp3FrameHeader(hex("fffb9064")), { sampleRate: 44_100, channels: 2 });
  assert.deepEqual(decodeMp3FrameHeader(hex("fffb94c4")), { sampleRate: 48_000, channels: 1 });
  assert.deepEqual(decodeMp3FrameHeader(hex("fff34064")), { sampleRate: 22_050, channels: 2 });
  assert.deepEqual(decodeMp3FrameHeader(hex("ffe348c4")), { sampleRate: 8000, channels: 1 });
  for (const bytes of ["", "fffb90", "fefb9064", "ffeb9064", "fffb9c64"]) {
    assert.throws(() => decodeMp3FrameHeader(hex(bytes)), fails("ERR_MP3_FRAME"), bytes);
  }
});

test("VP codec configuration, bare and with the box's version and flags", () => {
  assert.deepEqual(decodeVpConfig(hex("01000000 00 1f 80 02 02 02 0000")), {
    profileId: 0,
    level: "3.1",
  });
  assert.deepEqual(decodeVpConfig(hex("02 00 80 02 02 02 0000")), { profileId: 2, level: null });
  assert.throws(() => decodeVpConfig(hex("00 1f 80 02 02 02 00")), fails("ERR_VP_CONFIG"));
  assert.throws(() => decodeVpConfig(hex("")), fails("ERR_VP_CONFIG"));
});
