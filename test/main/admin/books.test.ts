/** The books when threads end: what was counted is not lost with whoever counted it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Books } from "../../../src/main/admin/books.ts";
import { Clients } from "../../../src/main/coordinator/clients.ts";
import { Coordinator, pullPlace } from "../../../src/main/coordinator/coordinator.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { ThreadNews, type ThreadNewsHost } from "../../../src/main/thread-news.ts";
import { decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { StreamSettings } from "../../../src/protocol/control/calls.ts";
import { NO_FIGURES, storeFigures } from "../../../src/protocol/ring/ring-figures.ts";

const WRAP = 1 << 17;
const KEY = "__defaultVhost__/live/a";
const KIBIBYTE = 1024;

test("what a stream's writer has counted stays when its thread dies", () => {
  const { config } = decodeConfig("listen 1935; vhost __defaultVhost__ {}", "x", {
    include: () => "",
    environment: {},
  });
  const nothing = (): void => undefined;
  const links = [0, 1].map((index) => {
    const link = { index, isAlive: true, isShard: true, post: nothing };
    return link as unknown as ShardLink;
  });
  const pool = new RingPool(4 * WRAP);
  const clients = new Clients();
  const coordinator = new Coordinator(pool, links, () => 100);
  const books = new Books({
    ...{ coordinator, clients, pool, shards: links },
    config: () => config,
    now: () => 0,
  });
  books.close();
  const news = new ThreadNews({
    ...{ clients, coordinator, books },
    rollout: { shardDied: nothing },
    edge: { shardDied: nothing },
    hls: { died: nothing },
  } as unknown as ThreadNewsHost);
  const entry = coordinator.enter(KEY, {} as StreamSettings);
  coordinator.addPlayer(entry, 1);
  const stream = books.streams.of(KEY);
  const pulledBytes = (): number => books.sums().total.in;
  for (const life of [1, 2]) {
    const lease = coordinator.lendRing(0) ?? assert.fail();
    entry.publisher = pullPlace(0, life);
    coordinator.ringOpened(0, { kind: "ring-opened", streamId: entry.id, lease });
    storeFigures(lease.memory, { ...NO_FIGURES, videoFrames: 250, audioFrames: 9, kibibytes: 70 });
    assert.equal(books.figuresOf(stream).videoFrames, life * 250);
    assert.equal(pulledBytes(), life * 70 * KIBIBYTE);
    news.shardDied(links[0] ?? assert.fail());
    assert.deepEqual(books.figuresOf(stream), {
      ...{ ...NO_FIGURES, videoFrames: life * 250, audioFrames: life * 9 },
      kibibytes: life * 70,
    });
    assert.equal(pulledBytes(), life * 70 * KIBIBYTE);
  }
});
