/** Plays that share a connection: what is announced, what waits, what is counted. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import type { AdmissionAnswer, StreamSettings } from "../../../src/protocol/control/calls.ts";
import {
  PLAYS_PER_CONNECTION_MAX,
  SHARED_BACKLOG_BYTES_MAX,
} from "../../../src/protocol/limits.ts";
import { encodeSetChunkSize } from "../../../src/protocol/rtmp/server-session.ts";
import { SocketRows } from "../../../src/worker/io/socket-rows.ts";
import { SocketTransport } from "../../../src/worker/io/socket-transport.ts";
import { Plays } from "../../../src/worker/session/plays.ts";
import type { FanOut } from "../../../src/worker/stream/fan-out.ts";
import { RowFlag } from "../../../src/worker/stream/row-flags.ts";

const OWN_ROW = 3;
const STALL_MS = 5000;
const BYTES = new Uint8Array([1, 2, 3]);

let board: Board;
let rows: SocketRows;
let plays: Plays;
let timeMs: number;
/** What fan-outs were told, e.g. `join 9`. */
let told: string[];
let ended: number[];
let lost: string[];

const connection = {
  row: OWN_ROW,
  backlogBytes: 0,
  chunkSizeOut: 128,
  queued: [] as Uint8Array[],
  queue(bytes: Uint8Array): void {
    this.queued.push(bytes);
  },
  playLost(messageStream: number, reason: string): void {
    lost.push(`${messageStream} ${reason}`);
  },
};

beforeEach(() => {
  board = new Board(new SharedArrayBuffer(boardBytes(8)));
  rows = new SocketRows(board, new SocketTransport(board));
  board.descriptor[OWN_ROW] = -1;
  timeMs = 1000;
  told = [];
  ended = [];
  lost = [];
  connection.backlogBytes = 0;
  connection.chunkSizeOut = 128;
  connection.queued = [];
  const tell =
    (what: string) =>
    (row: number, to?: number): void => {
      told.push(`${what} ${row}${typeof to === "number" ? ` ${to}` : ""}`);
    };
  const fanOut = {
    settings: { playerStallMs: STALL_MS } as StreamSettings,
    join: tell("join"),
    leave: tell("leave"),
    move: tell("move"),
    sendRow: tell("send"),
    checkLag: (row: number) => tell("lag")(row),
  } as unknown as FanOut;
  plays = new Plays(
    {
      rows,
      now: () => timeMs,
      fanOut: (streamId) => (streamId > 0 ? fanOut : undefined),
      learn: () => undefined,
      playEnded: (_row, play) => ended.push(play),
    },
    connection,
  );
});

function answer(play: number): AdmissionAnswer & { allowed: true } {
  const settings = {} as StreamSettings;
  const rest = { settings, lease: null, previous: null, announcement: 1 };
  return { allowed: true, streamId: 7, key: "v/a/s", play, ...rest };
}

/** Opens a play. @returns its row. */
function open(messageStream: number): number {
  plays.open(messageStream, answer(100 + messageStream), 0);
  return Number(told.at(-1)?.split(" ")[1]);
}

function flagsOf(row: number): number {
  return board.flags[row] ?? 0;
}

test("rows of plays lie behind those of connections, are clean, and are given out again", () => {
  const row = open(1);
  assert.ok(row >= board.rows && row < board.allRows);
  assert.deepEqual([board.stream[row], board.messageStream[row], board.play[row]], [7, 1, 101]);
  assert.equal(flagsOf(row), RowFlag.Copied | RowFlag.Sharing);
  board.cursor[row] = 55;
  plays.close(1);
  assert.deepEqual([told.at(-1), ended, rows.sharing.count], [`leave ${row}`, [101], 0]);
  assert.equal(open(2), row);
  assert.equal(board.cursor[row], 0);
});

test("a connection has a bounded number of plays", () => {
  for (let messageStream = 1; messageStream <= PLAYS_PER_CONNECTION_MAX; messageStream += 1) {
    assert.equal(plays.takesOneMore(), true);
    open(messageStream);
  }
  assert.equal(plays.takesOneMore(), false);
  plays.close(2);
  assert.equal(plays.takesOneMore(), true);
});

test("the rows of a shard are bounded, and none is given twice", () => {
  const seen = new Set<number>();
  while (rows.sharing.hasRoom) {
    seen.add(rows.sharing.allocate(plays));
  }
  assert.equal(seen.size, board.allRows - board.rows);
  assert.equal(rows.sharing.allocate(plays), -1);
  assert.equal(plays.takesOneMore(), false);
});

