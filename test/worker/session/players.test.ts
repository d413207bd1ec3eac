import assert from "node:assert/strict";
import { test } from "node:test";
import { listenShared } from "../../../src/main/accept/native.ts";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import type { EndReason } from "../../../src/protocol/control/calls.ts";
import { SocketRows } from "../../../src/worker/io/socket-rows.ts";
import { SocketTransport } from "../../../src/worker/io/socket-transport.ts";
import { Players } from "../../../src/worker/session/players.ts";
import type { FanOut } from "../../../src/worker/stream/fan-out.ts";

const ROW = 1;
const STREAM = 7;
const STALL_MS = 10_000;
/** Where the low 31 bits of the clock begin anew. */
const WRAP_MS = 2 ** 31;

interface Shard {
  readonly players: Players;
  readonly board: Board;
  readonly ended: { reason: EndReason; detail: string }[];
  /** Milliseconds that pass with each look at the clock. */
  stepMs: number;
  timeMs: number;
}

/** One adopted player whose socket is full. Its descriptor only listens: nothing was ever sent on it. */
function openShard(timeMs: number): Shard {
  const board = new Board(new SharedArrayBuffer(boardBytes(4)));
  const rows = new SocketRows(board, new SocketTransport(board));
  const ended: Shard["ended"] = [];
  // Of the fan-out only the settings and the calls that a blocked player causes are met here.
  const fanOut = {
    unsentBytes: 65_536,
    settings: { tcpNodelay: true, playerStallMs: STALL_MS },
    join: () => undefined,
    leave: () => undefined,
    checkLag: () => undefined,
  } as unknown as FanOut;
  const shard: Shard = {
    board,
    ended,
    stepMs: 0,
    timeMs,
    players: new Players({
      board,
      rows,
      now: () => {
        shard.timeMs += shard.stepMs;
        return shard.timeMs;
      },
      fanOut: () => fanOut,
      admit: () => Promise.reject(new Error("nobody asks")),
      learn: () => undefined,
      playEnded: () => undefined,
      share: () => undefined,
      gone: (_row, reason, detail) => ended.push({ reason, detail }),
    }),
  };
  board.descriptor[ROW] = listenShared("127.0.0.1", 0);
  shard.players.adopt({
    kind: "give-player",
    row: ROW,
    streamId: STREAM,
    messageStream: 1,
    rest: new Uint8Array(0),
    identity: "{}",
    decoder: null,
  });
  rows.block(ROW);
  return shard;
}

test("a player that took bytes while the clock went on is not taken for one that stands still", () => {
  const shard = openShard(1_000_000);
  shard.board.bytesOut[ROW] = 4000;
  shard.stepMs = 1;
  shard.players.checkBlocked();
  assert.deepEqual(shard.ended, []);
  shard.players.end(ROW, "closed");
});

test("a player that takes nothing is closed after the stall limit, and not before", () => {
  for (const startMs of [1_000_000, WRAP_MS - STALL_MS / 2]) {
    const shard = openShard(startMs);
    shard.players.checkBlocked();
    shard.timeMs = startMs + STALL_MS;
    shard.players.checkBlocked();
    assert.deepEqual(shard.ended, []);
    shard.timeMs = startMs + STALL_MS + 1;
    shard.players.checkBlocked();
    assert.deepEqual(shard.ended, [
      { reason: "stalled", detail: `took nothing for ${STALL_MS + 1} ms` },
    ]);
  }
});
