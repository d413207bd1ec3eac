/** What viewers of each form get: when they begin, with what, and after they left something out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTLETS_MAX } from "../../../src/protocol/limits.ts";
import { type Message, MessageType } from "../../../src/protocol/rtmp/message.ts";
import { readFlvBytes } from "../../support/flv-file.ts";
import { isMedia } from "../../support/rtmp-peer.ts";
import { splitAdts, TsCheck } from "../../support/ts-check.ts";
import { audio, clipHeader, clipMessages, message, video } from "../clip.ts";
import { GatewayBench, remux } from "./gateway-bench.ts";

const AUDIO = 4;
const VIDEO = 1;
const clip = clipMessages();
const endMs = clip.at(-1)?.timestamp ?? 0;

const videoHeader = (): Message => message(MessageType.Video, 0, clipHeader(9));
const audioHeader = (): Message => message(MessageType.Audio, 0, clipHeader(8));

/** Video frames of 40 ms, a keyframe each second. */
function pictures(fromMs: number, untilMs: number): Message[] {
  const count = Math.ceil((untilMs - fromMs) / 40);
  return Array.from({ length: count }, (_, index) => {
    const time = fromMs + index * 40;
    return video(time, time % 1000 === 0, 200, time);
  });
}

/** Audio frames of 20 ms. */
function sounds(fromMs: number, untilMs: number): Message[] {
  const count = Math.ceil((untilMs - fromMs) / 20);
  return Array.from({ length: count }, (_, index) =>
    audio(fromMs + index * 20, 60, fromMs + index),
  );
}

/** The clip again, so many times, its headers once. */
function looped(rounds: number): Message[] {
  const media = clip.filter(({ type, payload }) => type !== 8 || payload[1] !== 0);
  return Array.from({ length: rounds }, (_, round) =>
    media.map((one) => ({ ...one, timestamp: one.timestamp + round * (endMs + 40) })),
  ).flat();
}

function checkTs(bytes: Buffer): TsCheck {
  const judge = new TsCheck({ tablesMsMax: 3000 });
  judge.push(bytes);
  judge.finish();
  return judge;
}

test("FLV: nothing is said before both tracks were seen, or had their time to come", () => {
  const bench = new GatewayBench();
  const viewer = bench.view(remux());
  bench.publish([videoHeader(), ...pictures(0, 300)]);
  assert.equal(viewer.bytes.length, 0);
  bench.publish(pictures(320, 400));
  assert.equal(viewer.bytes[4], VIDEO);
  const media = readFlvBytes(viewer.bytes).filter(isMedia);
  assert.equal(media[0]?.timestamp, 0, "all of it since the keyframe");

  const both = new GatewayBench();
  const other = both.view(remux());
  both.publish([videoHeader(), audioHeader(), video(0, true), audio(10)]);
  assert.equal(other.bytes[4], AUDIO | VIDEO);
});

test("FLV: a track that only its header announced has a second", () => {
  const bench = new GatewayBench();
  const viewer = bench.view(remux());
  bench.publish([videoHeader(), audioHeader(), ...pictures(0, 1000)]);
  assert.equal(viewer.bytes.length, 0);
  bench.publish(pictures(1000, 1080));
  assert.equal(viewer.bytes[4], VIDEO);
});

test("FLV: a message of an earlier time than the first is no second of media", () => {
  const bench = new GatewayBench({ timeJitter: "off", atc: true });
  const viewer = bench.view(remux());
  bench.publish([videoHeader(), audioHeader()].map((one) => ({ ...one, timestamp: 100 })));
  bench.publish([video(40, true), video(80, false)]);
  assert.equal(viewer.bytes.length, 0);
});

test("FLV: viewers keep the tracks they were told of, newcomers get what there is", () => {
  const bench = new GatewayBench();
  const early = bench.view(remux());
  bench.publish([videoHeader(), ...pictures(0, 600)]);
  assert.equal(early.bytes[4], VIDEO);
  bench.publish([audioHeader(), audio(600), ...pictures(600, 1400)]);
  const late = bench.view(remux());
  bench.publish([audio(1400), ...pictures(1400, 2200)]);
  assert.equal(late.bytes[4], AUDIO | VIDEO);
  assert.deepEqual(
    readFlvBytes(early.bytes).filter((frame) => frame.type === 8),
    [],
  );
  assert.notEqual(early.outlet, late.outlet);
});

test("FLV: outlets of tracks that come and go are bounded", () => {
  const bench = new GatewayBench();
  const rounds = OUTLETS_MAX + 4;
  for (let round = 0; round < rounds; round += 1) {
    const hasAudio = round % 2 === 1;
    const headers = hasAudio ? [videoHeader(), audioHeader()] : [videoHeader()];
    bench.publish([...headers, ...pictures(0, 500), ...(hasAudio ? [audio(500)] : [])]);
    const viewer = bench.view(remux());
    bench.publish(pictures(520, 600));
    assert.equal(viewer.bytes[4], hasAudio ? AUDIO | VIDEO : VIDEO, `round ${round}`);
    bench.unpublish();
  }
  assert.equal(bench.ended.length, rounds - OUTLETS_MAX);
});

