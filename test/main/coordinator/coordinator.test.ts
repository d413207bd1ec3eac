/** The directory of streams: who is told what, who holds a name, and what a death leaves behind. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  Coordinator,
  pullPlace,
  type StreamEntry,
} from "../../../src/main/coordinator/coordinator.ts";
import { Packagers } from "../../../src/main/coordinator/packagers.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import type { RingLease, StreamSettings } from "../../../src/protocol/control/calls.ts";
import { RingState } from "../../../src/protocol/ring/ring-layout.ts";
import { RingReader } from "../../../src/protocol/ring/ring-reader.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";

interface Sent {
  readonly kind: string;
  readonly streamId: number;
  readonly lease?: RingLease | null;
}

const SETTINGS = { upstream: null, hls: null, dvr: null } as unknown as StreamSettings;
const KEY = "v/live/a";

let pool: RingPool;
let links: (ShardLink | undefined)[];
let sent: Sent[][];
let coordinator: Coordinator;

beforeEach(() => {
  pool = new RingPool(2 ** 30);
  sent = [[], [], []];
  links = sent.map((messages, index) => {
    const link = {
      index,
      isAlive: true,
      isShard: true,
      post: (message: Sent) => messages.push(message),
    };
    return link as unknown as ShardLink;
  });
  coordinator = new Coordinator(pool, links, () => 2);
});

/** A live stream of shard 0 with some frames. */
function liveStream(row = 1): { entry: StreamEntry; lease: RingLease; writer: RingWriter } {
  const entry = coordinator.enter(KEY, SETTINGS);
  entry.publisher = { shard: 0, row };
  const lease = coordinator.lendRing(0);
  assert.ok(lease);
  coordinator.announce(entry, 0);
  const writer = new RingWriter(lease.memory, { id: lease.ringId, chunkSize: 60_000 });
  coordinator.ringOpened(0, { kind: "ring-opened", streamId: entry.id, lease });
  return { entry, lease, writer };
}

function write(writer: RingWriter, timestamp: number): void {
  writer.begin(4);
  writer.put(new Uint8Array(4), 0, 4);
  writer.commit({ kind: 2, timestamp, isKeyframe: false });
}

function kinds(shard: number): string[] {
  return (sent[shard] ?? []).map(({ kind }) => kind);
}

/** Shard `index` is gone, as the supervisor and the server tell it. */
function die(index: number): void {
  links[index] = undefined;
  coordinator.shardDied(index);
}

test("a shard hears of a stream and its ring once, and that it may forget it", () => {
  const { entry, lease } = liveStream();
  coordinator.announce(entry, 1);
  coordinator.announce(entry, 1);
  assert.deepEqual(kinds(1), ["stream", "ring"]);
  assert.equal(sent[1]?.[1]?.lease?.ringId, lease.ringId);
  const player = coordinator.addPlayer(entry, 1);
  coordinator.removePlayer(player);
  assert.deepEqual(kinds(1), ["stream", "ring", "forget"]);
  coordinator.releaseRing(1, lease.ringId);
  assert.deepEqual(kinds(0), ["stream"]);
});

test("a packager knows the streams that are its own as long as they are published", () => {
  Object.assign(links[2] ?? {}, { isShard: false, role: "packager" });
  coordinator = new Coordinator(pool, links, () => 2, new Packagers(2, 1));
  assert.equal(coordinator.packagerOf(KEY), 2);
  const entry = coordinator.enter(KEY, SETTINGS);
  const hls = { ...SETTINGS, hls: { enabled: true } } as StreamSettings;
  const { lease } = liveStream();
  assert.deepEqual(kinds(2), [], "it is not packaged");
  entry.settings = hls;
  coordinator.announceToPackagers();
  coordinator.announceToPackagers();
  assert.deepEqual(kinds(2), ["stream", "ring"]);
  // A viewer that comes and goes is no reason to forget it.
  coordinator.removePlayer(coordinator.addPlayer(entry, 2));
  const viewer = coordinator.addPlayer(entry, 2);
  coordinator.ringEnded(0, {
    ...{ kind: "ring-ended", streamId: entry.id, ringId: lease.ringId },
    end: { audio: 0, video: 0 },
  });
  assert.deepEqual(kinds(2), ["stream", "ring"]);
  coordinator.removePlayer(viewer);
  assert.deepEqual(kinds(2), ["stream", "ring", "forget"]);
});

