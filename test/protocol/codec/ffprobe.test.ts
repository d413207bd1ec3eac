/** Every configuration record of test/fixtures/codec, made by real encoders, against what ffprobe said of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAacConfig } from "../../../src/protocol/codec/aac-config.ts";
import { decodeAv1Config } from "../../../src/protocol/codec/av1-config.ts";
import { decodeAvcConfig } from "../../../src/protocol/codec/avc-config.ts";
import { decodeFlacConfig } from "../../../src/protocol/codec/flac-config.ts";
import { decodeHevcConfig } from "../../../src/protocol/codec/hevc-config.ts";
import { decodeOpusConfig } from "../../../src/protocol/codec/opus-config.ts";
import { decodeVpConfig } from "../../../src/protocol/codec/vp-config.ts";
import { fixture, fixtureNames, jsonFixture } from "../flv/vectors.ts";

interface Vector {
  readonly width: number;
  readonly height: number;
  readonly profile: string;
  readonly level: number;
  readonly frameRate: number;
  readonly sampleRate: number;
  readonly channels: number;
}

/** ffprobe's profile names where they are not ours. */
const PROFILES: Readonly<Record<string, string>> = {
  "Constrained Baseline": "Baseline",
  "High 10": "High(10)",
  "High 4:2:2": "High(422)",
  "High 4:4:4 Predictive": "High(444+Predictive)",
  "Main 10": "Main10",
};

const vectors = jsonFixture("codec/vectors.json") as Readonly<Record<string, Vector>>;

function checkVideo(name: string, vector: Vector): void {
  const bytes = fixture(`codec/${name}.bin`);
  const config = name.startsWith("avc") ? decodeAvcConfig(bytes) : decodeHevcConfig(bytes);
  assert.equal(config.width, vector.width);
  assert.equal(config.height, vector.height);
  assert.equal(config.profile, PROFILES[vector.profile] ?? vector.profile);
  assert.equal(config.levelId, vector.level);
  assert.ok(Math.abs((config.frameRate ?? 0) - vector.frameRate) < 1e-6, `${config.frameRate}`);
  assert.equal(config.nalLengthBytes, 4);
  assert.equal(config.sequenceParameterSets.length, 1);
  assert.equal(config.pictureParameterSets.length, 1);
}

function checkAudio(name: string, vector: Vector): void {
  const bytes = fixture(`codec/${name}.bin`);
  if (name.startsWith("aac")) {
    const config = decodeAacConfig(bytes);
    assert.equal(config.sampleRate, vector.sampleRate);
    assert.equal(config.coreSampleRate, vector.sampleRate);
    assert.equal(config.channels, vector.channels);
    assert.equal(config.profile, vector.profile);
    assert.equal(config.frameSamples, 1024);
    return;
  }
  const config = name.startsWith("opus") ? decodeOpusConfig(bytes) : decodeFlacConfig(bytes);
  assert.equal(config.sampleRate, vector.sampleRate);
  assert.equal(config.channels, vector.channels);
}

function check(name: string, vector: Vector): void {
  if (/^(avc|hevc)/.test(name)) {
    checkVideo(name, vector);
  } else if (name.startsWith("av1")) {
    const config = decodeAv1Config(fixture(`codec/${name}.bin`));
    assert.equal(config.width, vector.width);
    assert.equal(config.height, vector.height);
    assert.equal(config.profile, vector.profile);
    assert.equal(config.levelId, vector.level);
  } else if (name.startsWith("vp9")) {
    const config = decodeVpConfig(fixture(`codec/${name}.bin`));
    assert.equal(`Profile ${config.profileId}`, vector.profile);
  } else {
    checkAudio(name, vector);
  }
}

test("each vector has a record and each record a vector", () => {
  const records = fixtureNames("codec", ".bin").map((name) => name.replace(".bin", ""));
  assert.deepEqual(records, Object.keys(vectors).sort());
  assert.ok(records.length >= 25);
});

for (const [name, vector] of Object.entries(vectors)) {
  test(`ffprobe agrees on ${name}`, () => check(name, vector));
}
