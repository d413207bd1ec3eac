import assert from "node:assert/strict";
import { test } from "node:test";
import {
  homeShard,
  type PlacementShard,
  placePlayer,
  rendezvousOrder,
} from "../../../src/main/coordinator/placement.ts";

function shards(count: number): PlacementShard[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    alive: true,
    assignedBitsPerSecond: 0,
    excluded: false,
  }));
}

function without(
  all: readonly PlacementShard[],
  gone: number,
  mark: Partial<PlacementShard>,
): PlacementShard[] {
  return all.map((shard) => (shard.index === gone ? { ...shard, ...mark } : shard));
}

const KEYS = Array.from({ length: 10_000 }, (_, index) => `__defaultVhost__/live/stream${index}`);

test("10,000 keys spread over 8 shards within ±10 %", () => {
  const counts = new Array<number>(8).fill(0);
  for (const key of KEYS) {
    const home = homeShard(key, shards(8));
    counts[home] = (counts[home] ?? 0) + 1;
  }
  for (const count of counts) {
    assert.ok(count > 1125 && count < 1375, counts.join(" "));
  }
});

test("short and similar keys spread too", () => {
  const counts = new Array<number>(4).fill(0);
  for (let code = 0; code < 4000; code++) {
    const home = homeShard(code.toString(36), shards(4));
    counts[home] = (counts[home] ?? 0) + 1;
  }
  for (const count of counts) {
    assert.ok(count > 850 && count < 1150, counts.join(" "));
  }
});

test("when a shard goes, its keys move and no others, to all of the rest", () => {
  const all = shards(8);
  const rest = without(all, 3, { alive: false });
  const received = new Array<number>(8).fill(0);
  let moved = 0;
  for (const key of KEYS) {
    const before = homeShard(key, all);
    const after = homeShard(key, rest);
    if (before === 3) {
      moved++;
      received[after] = (received[after] ?? 0) + 1;
    } else {
      assert.equal(after, before, key);
    }
  }
  assert.ok(moved > 1125 && moved < 1375, `${moved} moved`);
  assert.equal(received[3], 0);
  assert.ok(
    received.every((count, index) => index === 3 || count > 100),
    received.join(" "),
  );
});

test("the place does not depend on the order in which shards are given", () => {
  for (const key of KEYS.slice(0, 100)) {
    assert.equal(homeShard(key, shards(8).reverse()), homeShard(key, shards(8)));
    assert.equal(rendezvousOrder(key, shards(8))[0]?.index, homeShard(key, shards(8)));
  }
});

test("a dead or excluded shard is not chosen; when all are excluded the live ones serve", () => {
  const [key = ""] = KEYS;
  const home = homeShard(key, shards(4));
  assert.notEqual(homeShard(key, without(shards(4), home, { excluded: true })), home);
  const excluded = shards(4).map((shard) => ({ ...shard, excluded: true }));
  assert.equal(homeShard(key, excluded), home);
  const dead = shards(4).map((shard) => ({ ...shard, alive: false }));
  assert.equal(homeShard(key, dead), -1);
  const nobody = { key, shards: dead, playersOfStreamPerShard: [], spillPlayers: 100 };
  assert.equal(placePlayer(nobody), -1);
});

/** Joins one stream; the counts change only here, as at hand-off. */
function join(
  players: number,
  all: PlacementShard[],
  stream: { key: string; bitsPerSecond: number; spillPlayers: number },
): number[] {
  const counts = new Array<number>(all.length).fill(0);
  for (let player = 0; player < players; player++) {
    const chosen = placePlayer({ ...stream, shards: all, playersOfStreamPerShard: counts });
    counts[chosen] = (counts[chosen] ?? 0) + 1;
    const shard = all[chosen] ?? assert.fail(`shard ${chosen}`);
    const assignedBitsPerSecond = shard.assignedBitsPerSecond + stream.bitsPerSecond;
    all[chosen] = { ...shard, assignedBitsPerSecond };
  }
  return counts;
}

test("the first spill_players stay home, the next one leaves", () => {
  const stream = { key: KEYS[7] ?? "", bitsPerSecond: 1_000_000, spillPlayers: 100 };
  const [home, second] = rendezvousOrder(stream.key, shards(8));
  const counts = join(100, shards(8), stream);
  assert.equal(counts[home?.index ?? -1], 100);
  const more = join(101, shards(8), stream);
  assert.equal(more[second?.index ?? -1], 1);
});

test("a storm of joins to one stream is spread evenly though no load was measured", () => {
  const stream = { key: KEYS[11] ?? "", bitsPerSecond: 1_000_000, spillPlayers: 100 };
  const counts = join(8000, shards(8), stream);
  assert.deepEqual(counts, new Array(8).fill(1000));
});

test("storms of many streams of differing bitrates even out", () => {
  const all = shards(4);
  for (let index = 0; index < 40; index++) {
    const bitsPerSecond = 500_000 * (1 + (index % 5));
    join(400, all, { key: `v/live/${index}`, bitsPerSecond, spillPlayers: 20 });
  }
  const bits = all.map((shard) => shard.assignedBitsPerSecond);
  const mean = bits.reduce((sum, value) => sum + value, 0) / bits.length;
  for (const value of bits) {
    assert.ok(Math.abs(value / mean - 1) < 0.1, bits.join(" "));
  }
});

test("a small stream touches few shards", () => {
  const counts = join(250, shards(8), { key: "v/live/small", bitsPerSecond: 1, spillPlayers: 100 });
  assert.equal(counts.filter((count) => count > 0).length, 3);
});

test("spill_players 0 spreads from the first player on", () => {
  const counts = join(8, shards(8), { key: "v/live/x", bitsPerSecond: 1, spillPlayers: 0 });
  assert.deepEqual(counts, new Array(8).fill(1));
});
