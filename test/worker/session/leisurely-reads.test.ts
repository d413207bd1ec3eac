/** Rounds of reading, and whole publishers that nobody watches. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { LeisurelyReads } from "../../../src/worker/session/leisurely-reads.ts";
import type { Publisher } from "../../../src/worker/session/publisher.ts";
import { type InProcess, startInProcess } from "../../main/accept/in-process.ts";
import { isRun, play, publish, StampedPublisher } from "../../main/accept/wire-client.ts";
import { waitUntil } from "../../support/scratch.ts";

interface Rounds {
  readonly publishers: Map<number, Publisher>;
  /** Turns taken by each publisher. */
  readonly turns: number[];
  readonly reads: LeisurelyReads;
}

function openRounds(count: number): Rounds {
  const turns = new Array<number>(count).fill(0);
  const publishers = new Map<number, Publisher>();
  for (let row = 0; row < count; row += 1) {
    const readAtLeisure = (): void => {
      turns[row] = (turns[row] ?? 0) + 1;
    };
    publishers.set(row, { readAtLeisure } as unknown as Publisher);
  }
  const reads = new LeisurelyReads(publishers);
  return { publishers, turns, reads };
}

describe("LeisurelyReads", { timeout: 10_000 }, () => {
  for (const tickMs of [10, 50]) {
    test(`a round of 100 ms is spread over ticks of ${tickMs} ms`, () => {
      const { turns, reads } = openRounds(200);
      reads.turn(1000);
      turns.fill(0);
      const perTick = [];
      for (let now = 1000 + tickMs; now <= 1100; now += tickMs) {
        const before = turns.reduce((sum, one) => sum + one, 0);
        reads.turn(now);
        perTick.push(turns.reduce((sum, one) => sum + one, 0) - before);
      }
      assert.deepEqual(new Set(perTick), new Set([2 * tickMs]));
      assert.deepEqual(new Set(turns), new Set([1]));
    });
  }

  test("after a stop each has one turn, not several", () => {
    const { turns, reads } = openRounds(7);
    reads.turn(1000);
    turns.fill(0);
    reads.turn(9000);
    assert.deepEqual(turns, [1, 1, 1, 1, 1, 1, 1]);
  });

  test("publishers come and go", () => {
    const { publishers, turns, reads } = openRounds(10);
    reads.turn(1000);
    turns.fill(0);
    const [first] = publishers.values();
    for (const row of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      publishers.delete(row);
    }
    reads.turn(1100);
    assert.deepEqual(turns, [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    publishers.clear();
    reads.turn(1200);
    assert.ok(first !== undefined);
    publishers.set(0, first);
    reads.turn(1300);
    assert.equal(turns[0], 1);
  });
});

describe("publishers without players", { timeout: 60_000 }, () => {
  let weir: InProcess;

  before(async () => {
    weir = await startInProcess({ workers: 2 });
  });

  after(() => weir?.close());

  const bytesIn = (): number =>
    weir.server.supervisor.links
      .map((link) => link?.board.bytesIn.reduce((sum, bytes) => sum + bytes) ?? 0)
      .reduce((sum, bytes) => sum + bytes);

  test("what they send is taken, a player joins later and misses nothing from then on", async () => {
    const publishers = [];
    for (let index = 0; index < 8; index += 1) {
      publishers.push(new StampedPublisher(await publish(weir.port, `quiet${index}`)));
    }
    // Long enough for all of them to be read at leisure.
    await delay(1500);
    for (let look = 0; look < 3; look += 1) {
      const before = bytesIn();
      await waitUntil("bytes taken", () => bytesIn() > before, 2000);
    }
    for (const [index] of publishers.entries()) {
      const player = await play(weir.port, `quiet${index}`);
      await waitUntil("frames", () => player.sequences.length > 50, 10_000);
      assert.ok(isRun(player.sequences), player.sequences.join(" "));
      player.destroy();
    }
    for (const publisher of publishers) {
      publisher.close();
    }
    const { clients, pool } = weir.server;
    await waitUntil("all gone", () => clients.size === 0 && pool.lentCount === 0, 5000);
  });
});
