/** News of the primary and its answers come on two ports: whichever is first, a stream that is wanted stays known. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { RingLease, StreamSettings } from "../../../src/protocol/control/calls.ts";
import { type KnownStream, KnownStreams } from "../../../src/worker/stream/known-streams.ts";

const STREAM = 5;

let released: number[];
let opened: number[];
let closed: number;
let streams: KnownStreams<KnownStream>;

beforeEach(() => {
  released = [];
  opened = [];
  closed = 0;
  streams = new KnownStreams<KnownStream>({
    open: () => ({
      announcement: 0,
      isHurried: false,
      skips: 3,
      openRing: ({ ringId }) => opened.push(ringId),
      advance: () => undefined,
      tick: () => undefined,
      tickSlow: () => undefined,
      close: () => {
        closed += 1;
      },
    }),
    ringReleased: (ringId) => released.push(ringId),
  });
});

function learn(announcement: number): void {
  const settings = {} as StreamSettings;
  streams.learn({ streamId: STREAM, key: "v/a/s", settings, announcement });
}

function forget(announcement: number): void {
  streams.take({ kind: "forget", streamId: STREAM, announcement });
}

test("a stream is forgotten with the announcement by which it is known", () => {
  learn(1);
  const known = streams.find(STREAM);
  learn(1);
  assert.equal(streams.find(STREAM), known);
  forget(1);
  assert.equal(streams.find(STREAM), undefined);
  assert.equal(closed, 1);
  forget(1);
  assert.equal(closed, 1);
});

test("skips are summed over all streams", () => {
  learn(1);
  streams.learn({
    streamId: STREAM + 1,
    key: "v/a/t",
    settings: {} as StreamSettings,
    announcement: 2,
  });
  assert.equal(streams.tickSlow(), 6);
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
  streams.take({ kind: "ring", streamId: STREAM, lease });
  assert.deepEqual(released, [9]);
  learn(1);
  streams.take({ kind: "ring", streamId: STREAM, lease });
  assert.deepEqual([released, opened], [[9], [9]]);
  streams.take({ kind: "ring", streamId: STREAM, lease: null });
  assert.deepEqual([released, opened], [[9], [9]]);
});
