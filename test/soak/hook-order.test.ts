/**
 * C-32: callbacks of 10 000 random sessions, each once and in order. Takes minutes, so it is run by hand:
 * `node --test dist/test/soak/hook-order.test.js`.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runHookSessions } from "../support/hook-sessions.ts";

const SESSIONS = 10_000;

test("10 000 random sessions, callbacks each once and in order, though a shard dies", {
  timeout: 900_000,
}, async () => {
  const seed = Date.now() % 1_000_000;
  const run = { sessions: SESSIONS, seed, faultAt: 0.5 };
  const { sessions, callbacks } = await runHookSessions(run).catch((error: unknown) => {
    throw new Error(`seed ${seed}`, { cause: error });
  });
  process.stdout.write(`# ${sessions} sessions, ${callbacks} callbacks, seed ${seed}\n`);
  assert.ok(sessions > SESSIONS * 0.3);
});
