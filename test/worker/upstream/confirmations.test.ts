/** What signs of an origin say about what it has read. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Confirmations } from "../../../src/worker/upstream/confirmations.ts";

const STALL_MS = 5000;
/** Bytes of the dialogue before media. */
const BEFORE = 4000;

function begin(position = 1000): Confirmations {
  return new Confirmations(STALL_MS, { position, sentBytes: BEFORE, now: 0 });
}

/** Sends a part of so many bytes and marks its end. @returns number of the ping */
function send(confirmed: Confirmations, upTo: number, now: number): number {
  confirmed.sent(BEFORE + upTo, now);
  return confirmed.mark(1000 + upTo, BEFORE + upTo, now);
}

describe("confirmations", () => {
  test("the answer to a ping confirms all that was sent before it, and nothing after it", () => {
    const confirmed = begin();
    const pings = [100, 200, 300].map((upTo, index) => send(confirmed, upTo, index));
    assert.equal(new Set(pings).size, 3);
    assert.deepEqual([confirmed.hasAnswered, confirmed.position], [false, 1000]);
    confirmed.pong(pings[1] ?? 0, 10);
    assert.deepEqual([confirmed.hasAnswered, confirmed.position], [true, 1200]);
    confirmed.pong(pings[0] ?? 0, 11);
    confirmed.pong(77, 12);
    confirmed.pong(0, 13);
    assert.equal(confirmed.position, 1200);
    confirmed.pong(pings[2] ?? 0, 14);
    assert.equal(confirmed.position, 1300);
  });

  test("a mark is due after a second, or many bytes, and not while nothing was sent", () => {
    const confirmed = begin();
    assert.equal(confirmed.isMarkDue(60_000), false);
    assert.equal(confirmed.sent(BEFORE + 10, 60_000), false);
    assert.equal(confirmed.isMarkDue(60_000), true, "the first one at once");
    confirmed.mark(1010, BEFORE + 10, 60_000);
    assert.equal(confirmed.isMarkDue(70_000), false);
    assert.equal(confirmed.sent(BEFORE + 20, 60_100), false);
    assert.equal(confirmed.isMarkDue(60_999), false);
    assert.equal(confirmed.isMarkDue(61_000), true);
    assert.equal(confirmed.sent(BEFORE + 70_000, 60_200), true);
  });

  test("who has answered owes an answer from the first byte on that it did not confirm", () => {
    const confirmed = begin();
    confirmed.pong(send(confirmed, 100, 0), 50);
    assert.equal(confirmed.aliveAt(9000), 9000, "nothing is owed");
    confirmed.sent(BEFORE + 200, 9100);
    confirmed.mark(1200, BEFORE + 200, 9900);
    assert.equal(confirmed.aliveAt(12_000), 9100);
    confirmed.pong(2, 12_500);
    assert.equal(confirmed.aliveAt(12_600), 12_600);
  });

  test("acknowledgements confirm whole marks, from whichever byte they count", () => {
    const confirmed = begin();
    for (const [index, upTo] of [100, 200, 300].entries()) {
      send(confirmed, upTo, index);
    }
    confirmed.acknowledged(BEFORE + 250, BEFORE + 300, 10);
    assert.deepEqual([confirmed.hasAnswered, confirmed.position], [true, 1200]);
    confirmed.acknowledged(BEFORE + 250, BEFORE + 300, 11);
    confirmed.acknowledged(BEFORE + 300, BEFORE + 300, 12);
    assert.equal(confirmed.position, 1300);
  });

  test("a count that starts again is followed from there, and one ahead of what was sent is not believed", () => {
    const confirmed = begin();
    send(confirmed, 1000, 0);
    confirmed.acknowledged(BEFORE + 1000, BEFORE + 1000, 1);
    send(confirmed, 2000, 2);
    send(confirmed, 3000, 3);
    confirmed.acknowledged(500, BEFORE + 3000, 4);
    assert.equal(confirmed.position, 2000, "nobody knows how much that is");
    confirmed.acknowledged(1500, BEFORE + 3000, 5);
    assert.equal(confirmed.position, 3000);
    confirmed.acknowledged(900_000, BEFORE + 3000, 6);
    assert.equal(confirmed.position, 3000);
  });

  test("counts wrap at 2^32", () => {
    const confirmed = new Confirmations(STALL_MS, { position: 0, sentBytes: 0, now: 0 });
    const far = 2 ** 32 - 10;
    confirmed.sent(far, 0);
    confirmed.mark(1, far, 0);
    confirmed.acknowledged(far, far, 1);
    assert.equal(confirmed.position, 1);
    confirmed.sent(far + 30, 2);
    confirmed.mark(2, far + 30, 2);
    confirmed.acknowledged(20, far + 30, 3);
    assert.equal(confirmed.position, 2);
  });

  test("who only acknowledges owes nothing before a window is full", () => {
    const confirmed = begin(0);
    send(confirmed, 50_000, 0);
    confirmed.acknowledged(BEFORE + 40_000, BEFORE + 50_000, 10);
    send(confirmed, 60_000, 1000);
    assert.equal(confirmed.aliveAt(30_000), 30_000);
    send(confirmed, 90_000, 31_000);
    assert.equal(confirmed.aliveAt(33_000), 31_000);
  });

  test("who says nothing is asked ten times, and known as silent after the stall limit", () => {
    const confirmed = begin();
    const pings = Array.from({ length: 200 }, (_, index) =>
      send(confirmed, (index + 1) * 10, index * 1000),
    );
    assert.equal(pings.filter((ping) => ping > 0).length, 10);
    assert.equal(confirmed.isSilent(STALL_MS), false);
    assert.equal(confirmed.isSilent(STALL_MS + 1), true);
    confirmed.acknowledged(BEFORE + 2000, BEFORE + 2000, 200_000);
    assert.equal(confirmed.position, 3000, "the newest mark has moved on with what was sent");
    assert.equal(confirmed.isSilent(300_000), false);
  });

  test("marks are bounded, and an answer never confirms more than was sent before its ping", () => {
    const confirmed = begin();
    confirmed.pong(send(confirmed, 1, 0), 0);
    const pings = Array.from({ length: 1000 }, (_, index) => send(confirmed, index + 2, 1));
    const newest = pings.filter((ping) => ping > 0).at(-1) ?? assert.fail();
    assert.ok(newest < 100);
    confirmed.pong(newest, 2);
    assert.equal(confirmed.position, 1001);
    confirmed.pong(newest - 1, 3);
    assert.equal(confirmed.position, 1000 + newest - 1);
  });

  test("a ring that moves takes the positions along, around 2^31", () => {
    const confirmed = begin();
    const ping = send(confirmed, 100, 0);
    confirmed.shift(0x7f_ff_ff_ff);
    confirmed.pong(ping, 1);
    assert.equal(confirmed.position, (1100 + 0x7f_ff_ff_ff) | 0);
  });
});
