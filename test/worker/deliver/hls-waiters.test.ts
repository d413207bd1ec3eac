/** Who waits for HLS is answered in turns that are short, and where the moment does not matter over a second. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, mock, test } from "node:test";
import { HLS_WAITING_MAX } from "../../../src/protocol/limits.ts";
import { HlsWaiters } from "../../../src/worker/deliver/hls-waiters.ts";

const LIMIT = { timeout: 20_000 };
const KEY = "v/live/a";
const TICK_MS = 10;
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("waiters", () => {
  let now: number;
  let waiters: HlsWaiters;
  let answered: number;
  let expired: number;
  let isThere: boolean;
  /** Milliseconds that an answer takes. */
  let costMs: number;

  beforeEach(() => {
    [now, answered, expired, isThere, costMs] = [0, 0, 0, true, 0];
    waiters = new HlsWaiters(() => now);
  });

  function wait(count: number, isPatient: boolean, key: string = KEY): (() => void)[] {
    return Array.from({ length: count }, () =>
      waiters.add({
        key,
        isPatient,
        untilMs: 1000,
        look: () => {
          now += costMs;
          answered += isThere ? 1 : 0;
          return isThere;
        },
        expired: () => {
          expired += 1;
        },
      }),
    );
  }

  describe("for the begin of a stream", () => {
    beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
    afterEach(() => mock.timers.reset());

    /** @returns how many were answered at once, and in each step of 10 ms. */
    function steps(): number[] {
      waiters.look(KEY);
      const all = [answered];
      for (let before = -1; before < answered; ) {
        before = answered;
        mock.timers.tick(TICK_MS);
        all.push(answered - before);
      }
      return all.slice(0, -1);
    }

    test("few are answered at once", LIMIT, () => {
      wait(20, true);
      assert.deepEqual(steps(), [20]);
    });

    test("many are spread evenly, and nobody waits for more than a second", LIMIT, () => {
      for (const count of [21, 2000, HLS_WAITING_MAX]) {
        answered = 0;
        wait(count, true);
        const all = steps();
        assert.equal(answered, count);
        assert.ok(all.length <= 100, `${count}: ${all.length} steps`);
        assert.ok(Math.max(...all) <= Math.max(20, count / 100), `${count}: ${Math.max(...all)}`);
      }
      assert.equal(expired, 0);
    });

    test("more news change nothing, and another stream's viewers come after", LIMIT, () => {
      wait(100, true);
      wait(30, true, "v/live/b");
      for (const expected of [20, 40, 60]) {
        waiters.look(KEY);
        waiters.look("v/live/b");
        assert.equal(answered, expected);
        mock.timers.tick(TICK_MS);
      }
      for (let step = 0; step < 4; step += 1) {
        mock.timers.tick(TICK_MS);
      }
      assert.equal(answered, 130);
    });

    test(
      "who leaves is not answered; whose time ends before its turn gets what there is",
      LIMIT,
      () => {
        const leave = wait(100, true);
        waiters.look(KEY);
        leave[50]?.();
        waiters.expire(999);
        assert.deepEqual([answered, expired], [20, 0]);
        waiters.expire(1000);
        assert.deepEqual([answered, expired], [99, 0]);
        mock.timers.tick(TICK_MS);
        assert.equal(answered, 99);
      },
    );

    test("a stream that is gone again is waited for as before", LIMIT, () => {
      wait(30, true);
      isThere = false;
      assert.deepEqual(steps(), [0]);
      isThere = true;
      assert.deepEqual(steps(), [20, 10]);
      isThere = false;
      wait(5, true);
      waiters.expire(1000);
      assert.equal(expired, 5);
    });
  });

  test(
    "who waits for an announced moment is answered then, in turns that are cut",
    LIMIT,
    async () => {
      wait(960, false);
      waiters.look("v/live/b");
      assert.equal(answered, 0);
      costMs = 0.25;
      waiters.look(KEY);
      const turns = [answered];
      while (answered < 960) {
        const before = answered;
        await nextTurn();
        turns.push(answered - before);
      }
      assert.deepEqual([...new Set(turns)], [16], "4 ms in each");
      costMs = 0;
      wait(960, false);
      waiters.look(KEY);
      assert.equal(answered, 1920);
    },
  );
});
