/** Deadlines of one attempt at an origin, by a clock that the test moves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AttemptClock } from "../../../src/worker/upstream/attempt-clock.ts";

const SETTINGS = {
  connectTimeoutMs: 2000,
  replyTimeoutMs: 3000,
  firstMediaTimeoutMs: 5000,
  stallTimeoutMs: 5000,
  holdMs: 0,
  holdBytes: 0,
};

test("connection, answers, first media and gaps each have their time", () => {
  const clock = new AttemptClock(SETTINGS, 0);
  assert.equal(clock.overdue(2000), undefined);
  assert.equal(clock.overdue(2001), "connect");
  clock.connected(1000);
  assert.equal(clock.overdue(4000), undefined);
  assert.equal(clock.overdue(4001), "reply");
  clock.ready(4000);
  assert.equal(clock.overdue(9000), undefined);
  assert.equal(clock.overdue(9001), "no media");
  assert.equal(clock.moved(9000), true);
  assert.equal(clock.moved(10_000), false);
  assert.equal(clock.overdue(15_000), undefined);
  assert.equal(clock.overdue(15_001), "stall");
});

test("an origin far away has time for each answer, one that answers in drops does not", () => {
  const clock = new AttemptClock(SETTINGS, 0);
  clock.connected(0);
  for (let at = 2500; at <= 10_000; at += 2500) {
    assert.equal(clock.overdue(at), undefined, `${at}`);
    clock.heard(at);
  }
  for (let at = 10_500; at < 30_000; at += 500) {
    clock.heard(at);
  }
  assert.equal(clock.overdue(30_000), "reply");
});

test("bytes are no media: an origin that only talks after Start is left", () => {
  const clock = new AttemptClock(SETTINGS, 0);
  clock.connected(0);
  clock.ready(0);
  clock.heard(4900);
  assert.equal(clock.overdue(5001), "no media");
});

test("what an end counts as depends on how far it came", () => {
  const clock = new AttemptClock(SETTINGS, 0);
  assert.deepEqual([clock.endFault, clock.mediaMs], ["connect", 0]);
  clock.connected(0);
  assert.deepEqual([clock.endFault, clock.mediaMs], ["reply", 0]);
  clock.ready(0);
  assert.deepEqual([clock.endFault, clock.mediaMs], ["closed", 0]);
  clock.moved(100);
  clock.moved(700);
  assert.deepEqual([clock.endFault, clock.mediaMs], ["closed", 600]);
});
