import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Board, boardBytes, EPOLL_ROW, RowState } from "../../../src/protocol/control/board.ts";
import { RowEvent, SEND_FAILED } from "../../../src/worker/io/row-transport.ts";
import { SocketRows } from "../../../src/worker/io/socket-rows.ts";
import { SocketTransport } from "../../../src/worker/io/socket-transport.ts";
import { RowFlag } from "../../../src/worker/stream/row-flags.ts";
import { waitUntil } from "../../support/scratch.ts";
import { openTcpPair } from "./tcp-pair.ts";

const ROW = 3;

interface Setup {
  readonly rows: SocketRows;
  readonly board: Board;
  readonly peer: Socket;
}

/** One row over a real connection whose peer does not read yet. */
async function setup(): Promise<Setup> {
  const board = new Board(new SharedArrayBuffer(boardBytes(8)));
  const rows = new SocketRows(board, new SocketTransport(board));
  rows.begin();
  const { descriptor, peer } = await openTcpPair();
  board.descriptor[ROW] = descriptor;
  board.state[ROW] = RowState.Given;
  assert.equal(rows.adopt(ROW, { noDelay: true, stallMs: 10_000, unsentBytes: 65_536 }), true);
  assert.equal(board.state[ROW], RowState.Held);
  return { rows, board, peer };
}

function flagsOf(board: Board): number {
  return board.flags[ROW] ?? 0;
}

describe("rows over real connections", () => {
  test("own an epoll set on the board, until the end", async () => {
    const { rows, board, peer } = await setup();
    assert.equal(board.state[EPOLL_ROW], RowState.Held);
    assert.ok((board.descriptor[EPOLL_ROW] ?? 0) > 0);
    rows.close(ROW, false);
    assert.equal(board.state[ROW], RowState.Free);
    assert.equal(board.descriptor[ROW], -1);
    rows.end();
    assert.equal(board.state[EPOLL_ROW], RowState.Free);
    peer.destroy();
  });

  test("what a peer that reads nothing is not sent comes later, to the byte", {
    timeout: 30_000,
  }, async () => {
    const { rows, board, peer } = await setup();
    const memory = rows.memory(new SharedArrayBuffer(1024 * 1024));
    const bytes = new Uint8Array(memory.buffer);
    for (let at = 0; at < bytes.length; at += 1) {
      bytes[at] = (at * 11) & 0xff;
    }
    const expected: Uint8Array[] = [];
    let sent = 0;
    while (sent >= 0) {
      const taken = rows.send(ROW, memory, 0, bytes.length, false);
      assert.notEqual(taken, SEND_FAILED);
      expected.push(bytes.slice(0, taken));
      sent = taken === bytes.length ? taken : -1;
    }
    // The rest of a message, a reply behind it, a reply behind that.
    const shared = { bytes: bytes.slice(0, 300_000), users: 0 };
    rows.keepShared(ROW, shared, 100);
    assert.equal(shared.users, 1);
    assert.equal(rows.sendBytes(ROW, bytes.slice(0, 40)), true);
    assert.equal(rows.sendBytes(ROW, bytes.slice(5, 45)), true);
    expected.push(shared.bytes.slice(100), bytes.slice(0, 40), bytes.slice(5, 45));
    assert.ok((flagsOf(board) & RowFlag.Pending) !== 0 && rows.blocked.has(ROW));
    assert.equal(rows.flushPending(ROW), false);
    assert.ok(rows.unacknowledged(ROW) > 0);
    assert.equal(rows.poll(), 0, "no room, nothing to read");
    const got: Buffer[] = [];
    peer.on("data", (part: Buffer) => got.push(part));
    peer.resume();
    await waitUntil(
      "all is sent",
      () => {
        if (rows.poll() > 0 && (rows.eventBits(0) & RowEvent.Out) !== 0) {
          assert.equal(rows.eventRow(0), ROW);
          rows.unblock(ROW);
          if (rows.flushPending(ROW) === false) {
            rows.block(ROW);
          }
        }
        return (flagsOf(board) & RowFlag.Pending) === 0;
      },
      10_000,
    );
    assert.equal(shared.users, 0);
    assert.equal(rows.blocked.size, 0);
    rows.close(ROW, false);
    await new Promise((resolve) => peer.once("close", resolve));
    assert.ok(Buffer.concat(got).equals(Buffer.concat(expected)));
    rows.end();
  });

  test("reads what comes, its end, and counts it", { timeout: 30_000 }, async () => {
    const { rows, board, peer } = await setup();
    assert.equal(rows.read(ROW), null);
    peer.write("abc");
    await waitUntil("it comes", () => rows.poll() > 0, 5000);
    assert.equal(Buffer.from(rows.read(ROW) ?? []).toString(), "abc");
    assert.equal(board.bytesIn[ROW], 3);
    peer.end();
    await waitUntil("its end comes", () => rows.poll() > 0, 5000);
    assert.equal(rows.read(ROW)?.length, 0);
    rows.close(ROW, false);
    rows.end();
  });

  test("a peer that is gone fails sends; closing a row drops what waits", {
    timeout: 30_000,
  }, async () => {
    const { rows, peer } = await setup();
    const memory = rows.memory(new SharedArrayBuffer(100));
    const shared = { bytes: new Uint8Array(100), users: 0 };
    rows.keepShared(ROW, shared, 0);
    peer.resetAndDestroy();
    await delay(50);
    assert.equal(rows.flushPending(ROW), null);
    assert.equal(rows.send(ROW, memory, 0, 100, false), SEND_FAILED);
    rows.close(ROW, true);
    assert.equal(shared.users, 0);
    assert.equal(rows.blocked.size, 0);
    rows.end();
  });
});
