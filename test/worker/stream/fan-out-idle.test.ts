/** A fan-out asks writers to ring only while it has players. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import type { RingLease, StreamSettings } from "../../../src/protocol/control/calls.ts";
import { formatRing, RingState, ringSizeBytes } from "../../../src/protocol/ring/ring-layout.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";
import { SocketRows } from "../../../src/worker/io/socket-rows.ts";
import { FanOut } from "../../../src/worker/stream/fan-out.ts";
import type { FanOutHost } from "../../../src/worker/stream/fan-out-host.ts";
import { RowFlag } from "../../../src/worker/stream/row-flags.ts";
import { FakeTransport } from "../fake-transport.ts";

const WRAP = 128 * 1024;
const ROW = 3;

function openLease(ringId: number): RingLease & { readonly writer: RingWriter } {
  const memory = new SharedArrayBuffer(ringSizeBytes(WRAP));
  formatRing(memory, WRAP);
  return { ringId, memory, writer: new RingWriter(memory, { id: ringId, chunkSize: 128 }) };
}

function openFanOut(): { fanOut: FanOut; board: Board; released: number[] } {
  const board = new Board(new SharedArrayBuffer(boardBytes(8)));
  const released: number[] = [];
  const host: Partial<FanOutHost> = {
    now: () => 1000,
    thread: 0,
    rows: new SocketRows(board, new FakeTransport()),
    turnEnd: () => 2000,
    stretch: () => 1,
    ringReleased: (ringId) => released.push(ringId),
  };
  const settings: Partial<StreamSettings> = { gopCache: true, playWaitMs: 0, mwLatencyMs: 350 };
  const fanOut = new FanOut(1, "key", settings as StreamSettings, host as FanOutHost);
  return { fanOut, board, released };
}

/** A player that has had its play replies and waits for a keyframe. */
function join({ fanOut, board }: { fanOut: FanOut; board: Board }): void {
  board.flags[ROW] = RowFlag.Greeted;
  board.place[ROW] = -1;
  fanOut.join(ROW);
}

test("the reader bit is there from the first player on, until a while after the last", {
  timeout: 10_000,
}, () => {
  const { fanOut, board } = openFanOut();
  const { writer, ...lease } = openLease(1);
  fanOut.openRing(lease);
  assert.equal(writer.hasReaders, false);
  join({ fanOut, board });
  assert.equal(writer.hasReaders, true);
  fanOut.tickSlow();
  assert.equal(writer.hasReaders, true);
  fanOut.leave(ROW);
  fanOut.tickSlow();
  assert.equal(writer.hasReaders, false);
  join({ fanOut, board });
  assert.equal(writer.hasReaders, true);
});

test("a ring opened for waiting players has their bit", { timeout: 10_000 }, () => {
  const { fanOut, board } = openFanOut();
  join({ fanOut, board });
  const { writer, ...lease } = openLease(1);
  fanOut.openRing(lease);
  assert.equal(writer.hasReaders, true);
});

test("an ended ring without players is let go within a second", { timeout: 10_000 }, () => {
  const { fanOut, released } = openFanOut();
  const { writer, ...lease } = openLease(1);
  fanOut.openRing(lease);
  writer.end(RingState.Ended);
  fanOut.tickSlow();
  assert.deepEqual(released, [1]);
});