test("what is sent on a row goes to the connection, in chunks of an announced size", () => {
  const [one, two] = [open(1), open(2)];
  rows.chunkSize[one] = 60_000;
  rows.chunkSize[two] = 4096;
  for (const row of [one, one, two, one]) {
    assert.equal(rows.sendBytes(row, BYTES), true);
  }
  const [large, small] = [encodeSetChunkSize(60_000), encodeSetChunkSize(4096)];
  assert.deepEqual(connection.queued, [large, BYTES, BYTES, small, BYTES, large, BYTES]);
  assert.equal(connection.chunkSizeOut, 60_000);
  rows.sendBytes(one, new Uint8Array(0));
  assert.equal(connection.queued.length, 7);
});

test("beyond the bound plays wait; they go on when nothing is left", () => {
  const [one, two] = [open(1), open(2)];
  connection.backlogBytes = SHARED_BACKLOG_BYTES_MAX;
  rows.sendBytes(one, BYTES);
  assert.equal(flagsOf(one) & RowFlag.Blocked, 0);
  connection.backlogBytes += 1;
  rows.sendBytes(one, BYTES);
  assert.equal(flagsOf(one) & RowFlag.Blocked, RowFlag.Blocked);
  assert.equal(flagsOf(two) & RowFlag.Blocked, 0);
  // They are no rows of the epoll set's.
  assert.equal(rows.blocked.size, 0);
  connection.backlogBytes = 0;
  told = [];
  plays.drained();
  assert.equal(flagsOf(one) & RowFlag.Blocked, 0);
  assert.deepEqual(told, [`send ${one}`]);
});

test("a connection whose plays wait is stalled when it takes nothing, and only then", () => {
  const row = open(1);
  connection.backlogBytes = SHARED_BACKLOG_BYTES_MAX + 1;
  board.bytesOut[OWN_ROW] = 1_000_000;
  rows.sendBytes(row, BYTES);
  assert.equal(plays.tick(), 0);
  assert.equal(told.at(-1), `lag ${row}`);
  timeMs += STALL_MS;
  assert.equal(plays.tick(), 0);
  // Takes a little.
  connection.backlogBytes -= 1;
  timeMs += 1;
  assert.equal(plays.tick(), 0);
  timeMs += STALL_MS;
  assert.equal(plays.tick(), 0);
  timeMs += 1;
  assert.equal(plays.tick(), STALL_MS + 1);
  connection.backlogBytes = 0;
  plays.drained();
  assert.equal(plays.tick(), 0);
  timeMs += 10 * STALL_MS;
  assert.equal(plays.tick(), 0);
});

test("a player's row goes on as one that shares: same stream, place and switches", () => {
  board.stream[OWN_ROW] = 7;
  board.messageStream[OWN_ROW] = 5;
  board.play[OWN_ROW] = 42;
  board.flags[OWN_ROW] = RowFlag.Greeted | RowFlag.NoAudio | RowFlag.Pending | RowFlag.Blocked;
  plays.takeOver();
  const row = Number(told[0]?.split(" ")[2]);
  assert.deepEqual(told, [`move ${OWN_ROW} ${row}`, `send ${row}`]);
  assert.deepEqual([board.stream[row], board.messageStream[row], board.play[row]], [7, 5, 42]);
  const kept = RowFlag.Greeted | RowFlag.NoAudio | RowFlag.Copied | RowFlag.Sharing;
  assert.equal(flagsOf(row), kept);
  assert.deepEqual([board.stream[OWN_ROW], board.play[OWN_ROW], flagsOf(OWN_ROW)], [0, 0, 0]);
  plays.close(5);
  assert.deepEqual(ended, [42]);
});

test("a player's row that plays nothing brings no play along", () => {
  plays.takeOver();
  assert.deepEqual([plays.count, told, rows.sharing.count], [0, [], 0]);
});

test("a play that the server ends is counted and told once; the end of all is the connection's", () => {
  const [one, two] = [open(1), open(2)];
  rows.sharing.carrierOf(one)?.ended(one, "no stream");
  assert.deepEqual([ended, lost], [[101], ["1 no stream"]]);
  assert.equal(rows.sharing.carrierOf(one), undefined);
  plays.closeAll();
  assert.deepEqual([ended, lost, plays.count], [[101], ["1 no stream"], 0]);
  assert.equal(told.at(-1), `leave ${two}`);
  assert.equal(rows.sharing.count, 0);
});