test("what is published at an edge is marked for its packager, what is pulled is not", () => {
  Object.assign(links[2] ?? {}, { isShard: false, role: "packager" });
  coordinator = new Coordinator(pool, links, () => 2, new Packagers(2, 1));
  const { entry } = liveStream();
  entry.settings = { ...SETTINGS, dvr: {}, upstream: {} } as StreamSettings;
  coordinator.announceToPackagers();
  assert.equal(sent[2]?.[1]?.lease?.isPushed, true);
  coordinator.prune(entry);
  entry.publisher = pullPlace(0, 1);
  coordinator.announce(entry, 1);
  assert.deepEqual(kinds(1), ["stream", "ring"]);
  assert.equal(sent[1]?.[1]?.lease?.isPushed, undefined);
});

test("a gateway that keeps the past of a stream knows it as long as it is published", () => {
  Object.assign(links[2] ?? {}, { isShard: false, role: "gateway" });
  const { entry, lease } = liveStream();
  entry.settings = { ...SETTINGS, keptForm: {} } as StreamSettings;
  coordinator.announce(entry, 2);
  coordinator.removePlayer(coordinator.addPlayer(entry, 2));
  assert.deepEqual(kinds(2), ["stream", "ring"]);
  coordinator.announce(entry, 1);
  coordinator.removePlayer(coordinator.addPlayer(entry, 1));
  assert.deepEqual(kinds(1), ["stream", "ring", "forget"], "a shard keeps nothing");
  const end = { audio: 0, video: 0 };
  const { ringId } = lease;
  coordinator.ringEnded(0, { kind: "ring-ended", streamId: entry.id, ringId, end });
  assert.deepEqual(kinds(2), ["stream", "ring", "forget"]);
});

test("a name is free with the end of its ring; what comes later from that publisher changes nothing", () => {
  const { entry, lease } = liveStream();
  const player = coordinator.addPlayer(entry, 1);
  const news = { kind: "ring-ended", streamId: entry.id, ringId: lease.ringId } as const;
  const ended = coordinator.ringEnded(0, { ...news, end: { audio: 5, video: 9 } });
  assert.deepEqual(ended?.publisher, { shard: 0, row: 1 });
  assert.deepEqual([entry.publisher, entry.ringId], [null, null]);
  assert.deepEqual(entry.previous, { audio: 5, video: 9 });
  entry.publisher = { shard: 2, row: 1 };
  assert.equal(coordinator.ringEnded(0, { ...news, end: { audio: 0, video: 0 } }), undefined);
  coordinator.removePublisher(entry, { shard: 0, row: 1 });
  coordinator.ringOpened(0, { kind: "ring-opened", streamId: entry.id, lease });
  assert.deepEqual([entry.publisher, entry.ringId], [{ shard: 2, row: 1 }, null]);
  coordinator.removePublisher(entry, { shard: 2, row: 1 });
  assert.equal(coordinator.size, 1);
  coordinator.removePlayer(player);
  assert.equal(coordinator.size, 0);
});

test("an entry that is gone already does not take a new one of the same key with it", () => {
  const old = coordinator.enter(KEY, SETTINGS);
  coordinator.prune(old);
  const fresh = coordinator.enter(KEY, SETTINGS);
  fresh.publisher = { shard: 1, row: 1 };
  coordinator.prune(old);
  assert.equal(coordinator.find(KEY), fresh);
  assert.notEqual(old.id, fresh.id);
});

test("C-04: a dead shard's ring is marked dead, and the time line ends at its last frame", () => {
  const { entry, lease, writer } = liveStream();
  const elsewhere = coordinator.addPlayer(entry, 1);
  coordinator.announce(entry, 1);
  for (const timestamp of [4_294_967_200, 4_294_967_290, 40, 20]) {
    write(writer, timestamp);
  }
  const reader = new RingReader(lease.memory);
  die(0);
  assert.equal(reader.state, RingState.Dead);
  assert.deepEqual([entry.publisher, entry.ringId, coordinator.size], [null, null, 1]);
  // Past the end of 32 bits 40 is later than 4294967290.
  assert.deepEqual(entry.previous, { audio: 40, video: 40 });
  // Only the reader elsewhere holds the ring now.
  assert.equal(pool.lentCount, 1);
  coordinator.releaseRing(1, lease.ringId);
  assert.equal(pool.lentCount, 0);
  coordinator.removePlayer(elsewhere);
  assert.equal(coordinator.size, 0);
});

