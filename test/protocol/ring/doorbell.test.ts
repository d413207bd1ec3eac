import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Doorbell } from "../../../src/protocol/ring/doorbell.ts";

describe("doorbell", () => {
  // A pending waitAsync does not keep the event loop alive.
  let keepAlive: NodeJS.Timeout;
  beforeEach(() => {
    keepAlive = setInterval(() => undefined, 1000);
  });
  afterEach(() => clearInterval(keepAlive));

  function makeBells(): Doorbell {
    return new Doorbell(new SharedArrayBuffer(Doorbell.bytes(256)));
  }

  test("bells lie a cache line apart", () => {
    assert.equal(Doorbell.bytes(1), 64);
    assert.equal(Doorbell.bytes(256), 16_384);
  });

  test("a wait for a bell that was rung since is over at once", () => {
    const bells = makeBells();
    const seen = bells.value(255);
    bells.ring(255);
    assert.equal(bells.wait(255, seen), null);
    assert.equal(bells.value(255), seen + 1);
  });

  test("a ring ends the waits for that bell and for no other", { timeout: 2000 }, async () => {
    const bells = makeBells();
    const ended: string[] = [];
    const wait = async (thread: number, name: string): Promise<void> => {
      await bells.wait(thread, bells.value(thread), 60);
      ended.push(name);
    };
    const waits = [wait(3, "first"), wait(4, "other"), wait(3, "second")];
    bells.ring(3);
    await Promise.all(waits);
    assert.deepEqual(ended, ["first", "second", "other"]);
  });

  test("a dozing thread's bell is counted and wakes nobody", { timeout: 2000 }, async () => {
    const bells = makeBells();
    bells.doze(3, true);
    let isOver = false;
    const wait = (async (): Promise<void> => {
      await bells.wait(3, bells.value(3), 1000);
      isOver = true;
    })();
    const seen = bells.value(3);
    bells.ring(3);
    assert.equal(bells.value(3), seen + 1);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(isOver, false);
    bells.doze(3, false);
    bells.ring(3);
    await wait;
    assert.ok(isOver);
  });

  test("a wait ends by its time limit, and no sooner", { timeout: 2000 }, async () => {
    const bells = makeBells();
    const start = performance.now();
    await bells.wait(0, 0, 40);
    assert.ok(performance.now() - start >= 39);
    assert.equal(bells.wait(0, 0, 0), null);
  });
});
