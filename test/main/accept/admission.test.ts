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
import type { RejectedError } from "../../../src/protocol/errors.ts";

function decode(vhost: string): Config {
  const text = `listen 1935; daemon off; takeover_silence 1; vhost v { ${vhost} }`;
  return decodeConfig(text, "x.conf", { include: () => "", environment: {} }).config;
}

const NO_EDGE = { isNotFound: () => false } as unknown as Edge;
const FROM = { id: "x", ip: "1.2.3.4", pageUrl: "", tcUrl: "", param: "", hooks: undefined };
const STREAM = { vhost: "v", app: "live", stream: "a" };

/** An admission whose one shard has looked a second after its publishers last spoke, and kicks when told. */
function openSilent(config: () => Config): {
  readonly admission: Admission;
  readonly coordinator: Coordinator;
  readonly warnings: string[];
  kicked(): void;
} {
  let kicked: (isDone: boolean) => void = () => undefined;
  const board = new Board(ShardLink.boardMemory(4));
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
  const warnings: string[] = [];
  const admission = new Admission({
    config,
    coordinator,
    edge: NO_EDGE,
    shards,
    forwards: { ask: () => undefined, admitted: () => undefined },
    tokens: new Tokens(),
    log: { warn: (_cid, text) => void warnings.push(text) },
    isShortOfMemory: () => false,
  });
  return { admission, coordinator, warnings, kicked: () => kicked(true) };
}

test("a reload between asking and getting a stream counts", { timeout: 5000 }, async () => {
  let config = decode("chunk_size 1000;");
  const { admission, coordinator, kicked } = openSilent(() => config);
  const admitted = admission.play(STREAM, FROM);
  const held = coordinator.enter(admitted.key, admitted.settings);
  const holder = { shard: 0, row: 1 };
  held.publisher = holder;
  const publishing = admission.publish(STREAM, FROM);
  config = decode("chunk_size 2000;");
  coordinator.removePublisher(held, holder);
  kicked();
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

test("E-15 who takes a silent one's name over needs no place of its own, and gets one place", {
  timeout: 5000,
}, async () => {
  const config = decode("limits { publishers 1; }");
  const { admission, coordinator, warnings, kicked } = openSilent(() => config);
  const first = await admission.publish(STREAM, FROM);
  const holder = { shard: 0, row: 1 };
  first.publisher = holder;
  await assert.rejects(
    admission.publish({ ...STREAM, stream: "b" }, FROM),
    ({ code, status }: RejectedError) =>
      code === "ERR_LIMIT_PUBLISHERS" && status === "NetStream.Publish.Denied",
  );
  assert.equal(coordinator.find("v/live/b"), undefined);
  assert.equal(warnings.length, 1);
  const publishing = admission.publish(STREAM, FROM);
  coordinator.removePublisher(first, holder);
  kicked();
  const entry = await publishing;
  assert.equal(admission.seats.size, 2, "one publisher, at one address");
  admission.abandon(entry);
  assert.deepEqual([admission.seats.size, coordinator.size], [0, 0]);
});

test("E-15 the last place may be gone when a takeover is done: the name is left free", {
  timeout: 5000,
}, async () => {
  const config = decode("limits { publishers 1; }");
  const { admission, coordinator, kicked } = openSilent(() => config);
  const first = await admission.publish(STREAM, FROM);
  const holder = { shard: 0, row: 1 };
  first.publisher = holder;
  const publishing = admission.publish(STREAM, FROM);
  coordinator.removePublisher(first, holder);
  const other = await admission.publish({ ...STREAM, stream: "b" }, FROM);
  kicked();
  await assert.rejects(publishing, ({ code }: RejectedError) => code === "ERR_LIMIT_PUBLISHERS");
  assert.equal(coordinator.find("v/live/a"), undefined);
  admission.abandon(other);
  assert.equal(admission.seats.size, 0);
});
