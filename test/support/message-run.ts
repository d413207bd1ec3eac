/** What must be true of the messages that a player of a clip got. */
import assert from "node:assert/strict";
import type { Frame } from "./flv-file.ts";
import type { ReceivedFrame } from "./rtmp-peer.ts";
import { isMedia, roundMsOf } from "./rtmp-peer.ts";

/**
 * Asserts that `received` is a run of the clip's messages (the clip over and over) in their order,
 * without a gap or a double, all shifted in time by the same amount.
 * @returns how many messages it compared.
 */
export function assertMessageRun(
  clip: readonly Frame[],
  received: readonly ReceivedFrame[],
): number {
  const sent = clip.filter(isMedia);
  const got = received.filter(isMedia);
  const roundMs = roundMsOf(clip);
  const first = got[0];
  assert.ok(first, "no media came");
  const start = sent.findIndex((frame) => frame.hash === first.hash);
  const origin = sent[start];
  assert.ok(origin, "the first message that came is none of the clip");
  const shift = first.timestamp - origin.timestamp;
  for (const [index, frame] of got.entries()) {
    const wanted = sent[(start + index) % sent.length];
    const round = Math.floor((start + index) / sent.length);
    const where = `message ${index} of ${got.length}`;
    assert.equal(frame.hash, wanted?.hash, `${where}: lost, doubled or changed`);
    const timestamp = (wanted?.timestamp ?? 0) + round * roundMs + shift;
    assert.equal(frame.timestamp, timestamp, `${where}: timestamp`);
  }
  return got.length;
}

/**
 * Asserts that a player that joined a running stream of H.264 and AAC got metadata, then each sequence header once,
 * then a keyframe of the same time.
 */
export function assertJoined(received: readonly ReceivedFrame[]): void {
  const first = received.findIndex(isMedia);
  assert.ok(first >= 0, "no media came");
  const preamble = received.slice(0, first);
  const names = preamble.map((frame) => frame.name || `${frame.kind} ${frame.type}`);
  assert.deepEqual(names.slice(0, -2), ["|RtmpSampleAccess", "onMetaData"]);
  assert.deepEqual(names.slice(-2).sort(), ["header 8", "header 9"]);
  assert.equal(received[first]?.kind, "key", "the first frame is no keyframe");
  for (const header of preamble.slice(2)) {
    assert.equal(header.timestamp, received[first]?.timestamp, "a header has another time");
  }
}

/** Asserts that timestamps never go back within audio or within video. */
export function assertTimeLine(received: readonly ReceivedFrame[]): void {
  for (const type of [8, 9]) {
    let last = -1;
    for (const frame of received.filter((one) => one.type === type && isMedia(one))) {
      assert.ok(frame.timestamp >= last, `time goes back from ${last} to ${frame.timestamp}`);
      last = frame.timestamp;
    }
  }
}