test("TS: a newcomer's tables are numbered so that the stream follows them", () => {
  const bench = new GatewayBench();
  bench.view(remux({ format: "ts" }));
  bench.publish(looped(2));
  const late = bench.view(remux({ format: "ts" }));
  bench.publish(looped(1).map((one) => ({ ...one, timestamp: one.timestamp + 2 * (endMs + 40) })));
  const judge = checkTs(late.bytes);
  assert.deepEqual(judge.errors, []);
  assert.equal(judge.steps, 0);
  assert.ok(judge.pes.length > 20 && judge.pes[0]?.isRandomAccess);
});

test("TS: who left something out is told of the step, and begins at a keyframe", () => {
  const bench = new GatewayBench({ queueLengthMs: 500 });
  const slow = bench.view(remux({ format: "ts" }));
  const all = looped(6);
  bench.publish(all.slice(0, 40));
  slow.hasRoom = false;
  bench.publish(all.slice(40, -40));
  const before = slow.bytes.length;
  slow.outlet.fanOut.checkLag(slow.row, 0, true);
  bench.drain(slow);
  bench.publish(all.slice(-40));
  const judge = checkTs(slow.bytes);
  assert.deepEqual(judge.errors, []);
  assert.equal(judge.steps, 4, "one on each PID");
  assert.ok(slow.bytes.length > before);
  const packet = before / 188;
  const next = judge.pes.find((one) => one.packet >= packet && one.pid === 0x1_00);
  assert.ok(next?.isRandomAccess, "not a keyframe");
});

test("TS: a track of which only the header came leaves the map, and comes back with its frames", () => {
  const bench = new GatewayBench();
  const viewer = bench.view(remux({ format: "ts" }));
  const isAudioFrame = (one: Message): boolean => one.type === 8 && one.payload[1] === 1;
  const silent = looped(4).filter((one) => !isAudioFrame(one));
  bench.publish([audioHeader(), ...silent]);
  assert.deepEqual([...checkTs(viewer.bytes).streams.keys()], [0x1_00]);
  const time = silent.at(-1)?.timestamp ?? 0;
  const sound = clip
    .filter(isAudioFrame)
    .map((one) => ({ ...one, timestamp: time + one.timestamp }));
  bench.publish(sound);
  const judge = checkTs(viewer.bytes);
  assert.deepEqual([...judge.streams.keys()], [0x1_00, 0x1_01]);
  assert.deepEqual(judge.errors, []);
});

for (const hasAudio of [true, false]) {
  test(`TS: without guessing a header alone is listed as has_audio says, ${hasAudio}`, () => {
    const bench = new GatewayBench();
    const viewer = bench.view(remux({ format: "ts", guessHasAv: false, hasAudio }));
    const isAudioFrame = (one: Message): boolean => one.type === 8 && one.payload[1] === 1;
    const silent = looped(4).filter((one) => !isAudioFrame(one));
    bench.publish([audioHeader(), ...silent]);
    const listed = hasAudio ? [0x1_00, 0x1_01] : [0x1_00];
    assert.deepEqual([...checkTs(viewer.bytes).streams.keys()], listed);
    const time = silent.at(-1)?.timestamp ?? 0;
    bench.publish([
      { ...audio(time), payload: clip.find(isAudioFrame)?.payload ?? audioHeader().payload },
    ]);
    bench.settle();
    const judge = checkTs(viewer.bytes);
    assert.deepEqual([...judge.streams.keys()], [0x1_00, 0x1_01], "what comes is listed");
    assert.deepEqual(judge.errors, []);
  });
}

for (const format of ["aac", "mp3"] as const) {
  test(`${format}: a codec that the form does not carry is silence`, () => {
    const bench = new GatewayBench();
    const viewer = bench.view(remux({ format }));
    bench.publish([audioHeader(), ...sounds(0, 1000)]);
    assert.equal(viewer.bytes.length > 0, format === "aac");
  });
}

test("AAC: newcomers get so much of the past as fast_cache says, whoever watches", () => {
  const kept = remux({ format: "aac", fastCacheMs: 2000 });
  const bench = new GatewayBench({ keptForm: kept });
  bench.publish([audioHeader(), ...sounds(0, 5000)]);
  const viewer = bench.view(kept);
  const frames = splitAdts(viewer.bytes);
  assert.equal(frames.length, 101);
  const next = bench.view(kept);
  assert.deepEqual(splitAdts(next.bytes).length, 101);
  bench.publish(sounds(5000, 5100));
  assert.equal(splitAdts(viewer.bytes).length, 106);

  const without = bench.view(remux({ format: "aac" }));
  assert.ok(splitAdts(without.bytes).length <= 1);
});

test("AAC: what is kept ends with the publish", () => {
  const kept = remux({ format: "aac", fastCacheMs: 2000 });
  const bench = new GatewayBench({ keptForm: kept });
  bench.publish([audioHeader(), ...sounds(0, 500)]);
  const viewer = bench.view(kept);
  const got = splitAdts(viewer.bytes).length;
  bench.unpublish();
  bench.unpublish();
  assert.equal(splitAdts(viewer.bytes).length, got);
  assert.equal(viewer.outlet.tape.isLive, false);
});

test("AAC: its ring does not grow with the publisher's", () => {
  const bench = new GatewayBench();
  const viewer = bench.view(remux({ format: "aac" }));
  bench.publish([audioHeader(), videoHeader(), audio(0), video(0, true, 300_000)]);
  bench.publish(sounds(20, 500));
  assert.equal(splitAdts(viewer.bytes).length, 25);
});
