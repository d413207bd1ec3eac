/** News of the primary and its answers come on two ports: whichever is first, a stream that is wanted stays known. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { RingLease, StreamSettings } from "../../../src/protocol/control/calls.ts";
import type { FanOutHost } from "../../../src/worker/stream/fan-out-host.ts";
import { KnownStreams } from "../../../src/worker/stream/known-streams.ts";

const STREAM = 5;

let released: number[];
let streams: KnownStreams;

beforeEach(() => {
  released = [];
  const host = { ringReleased: (ringId: number) => released.push(ringId) };
  streams = new KnownStreams(host as unknown as FanOutHost);
});

function learn(announcement: number): void {
  const settings = {} as StreamSettings;
  streams.learn({ streamId: STREAM, key: "v/a/s", settings, announcement });
}

function forget(announcement: number): void {
  streams.forget({ kind: "forget", streamId: STREAM, announcement });
}

test("a stream is forgotten with the announcement by which it is known", () => {
  learn(1);
  const known = streams.find(STREAM);
  learn(1);
  assert.equal(streams.find(STREAM), known);
  forget(1);
  assert.equal(streams.find(STREAM), undefined);
  forget(1);
});

test("an answer that overtakes the end of an earlier announcement keeps the stream", () => {
  learn(1);
  const known = streams.find(STREAM);
  // The answer to a play brings announcement 2; then come the news that were posted before it.
  learn(2);
  forget(1);
  learn(2);
  assert.equal(streams.find(STREAM), known);
  forget(2);
  assert.equal(streams.find(STREAM), undefined);
});

test("the lease of a ring that nobody knows is let go", () => {
  const lease: RingLease = { ringId: 9, memory: new SharedArrayBuffer(8) };
  streams.openRing(STREAM, lease);
  assert.deepEqual(released, [9]);
});
