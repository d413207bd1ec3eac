/** Sessions of HLS that the primary and their packager end at one moment. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission } from "../../../src/main/accept/admission.ts";
import { Clients } from "../../../src/main/coordinator/clients.ts";
import { Coordinator } from "../../../src/main/coordinator/coordinator.ts";
import type { Edge } from "../../../src/main/coordinator/edge.ts";
import { Packagers } from "../../../src/main/coordinator/packagers.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import { HlsViewers } from "../../../src/main/gateways/hls-viewers.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { Tokens } from "../../../src/main/tokens/tokens.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import { Board, boardBytes } from "../../../src/protocol/control/board.ts";
import { beginSessionRow, endSessionRow } from "../../../src/protocol/control/session-row.ts";
import { atEachStep } from "../../protocol/ring/ring-steps.ts";

const TEXT = "listen 1935; daemon off; vhost v { hls { enabled on; } }";
const ROW = 1;
const LONG_MS = 3_600_000;

function makeBoard(): Board {
  return new Board(new SharedArrayBuffer(boardBytes(10)));
}

test("what a packager is ending is not ended by the primary as well: its row would be free twice", async () => {
  const { config } = decodeConfig(TEXT, "x.conf", { include: () => "", environment: {} });
  const nothing = (): void => undefined;
  const board = makeBoard();
  const parts = { index: 0, isAlive: true, role: "packager", board };
  const link = { ...parts, allocateRow: () => ROW, post: nothing } as unknown as ShardLink;
  const links = [link];
  const pool = new RingPool(2 ** 20);
  const coordinator = new Coordinator(pool, links, () => 0, new Packagers(0, 1));
  const edge = { isNotFound: () => false, wanted: nothing } as unknown as Edge;
  const admission = new Admission({
    config: () => config,
    coordinator,
    edge,
    shards: links,
    forwards: { ask: () => undefined, admitted: () => undefined },
    tokens: new Tokens(),
    log: { warn: nothing },
    isShortOfMemory: () => false,
  });
  let now = 0;
  const ended: string[] = [];
  const viewers = new HlsViewers({
    ...{ admission, coordinator, edge, links, clients: new Clients() },
    config: () => config,
    hooks: { open: () => undefined, segment: nothing },
    log: { info: nothing, debug: nothing } as unknown as Logger,
    now: () => now,
    hasPlaylist: () => true,
    ended: (_link, row, reason) => {
      ended.push(reason);
      viewers.left(0, row, reason);
    },
    refused: nothing,
  });
  const question = {
    ...{ path: "/live/a.m3u8", query: "", host: "v", ip: "1.2.3.4", referer: "", userAgent: "" },
    ...{ passed: "", isSecure: false, session: "mine", isHead: false },
  };
  assert.equal((await viewers.admit(question)).kind, "admitted");
  // The packager has done what it was told; its news is on its way while time runs out.
  assert.equal(endSessionRow(board, ROW, board.inode[ROW] ?? -1), true);
  now += LONG_MS;
  viewers.tick();
  assert.deepEqual(ended, []);
  viewers.left(0, ROW, "closed by peer");
  assert.equal((await viewers.admit(question)).kind, "admitted");
  now += LONG_MS;
  viewers.tick();
  assert.deepEqual(ended, ["closed by peer"]);
  assert.equal(endSessionRow(board, ROW, board.inode[ROW] ?? -1), false, "the call comes too late");
});

test("of two who end a session one does, and never the session that has its row by then", () => {
  let board = makeBoard();
  let others = 0;
  let wasGivenAgain = false;
  const prepare = (): void => {
    board = makeBoard();
    others = 0;
    wasGivenAgain = false;
    beginSessionRow(board, ROW, 7, 70);
  };
  const work = (): boolean => endSessionRow(board, ROW, 7);
  const endOther = (): void => {
    others += endSessionRow(board, ROW, 7) ? 1 : 0;
  };
  const steps = atEachStep({
    prepare,
    work,
    other: endOther,
    check: (isOurs) => assert.equal(others + (isOurs ? 1 : 0), 1),
  });
  assert.ok(steps >= 4, `${steps} steps`);
  atEachStep({
    prepare,
    work,
    other: () => {
      endOther();
      board.clear(ROW);
      beginSessionRow(board, ROW, 8, 80);
      wasGivenAgain = true;
    },
    check: (isOurs) => {
      assert.equal(others + (isOurs ? 1 : 0), 1);
      assert.equal(endSessionRow(board, ROW, 8), wasGivenAgain, "the next session is still there");
    },
  });
});