test("a writer that died between two rings leaves none that seems to be written", () => {
  const { entry, lease, writer } = liveStream();
  coordinator.addPlayer(entry, 1);
  coordinator.announce(entry, 1);
  write(writer, 40);
  const larger = coordinator.lendRing(0);
  const unopened = coordinator.lendRing(0);
  assert.ok(larger && unopened);
  const next = new RingWriter(larger.memory, { id: larger.ringId, chunkSize: 60_000 });
  next.copyTail(writer);
  coordinator.ringOpened(0, { kind: "ring-opened", streamId: entry.id, lease: larger });
  // Here it was to say in the old ring that it has moved.
  const readers = [lease, larger].map(({ memory }) => new RingReader(memory));
  die(0);
  assert.deepEqual(
    readers.map(({ state }) => state),
    [RingState.Dead, RingState.Dead],
  );
  assert.deepEqual([pool.lentCount, pool.freeCount], [2, 1], "what nobody reads is back");
});

test("a ring without frames leaves no time line", () => {
  const { entry } = liveStream();
  coordinator.addPlayer(entry, 1);
  die(0);
  assert.deepEqual(entry.previous, { audio: -1, video: -1 });
});

test("players that died with their shard are not counted off again", () => {
  const { entry } = liveStream();
  const dead = coordinator.addPlayer(entry, 2);
  coordinator.addPlayer(entry, 1);
  die(2);
  coordinator.removePlayer(dead);
  assert.deepEqual(entry.players, [0, 1, 0]);
  assert.equal(coordinator.size, 1);
});

test("no lease is counted that a dead shard cannot give back", () => {
  const { entry, lease } = liveStream();
  coordinator.addPlayer(entry, 0);
  links[1] = undefined;
  coordinator.announce(entry, 1);
  coordinator.releaseRing(0, lease.ringId);
  coordinator.releaseRing(0, lease.ringId);
  assert.equal(pool.lentCount, 0);
});

test("players count for the rate that their stream has, not for what it had when they came", () => {
  const { entry, writer } = liveStream();
  const shards = (): number[] => {
    const index = coordinator.placePlayer(entry);
    coordinator.addPlayer(entry, index);
    return entry.players.map((count) => count);
  };
  for (let index = 0; index < 30; index += 1) {
    shards();
  }
  writer.setBytesPerSecond(1000);
  for (let index = 0; index < 300; index += 1) {
    shards();
  }
  const counts = shards();
  assert.ok(Math.max(...counts) - Math.min(...counts) <= 2, counts.join(" "));
});

test("each play counts under a number of its own, several of one client too", () => {
  const { entry } = liveStream();
  const shares = [1, 2, 3].map(() => coordinator.addPlayer(entry, 1));
  assert.equal(new Set(shares.map(({ play }) => play)).size, 3);
  assert.ok(shares.every(({ play }) => play > 0));
  assert.equal(entry.players[1], 3);
  for (const share of shares) {
    coordinator.removePlayer(share);
  }
  assert.equal(entry.players[1], 0);
});

test("a stream that is announced again after it was forgotten has a later announcement", () => {
  const { entry } = liveStream();
  coordinator.announce(entry, 1);
  coordinator.removePlayer(coordinator.addPlayer(entry, 1));
  coordinator.announce(entry, 1);
  const numbers = (sent[1] ?? []).map((news) => (news as { announcement?: number }).announcement);
  const [stream, , forget, again] = numbers;
  assert.deepEqual(kinds(1), ["stream", "ring", "forget", "stream", "ring"]);
  assert.equal(forget, stream);
  assert.ok((again ?? 0) > (stream ?? 0));
  assert.equal(entry.knownBy.get(1), again);
});
