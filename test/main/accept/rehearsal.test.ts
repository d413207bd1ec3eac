import assert from "node:assert/strict";
import { test } from "node:test";
import { rehearse } from "../../../src/main/accept/rehearsal.ts";
import { openDescriptors, waitDescriptors } from "./in-process.ts";

test("every player of a rehearsal gets as far as the hand-off, and nothing is left of them", {
  timeout: 30_000,
}, async () => {
  const before = openDescriptors();
  assert.equal(rehearse({ players: 64, timeMs: 20_000 }), 64);
  await waitDescriptors(before, 5000);
});

test("a rehearsal ends when its time is over", { timeout: 30_000 }, () => {
  assert.equal(rehearse({ players: 64, timeMs: 0 }), 0);
});
