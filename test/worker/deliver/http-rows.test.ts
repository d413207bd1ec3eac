/** How long an HTTP viewer that is full has stood still: from when it became full, not from when it came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import { HttpRows } from "../../../src/worker/deliver/http-rows.ts";
import { MS_MASK } from "../../../src/worker/io/clock.ts";

const ROW = 1;

function openRow(time: { now: number }): { rows: HttpRows; sink: { hasRoom: boolean } } {
  const sink = { hasRoom: true };
  const rows = new HttpRows(new Board(new SharedArrayBuffer(boardBytes(4))), () => time.now);
  rows.open(ROW, { write: () => sink.hasRoom });
  return { rows, sink };
}

for (const start of [1000, MS_MASK - 500]) {
  test(`who watched for a minute and is full for a moment stands still for that moment, from ${start}`, () => {
    const time = { now: start };
    const { rows, sink } = openRow(time);
    time.now += 60_000;
    sink.hasRoom = false;
    rows.sendBytes(ROW, Uint8Array.of(1));
    assert.deepEqual([...rows.blocked], [ROW]);
    assert.equal(rows.stillFor(ROW, time.now), 0);
    time.now += 700;
    assert.equal(rows.stillFor(ROW, time.now), 700);
  });
}

test("nothing to send is not sent: an empty chunk would end the body", () => {
  const { rows, sink } = openRow({ now: 0 });
  sink.hasRoom = false;
  assert.equal(rows.sendBytes(ROW, new Uint8Array(0)), true);
  assert.deepEqual([rows.sends, rows.blocked.size], [0, 0]);
  assert.equal(rows.sendBytes(ROW + 1, new Uint8Array(0)), false, "there is nobody");
});

test("a look that began before the row was full finds it standing still for no time", () => {
  const time = { now: 5000 };
  const { rows, sink } = openRow(time);
  sink.hasRoom = false;
  rows.sendBytes(ROW, Uint8Array.of(1));
  assert.equal(rows.stillFor(ROW, 4999), 0);
});

test("bytes that were taken count: it begins anew with each time that it is full", () => {
  const time = { now: 5000 };
  const { rows, sink } = openRow(time);
  sink.hasRoom = false;
  rows.sendBytes(ROW, Uint8Array.of(1));
  time.now += 9000;
  rows.unblock(ROW);
  rows.sendBytes(ROW, Uint8Array.of(1));
  time.now += 100;
  assert.equal(rows.stillFor(ROW, time.now), 100);
});

test("a row that is closed within its write is not full: its next viewer would be taken for stalled", () => {
  const time = { now: 5000 };
  const { rows } = openRow(time);
  rows.open(ROW, {
    write: () => {
      rows.close(ROW);
      return false;
    },
  });
  assert.equal(rows.sendBytes(ROW, Uint8Array.of(1)), false);
  rows.block(ROW);
  assert.deepEqual([...rows.blocked], []);
  assert.equal(rows.board.flags[ROW], 0);
  assert.equal(rows.board.bytesOut[ROW], 0);
});
