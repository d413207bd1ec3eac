/** Callbacks of many random sessions: each once, and in order. test/soak/hook-order.test.ts runs many more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runHookSessions } from "../support/hook-sessions.ts";

test("C-32: random sessions, callbacks each once and in order, though a shard dies", {
  timeout: 120_000,
}, async () => {
  const { sessions, callbacks } = await runHookSessions({ sessions: 800, seed: 1, faultAt: 0.5 });
  assert.ok(sessions > 200, `${sessions} sessions were told`);
  assert.ok(callbacks > 2 * sessions, `${callbacks} callbacks`);
});
