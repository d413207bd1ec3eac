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

/** What a row is sent that stands at `cursor`, when it goes over the end of a ring of 8 bytes. */
function sentOverTheEnd(
  rows: HttpRows,
  ring: SharedArrayBuffer,
  row: number,
  cursor: number,
): void {
  const memory = rows.memory(ring);
  rows.board.cursor[row] = cursor;
  assert.equal(rows.send(row, memory, 5, 3, true), 3);
  assert.equal(rows.send(row, memory, 0, 2, false), 2);
}

test("a write over the end of a ring is one write, made once for all rows at that place", () => {
  const { rows } = openRow({ now: 0 });
  const ring = new SharedArrayBuffer(8);
  new Uint8Array(ring).set([4, 5, 0, 0, 0, 1, 2, 3]);
  const seen: { bytes: Uint8Array; text: string }[] = [];
  const sink = {
    write: (bytes: Uint8Array) => seen.push({ bytes, text: bytes.join() }) > 0,
  };
  rows.open(ROW, sink);
  rows.open(ROW + 1, sink);
  sentOverTheEnd(rows, ring, ROW, 5);
  sentOverTheEnd(rows, ring, ROW + 1, 5);
  assert.deepEqual(
    seen.map(({ text }) => text),
    ["1,2,3,4,5", "1,2,3,4,5"],
  );
  assert.equal(seen[0]?.bytes, seen[1]?.bytes, "one copy");
  assert.equal(rows.sends, 2);
  // A round later, at the same place and as long: other bytes.
  new Uint8Array(ring).set([9, 9, 0, 0, 0, 8, 8, 8]);
  sentOverTheEnd(rows, ring, ROW, 13);
  assert.equal(seen[2]?.text, "8,8,8,9,9");
  // What lies in one piece is the ring's own.
  rows.send(ROW, rows.memory(ring), 1, 2, false);
  assert.equal(seen[3]?.bytes.buffer, ring);
});
