import assert from "node:assert/strict";
import { test } from "node:test";
import { Guesses } from "../../../src/main/tokens/guesses.ts";
import { GUESSING_ADDRESSES_MAX, LATE_REFUSALS_MAX } from "../../../src/protocol/limits.ts";

function failOften(guesses: Guesses, ip: string, times = 10): void {
  for (let time = 0; time < times; time += 1) {
    guesses.failed(ip);
  }
}

test("E-11 an address that was wrong ten times in a minute guesses, until that minute is over", () => {
  let now = 1000;
  const guesses = new Guesses(() => now);
  failOften(guesses, "192.0.2.1", 9);
  assert.equal(guesses.isGuessing("192.0.2.1"), false);
  guesses.failed("192.0.2.1");
  assert.equal(guesses.isGuessing("192.0.2.1"), true);
  assert.equal(guesses.isGuessing("192.0.2.2"), false);
  now += 59_000;
  failOften(guesses, "192.0.2.1");
  assert.equal(guesses.isGuessing("192.0.2.1"), true);
  now += 1000;
  assert.equal(guesses.isGuessing("192.0.2.1"), false, "going on does not make it longer");
});

test("E-11 of IPv6 a network counts, an IPv4 address inside is one address", () => {
  const guesses = new Guesses(() => 0);
  for (let host = 0; host < 10; host += 1) {
    guesses.failed(`2001:db8:1:2::${host.toString(16)}`);
    guesses.failed(`::ffff:192.0.2.${host}`);
  }
  assert.equal(guesses.isGuessing("2001:db8:1:2:ffff::1"), true);
  assert.equal(guesses.isGuessing("2001:db8:1:3::1"), false);
  assert.equal(guesses.isGuessing("::ffff:192.0.2.1"), false);
});

test("E-11 so many addresses are remembered, the oldest is forgotten first", () => {
  const guesses = new Guesses(() => 0);
  failOften(guesses, "oldest");
  failOften(guesses, "next");
  for (let host = 0; host < GUESSING_ADDRESSES_MAX - 1; host += 1) {
    guesses.failed(`address ${host}`);
  }
  assert.equal(guesses.isGuessing("oldest"), false);
  assert.equal(guesses.isGuessing("next"), true);
});

test("E-11 refusals of a guesser are late, so many at a time", { timeout: 20_000 }, async () => {
  const guesses = new Guesses(() => 0);
  assert.equal(guesses.pause("a"), undefined);
  failOften(guesses, "a");
  assert.equal(guesses.pause("b"), undefined, "others are not");
  const from = performance.now();
  const pauses = Array.from({ length: LATE_REFUSALS_MAX + 5 }, () => guesses.pause("a"));
  assert.equal(pauses.filter((pause) => pause === undefined).length, 5);
  assert.equal(guesses.lateCount, LATE_REFUSALS_MAX);
  // Timers of the guesses do not keep a process alive.
  const timer = setInterval(() => undefined, 1000);
  await Promise.race(pauses.filter((pause) => pause !== undefined));
  assert.ok(performance.now() - from >= 490);
  await Promise.all(pauses);
  clearInterval(timer);
  assert.notEqual(guesses.pause("a"), undefined, "there is room again");
});
