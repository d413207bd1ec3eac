/** Orders to stop, and what a graceful stop waits for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { drain, StopOrders } from "../../../src/main/life/stop-orders.ts";

interface Heard {
  readonly orders: StopOrders;
  readonly told: string[];
  exits: number;
}

function open(isForced = false): Heard {
  const told: string[] = [];
  const heard: Heard = {
    told,
    exits: 0,
    orders: new StopOrders({
      isGraceForced: () => isForced,
      tell: (text) => told.push(text),
      exit: () => {
        heard.exits += 1;
      },
    }),
  };
  return heard;
}

test("the first order counts; one more during a fast stop ends the process", async () => {
  const heard = open();
  heard.orders.take("SIGTERM", "fast");
  assert.equal(await heard.orders.given, "fast");
  assert.equal(heard.exits, 0);
  heard.orders.take("SIGQUIT", "graceful");
  assert.equal(heard.exits, 1);
});

test("one more during a graceful stop hurries it, the third ends the process", async () => {
  const heard = open();
  heard.orders.take("SIGQUIT", "graceful");
  assert.equal(await heard.orders.given, "graceful");
  heard.orders.take("SIGQUIT", "graceful");
  await heard.orders.hurry;
  assert.equal(heard.exits, 0);
  heard.orders.take("SIGINT", "fast");
  assert.equal(heard.exits, 1);
  assert.deepEqual(heard.told, ["SIGQUIT: stopping gracefully", "SIGQUIT: stopping at once"]);
});

test("asprocess: another parent is an order", { timeout: 5000 }, async () => {
  const heard = open();
  let parent = 77;
  heard.orders.watchParent(() => parent, 5);
  const alive = setInterval(() => undefined, 1000);
  parent = 1;
  assert.equal(await heard.orders.given, "fast");
  clearInterval(alive);
  assert.match(heard.told[0] ?? "", /parent process 77 is gone/);
});

const NEVER = new Promise<void>(() => undefined);

test("a drain waits for the last connection, between its two waits", {
  timeout: 5000,
}, async () => {
  const steps: string[] = [];
  let left = 3;
  const began = performance.now();
  await drain({
    startWaitMs: 100,
    finalWaitMs: 100,
    drainMaxMs: 0,
    close: () => steps.push(`closed after ${performance.now() - began >= 95}`),
    count: () => {
      left = Math.max(0, left - 1);
      return left;
    },
    tell: (text) => steps.push(text),
    hurry: NEVER,
  });
  assert.ok(performance.now() - began >= 195);
  assert.deepEqual(steps.slice(0, 2), ["listens for 100 ms more", "closed after true"]);
  assert.match(steps[2] ?? "", /waits for \d connections to leave/);
});

test("a drain ends at its limit, and at once when it is hurried", { timeout: 5000 }, async () => {
  const waits = { startWaitMs: 0, finalWaitMs: 0, close: () => undefined, tell: () => undefined };
  const began = performance.now();
  await drain({ ...waits, drainMaxMs: 120, count: () => 1, hurry: NEVER });
  assert.ok(performance.now() - began >= 115);
  const long = { startWaitMs: 60_000, finalWaitMs: 60_000, drainMaxMs: 0 };
  await drain({ ...waits, ...long, count: () => 1, hurry: Promise.resolve() });
  assert.ok(performance.now() - began < 3000);
});
