/** ADTS headers against the fields of ISO/IEC 13818-7 §6.2. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeAacConfig } from "../../../src/protocol/codec/aac-config.ts";
import {
  ADTS_HEADER_BYTES,
  adtsForm,
  encodeAdtsHeader,
  isAdtsSize,
} from "../../../src/protocol/codec/adts.ts";
import { codecFixture } from "../codec-fixture.ts";

const LIMIT = { timeout: 5000 };
const formOf = (name: string) => adtsForm(decodeAacConfig(codecFixture(name)));

describe("ADTS", () => {
  test("the header of a frame of 371 bytes, LC, 44100 Hz, stereo", LIMIT, () => {
    const target = new Uint8Array(9);
    const form = formOf("aac-lc-44100-stereo");
    assert.ok(form);
    assert.equal(encodeAdtsHeader(target, 1, form, 371), 1 + ADTS_HEADER_BYTES);
    // 0xfff, MPEG-4, layer 0, no CRC; profile 1, index 4, channels 2; length 378; fullness 0x7ff; one block.
    assert.equal(Buffer.from(target).toString("hex"), "00fff150802f5ffc00");
  });

  test("forms of other configurations", LIMIT, () => {
    assert.deepEqual(formOf("aac-lc-48000-5.1"), {
      profile: 1,
      rateIndex: 3,
      channelConfiguration: 6,
    });
    assert.deepEqual(formOf("aac-main-44100")?.profile, 0);
    assert.deepEqual(formOf("aac-lc-96000-stereo")?.rateIndex, 0);
    assert.deepEqual(formOf("aac-lc-48000-mono")?.channelConfiguration, 1);
  });

  test("HE-AAC is said as its core", LIMIT, () => {
    // Object type 5, core 24000 Hz, extension 48000 Hz, LC.
    const config = decodeAacConfig(Uint8Array.of(0x2b, 0x11, 0x88, 0x00));
    assert.equal(config.hasSbr, true);
    assert.deepEqual(adtsForm(config), { profile: 1, rateIndex: 6, channelConfiguration: 2 });
  });

  test("what ADTS cannot say", LIMIT, () => {
    const base = decodeAacConfig(codecFixture("aac-lc-44100-stereo"));
    assert.equal(adtsForm({ ...base, objectType: 23 }), null);
    assert.equal(adtsForm({ ...base, coreSampleRate: 44_056 }), null);
    assert.equal(adtsForm({ ...base, channelConfiguration: 12 }), null);
    assert.equal(adtsForm({ ...base, channelConfiguration: 0, channels: 6 }), null);
    assert.ok(adtsForm({ ...base, channelConfiguration: 0, channels: 2 }));
    assert.equal(isAdtsSize(8184), true);
    assert.equal(isAdtsSize(8185), false);
    assert.equal(isAdtsSize(0), false);
  });
});
