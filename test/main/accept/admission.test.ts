/** What a reload changes for somebody who is just being let in. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission } from "../../../src/main/accept/admission.ts";
import { Coordinator } from "../../../src/main/coordinator/coordinator.ts";
import type { Edge } from "../../../src/main/coordinator/edge.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { Tokens } from "../../../src/main/tokens/tokens.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import { Board } from "../../../src/protocol/control/board.ts";

function decode(vhost: string): Config {
  const text = `listen 1935; daemon off; takeover_silence 1; vhost v { ${vhost} }`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} }).config;
}

const NO_EDGE = { isNotFound: () => false } as unknown as Edge;
const FROM = { id: "x", ip: "1.2.3.4", pageUrl: "", tcUrl: "", param: "", hooks: undefined };
const STREAM = { vhost: "v", app: "live", stream: "a" };

test("a reload between asking and getting a stream counts", { timeout: 5000 }, async () => {
  let config = decode("chunk_size 1000;");
  let kicked: (isDone: boolean) => void = () => undefined;
  const board = new Board(ShardLink.boardMemory(4));
  // Its shard looked a second after it last spoke.
  board.counters[0] = 1000;
  const link = {
    index: 0,
    isAlive: true,
    isShard: true,
    board,
    post: () => undefined,
    kick: () => new Promise<boolean>((resolve) => (kicked = resolve)),
  };
  const shards = [link as unknown as ShardLink];
  const coordinator = new Coordinator(new RingPool(2 ** 20), shards, () => 1);
  const admission = new Admission({
    config: () => config,
    coordinator,
    edge: NO_EDGE,
    shards,
    tokens: new Tokens(),
    log: { warn: () => undefined },
  });
  const admitted = admission.play(STREAM, FROM);
  const held = coordinator.enter(admitted.key, admitted.settings);
  const holder = { shard: 0, row: 1 };
  held.publisher = holder;
  const publishing = admission.publish(STREAM, FROM);
  config = decode("chunk_size 2000;");
  coordinator.removePublisher(held, holder);
  kicked(true);
  const entry = await publishing;
  assert.notEqual(entry, held, "the old one was over");
  assert.equal(entry.settings.chunkSize, 2000);
  assert.equal(admission.current(admitted).chunkSize, 2000);
  config = decodeConfig("listen 1935; daemon off; vhost w {}", "x.conf", {
    include: () => "",
    environment: {},
  }).config;
  assert.equal(admission.current(admitted).chunkSize, 1000, "of a vhost that is gone");
});
