/** The health of origins: when one is left alone, probed, and trusted again. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { backOff, OriginPool, rendezvous } from "../../../src/main/coordinator/origin-pool.ts";

let now: number;
let random: number;
let pool: OriginPool;

beforeEach(() => {
  now = 1000;
  random = 0.5;
  pool = new OriginPool({ now: () => now, random: () => random });
});

function fail(address: string, times: number): void {
  for (let count = 0; count < times; count += 1) {
    pool.report(address, "fails");
  }
}

test("two failures change nothing, the third opens the origin for all streams", () => {
  fail("a", 2);
  assert.equal(pool.choose("k", ["a", "b"]), "a");
  fail("a", 1);
  assert.equal(pool.choose("k", ["a", "b"]), "b");
  assert.equal(pool.choose("another", ["a", "b"]), "b");
  assert.equal(pool.choose("k", ["a"]), undefined);
  assert.equal(pool.pauseOf(["a"]), 500);
  assert.equal(pool.pauseOf(["a", "b"]), 0);
});

test("a success in between starts the count again", () => {
  fail("a", 2);
  pool.report("a", "works");
  fail("a", 2);
  assert.equal(pool.choose("k", ["a"]), "a");
});

test("after the pause one attempt probes it, whoever asks, until that attempt has told", () => {
  fail("a", 3);
  now += 500;
  assert.equal(pool.choose("k", ["a", "b"]), "a");
  assert.equal(pool.choose("k2", ["a", "b"]), "b");
  assert.equal(pool.choose("k2", ["a"]), undefined);
  pool.report("a", "works");
  now += 10_000;
  assert.equal(pool.choose("k2", ["a", "b"]), "a");
});

test("a probe that never tells is over after a while", () => {
  fail("a", 3);
  now += 500;
  assert.equal(pool.choose("k", ["a"]), "a");
  assert.equal(pool.pauseOf(["a"]), 500);
  now += 15_000;
  assert.equal(pool.choose("k", ["a"]), "a");
});

test("each probe that fails doubles the pause, up to ten seconds", () => {
  fail("a", 3);
  const pauses: number[] = [];
  for (let probe = 0; probe < 7; probe += 1) {
    pauses.push(pool.pauseOf(["a"]));
    now += pool.pauseOf(["a"]);
    assert.equal(pool.choose("k", ["a"]), "a");
    pool.report("a", "fails");
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
});

test("failures of attempts that began before it was opened do not prolong the pause", () => {
  fail("a", 3);
  fail("a", 20);
  assert.equal(pool.pauseOf(["a"]), 500);
});

test("pauses are spread by half", () => {
  random = 0;
  assert.equal(backOff(0, random), 250);
  assert.equal(backOff(0, 0.999), 749.5);
  assert.equal(backOff(30, 0.5), 10_000);
});

test("an origin that speaks another protocol is left alone for at least ten seconds at once", () => {
  random = 0;
  pool.report("a", "hopeless");
  assert.ok(pool.pauseOf(["a"]) >= 10_000);
});

test("an origin that came back gets its streams little by little", () => {
  fail("a", 3);
  now += 500;
  assert.equal(pool.choose("probe", ["a", "b"]), "a");
  pool.report("a", "works");
  const shareOf = (): number => {
    const keys = Array.from({ length: 1000 }, (_, index) => `stream-${index}`);
    return keys.filter((key) => pool.choose(key, ["a", "b"]) === "a").length / keys.length;
  };
  assert.ok(Math.abs(shareOf() - 0.1) < 0.04, `${shareOf()}`);
  now += 5000;
  assert.ok(Math.abs(shareOf() - 0.5) < 0.06, `${shareOf()}`);
  now += 5000;
  assert.equal(shareOf(), 1);
  assert.equal(pool.choose("alone", ["a"]), "a");
});

test("streams spread over origins, and only those of a lost one move", () => {
  const keys = Array.from({ length: 3000 }, (_, index) => `v/live/stream-${index}`);
  const three = keys.map((key) => rendezvous(key, ["a 0", "b 0", "c 0"])[0]);
  for (const origin of ["a 0", "b 0", "c 0"]) {
    const count = three.filter((chosen) => chosen === origin).length;
    assert.ok(Math.abs(count - 1000) < 120, `${origin}: ${count}`);
  }
  const two = keys.map((key) => rendezvous(key, ["a 0", "c 0"])[0]);
  const moved = keys.filter((_, index) => three[index] !== two[index]);
  assert.equal(moved.length, three.filter((chosen) => chosen === "b 0").length);
});

test("health of origins that nobody asks for is forgotten", () => {
  pool.report("a", "fails");
  now += 600_001;
  pool.report("b", "fails");
  assert.equal(pool.size, 1);
});
