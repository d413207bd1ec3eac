import assert from "node:assert/strict";
import { test } from "node:test";
import { Rehearsal } from "../../../src/main/accept/rehearsal.ts";
import { openDescriptors, waitDescriptors } from "./in-process.ts";

const LIMIT = { timeout: 30_000 };

test(
  "every player of a rehearsal gets as far as the hand-off, and nothing is left of them",
  LIMIT,
  async () => {
    const before = openDescriptors();
    const rehearsal = new Rehearsal();
    assert.equal(rehearsal.play({ players: 64, timeMs: 20_000 }), 64);
    rehearsal.close();
    await waitDescriptors(before, 5000);
  },
);

test("a rehearsal ends when its time is over", LIMIT, () => {
  const rehearsal = new Rehearsal();
  assert.equal(rehearsal.play({ players: 64, timeMs: 0 }), 0);
  rehearsal.close();
});

test("it goes on while nobody is there, and leaves nothing when it ends", LIMIT, async () => {
  const before = openDescriptors();
  const rehearsal = new Rehearsal();
  let asked = 0;
  // Somebody is there every other time.
  const isFree = (): boolean => {
    asked += 1;
    return asked % 2 === 0;
  };
  const played = await new Promise((done) => rehearsal.goOn(isFree, 64, done));
  assert.equal(played, 64);
  assert.ok(asked >= 8, `it waited: asked ${asked} times`);
  await waitDescriptors(before, 5000);
});

test("a server that stops ends it", LIMIT, async () => {
  const before = openDescriptors();
  const rehearsal = new Rehearsal();
  let isDone = false;
  rehearsal.goOn(
    () => true,
    1_000_000,
    () => {
      isDone = true;
    },
  );
  await new Promise((resume) => setTimeout(resume, 50));
  rehearsal.close();
  rehearsal.close();
  assert.equal(rehearsal.play(), 0);
  await new Promise((resume) => setTimeout(resume, 50));
  assert.equal(isDone, false);
  await waitDescriptors(before, 5000);
});
