/** Configuration records from hostile peers: only ProtocolError escapes, results are in range, and it ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAacConfig } from "../../src/protocol/codec/aac-config.ts";
import { decodeAv1Config } from "../../src/protocol/codec/av1-config.ts";
import { decodeAvcConfig } from "../../src/protocol/codec/avc-config.ts";
import { decodeFlacConfig } from "../../src/protocol/codec/flac-config.ts";
import { decodeHevcConfig } from "../../src/protocol/codec/hevc-config.ts";
import { decodeMp3FrameHeader } from "../../src/protocol/codec/mp3-frame.ts";
import { decodeOpusConfig } from "../../src/protocol/codec/opus-config.ts";
import { decodeVpConfig } from "../../src/protocol/codec/vp-config.ts";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { PICTURE_SIDE_MAX } from "../../src/protocol/limits.ts";
import { fuzz, readSeeds } from "./mutator.ts";

const DECODERS: Readonly<Record<string, (bytes: Uint8Array) => object>> = {
  aac: decodeAacConfig,
  av1: decodeAv1Config,
  avc: decodeAvcConfig,
  flac: decodeFlacConfig,
  hevc: decodeHevcConfig,
  mp3: decodeMp3FrameHeader,
  opus: decodeOpusConfig,
  vp9: decodeVpConfig,
};

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  width: [1, PICTURE_SIDE_MAX],
  height: [1, PICTURE_SIDE_MAX],
  frameRate: [Number.MIN_VALUE, 2 ** 32],
  sampleRate: [1, 1_048_575],
  coreSampleRate: [1, 192_000],
  channels: [1, 255],
  nalLengthBytes: [1, 4],
};

function checkRanges(result: object): void {
  for (const [field, value] of Object.entries(result)) {
    const range = RANGES[field];
    if (range !== undefined && value !== null) {
      assert.ok(value >= range[0] && value <= range[1], `${field} is ${value}`);
    }
  }
}

/** @returns whether the bytes decoded. */
function attempt(decode: (bytes: Uint8Array) => object, bytes: Uint8Array): boolean {
  try {
    checkRanges(decode(bytes));
    return true;
  } catch (error) {
    if (!(error instanceof ProtocolError)) {
      throw error;
    }
    assert.match(error.code, /^ERR_[A-Z0-9_]+$/);
    return false;
  }
}

test("F-50: codec records, corpus and 20000 mutations", { timeout: 60_000 }, () => {
  let decoded = 0;
  fuzz("codec", 20_000, (bytes) => {
    const before = bytes.slice();
    for (const decode of Object.values(DECODERS)) {
      decoded += attempt(decode, bytes) ? 1 : 0;
    }
    assert.deepEqual(bytes, before, "a decoder changed its input");
  });
  assert.ok(decoded > 5000, `only ${decoded} inputs decoded: the mutations reach nothing`);
});

test("F-50: corpus files named after an encoder's profile still decode", () => {
  const good = readSeeds("codec").filter(({ name }) => !/cut|zeros|size-ff/.test(name));
  assert.ok(good.length >= 14);
  for (const { name, bytes } of good) {
    const decode = DECODERS[name.split(/[-.]/)[0] ?? ""];
    assert.ok(decode !== undefined && attempt(decode, bytes), name);
  }
});

test("A6-03: a megabyte of any one byte ends quickly", { timeout: 20_000 }, () => {
  for (const value of [0, 1, 3, 0x55, 0x80, 0xff]) {
    const bytes = new Uint8Array(1024 * 1024).fill(value);
    for (const head of [
      "0164001fffe1ffff6764001f",
      "0101 60000000 900000000000 5d f000 fc fd f8 f8 0000 0f ff",
      "81080c000a",
      "",
    ]) {
      bytes.set(Buffer.from(head.replaceAll(" ", ""), "hex"));
      for (const decode of Object.values(DECODERS)) {
        const started = performance.now();
        attempt(decode, bytes);
        assert.ok(performance.now() - started < 1000);
      }
    }
  }
});
