/** What the log tells of a shortage of descriptors: its begin, once a minute, its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Shortage } from "../../../src/main/accept/shortage.ts";

const EMFILE = 24;

test("three minutes of a shortage are five lines, and the next one begins anew", () => {
  const lines: string[] = [];
  let now = 1000;
  const shortage = new Shortage(
    {
      error: (_cid, text, code) => void lines.push(`${String(code)} ${text}`),
      warn: (_cid, text) => void lines.push(text),
    },
    () => now,
  );
  shortage.passed();
  for (let tenth = 0; tenth <= 1850; tenth += 1) {
    now = 1000 + tenth * 100;
    shortage.met(EMFILE);
  }
  shortage.passed();
  shortage.passed();
  shortage.met(EMFILE);
  assert.deepEqual(lines, [
    "ERR_ACCEPT accept: errno 24: newcomers wait",
    "ERR_ACCEPT accept: errno 24, 601 times in 60 s",
    "ERR_ACCEPT accept: errno 24, 1201 times in 120 s",
    "ERR_ACCEPT accept: errno 24, 1801 times in 180 s",
    "accept: it is over, after 1851 times in 185 s",
    "ERR_ACCEPT accept: errno 24: newcomers wait",
  ]);
});

test("what ends one connection is no shortage", () => {
  assert.equal(Shortage.isOne(EMFILE), true);
  assert.equal(Shortage.isOne(103), false);
});
