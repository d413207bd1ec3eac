/** C-33: the limit of open files is never reached by connections. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FileBudget } from "../../../src/main/accept/file-budget.ts";

test("C-33: connections are let in up to 256 below the limit, whoever opened the other files", () => {
  let [time, open, max] = [0, 100, 500];
  const files = new FileBudget({ max: () => max, open: () => open }, () => time);
  const takeAll = (tries: number): number => {
    let taken = 0;
    for (let index = 0; index < tries; index += 1) {
      // Accepted: it is open while it is asked for, and closed again when it is refused.
      open += 1;
      if (files.take()) {
        taken += 1;
      } else {
        open -= 1;
      }
    }
    return taken;
  };
  assert.equal(takeAll(1000), 500 - 256 - 100);
  assert.equal(open, 500 - 256);
  // Others close: found within a second.
  open -= 50;
  time += 1000;
  assert.equal(takeAll(1000), 50);
  // The limit is raised from outside.
  max = 600;
  time += 1000;
  assert.equal(takeAll(1000), 100);
});
