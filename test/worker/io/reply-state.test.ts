/** A reply is given once, or its client leaves, whichever is first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ReplyState } from "../../../src/worker/io/reply-state.ts";

function watched(): { state: ReplyState; gone: () => number } {
  const state = new ReplyState();
  let gone = 0;
  state.onGone(() => {
    assert.equal(state.isOpen, false);
    gone += 1;
  });
  return { state, gone: () => gone };
}

test("an answer is given once, and the end of its connection is no news", () => {
  const { state, gone } = watched();
  assert.equal(state.isOpen, true);
  assert.equal(state.answer(), true);
  assert.equal(state.isOpen, false);
  assert.equal(state.answer(), false);
  state.leave();
  assert.equal(gone(), 0);
});

test("a client that leaves is told once, and is not answered", () => {
  const { state, gone } = watched();
  state.leave();
  state.leave();
  assert.equal(gone(), 1);
  assert.equal(state.answer(), false);
});
