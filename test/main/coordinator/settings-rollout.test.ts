/** New settings under a version: when shards apply them, and what becomes of those that come and go meanwhile. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Coordinator, type StreamEntry } from "../../../src/main/coordinator/coordinator.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import { SettingsRollout } from "../../../src/main/coordinator/settings-rollout.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import type {
  ForgetStream,
  SettingsNews,
  StreamNews,
  StreamSettings,
} from "../../../src/protocol/control/calls.ts";
import { VersionWord } from "../../../src/protocol/control/version-word.ts";
import { SettingsChanges } from "../../../src/worker/settings-changes.ts";

const OLD = { queueLengthMs: 1 } as StreamSettings;
const NEW = { queueLengthMs: 2 } as StreamSettings;
const NEWER = { queueLengthMs: 3 } as StreamSettings;
const TIMEOUT_MS = 200;

/** A shard as far as settings go: learns streams and applies changes the way the runtime does. */
class FakeShard {
  readonly index: number;
  isAlive = true;
  readonly isShard = true;
  /** Answers at once; else what it was told waits in {@link inbox}. */
  answers = true;
  readonly inbox: (StreamNews | SettingsNews | ForgetStream)[] = [];
  readonly known = new Map<number, StreamSettings>();
  readonly #changes: SettingsChanges;

  constructor(index: number, memory: SharedArrayBuffer) {
    this.index = index;
    this.#changes = new SettingsChanges(new VersionWord(memory), ({ streamId, settings }) => {
      if (this.known.has(streamId)) {
        this.known.set(streamId, settings);
      }
    });
  }

  get link(): ShardLink {
    return this as unknown as ShardLink;
  }

  post(message: StreamNews | SettingsNews | ForgetStream): void {
    this.inbox.push(message);
    if (this.answers) {
      this.work();
    }
  }

  /** Takes what waits. */
  work(): void {
    for (const message of this.inbox.splice(0)) {
      if (message.kind === "forget") {
        this.known.delete(message.streamId);
      } else if (message.kind === "stream") {
        this.known.set(message.streamId, message.settings);
      } else if (message.kind === "settings") {
        this.#changes.take(message);
        setImmediate(() => rollout.accepted(this.link, message.version));
      }
    }
  }

  /** Its next turn. */
  seen(entry: StreamEntry): StreamSettings | undefined {
    this.#changes.follow();
    return this.known.get(entry.id);
  }
}

let memory: SharedArrayBuffer;
let fakes: FakeShard[];
let links: (ShardLink | undefined)[];
let coordinator: Coordinator;
let rollout: SettingsRollout;

beforeEach(() => {
  memory = VersionWord.memory();
  fakes = [0, 1, 2].map((index) => new FakeShard(index, memory));
  links = fakes.map(({ link }) => link);
  coordinator = new Coordinator(new RingPool(2 ** 20), links, () => 100);
  const word = new VersionWord(memory);
  rollout = new SettingsRollout({ coordinator, shards: links, word }, TIMEOUT_MS);
});

function fake(index: number): FakeShard {
  return fakes[index] ?? assert.fail(`shard ${index}`);
}

function streamOn(key: string, ...shards: number[]): StreamEntry {
  const entry = coordinator.enter(key, OLD);
  for (const shard of shards) {
    coordinator.announce(entry, shard);
    coordinator.addPlayer(entry, shard);
  }
  return entry;
}

test("nothing changes before the word does, and then everywhere", async () => {
  const entry = streamOn("v/live/a", 0, 1);
  const prepared = await rollout.prepare(() => NEW);
  assert.deepEqual([fake(0).seen(entry), fake(1).seen(entry), entry.settings], [OLD, OLD, OLD]);
  prepared.commit();
  assert.deepEqual([fake(0).seen(entry), fake(1).seen(entry), entry.settings], [NEW, NEW, NEW]);
  assert.equal(fake(2).seen(entry), undefined, "it never heard of the stream");
});

test("a shard that does not accept stops it, and the version is never applied", async () => {
  const entry = streamOn("v/live/a", 0, 1);
  fake(1).answers = false;
  await assert.rejects(
    rollout.prepare(() => NEW),
    /shard 1 does not answer/,
  );
  assert.deepEqual([fake(0).seen(entry), entry.settings], [OLD, OLD]);
  // It comes round: what it was told of the lost version does not count under the next one.
  fake(1).answers = true;
  fake(1).work();
  (await rollout.prepare(() => NEWER)).commit();
  assert.deepEqual([fake(0).seen(entry), fake(1).seen(entry)], [NEWER, NEWER]);
});

test("a prepared version that is not committed is never applied", async () => {
  const entry = streamOn("v/live/a", 0);
  (await rollout.prepare(() => NEW)).abort();
  const next = await rollout.prepare(() => undefined);
  next.commit();
  assert.deepEqual([fake(0).seen(entry), entry.settings], [OLD, OLD]);
});

test("streams and shards that come meanwhile have the version too", async () => {
  const early = streamOn("v/live/early", 0);
  const prepared = await rollout.prepare(() => NEW);
  const late = streamOn("v/live/late", 0, 1);
  coordinator.announce(early, 2);
  // Shard 1 is replaced.
  fake(1).isAlive = false;
  coordinator.shardDied(1);
  rollout.shardDied(fake(1).link);
  fakes[1] = new FakeShard(1, memory);
  links[1] = fake(1).link;
  const again = streamOn("v/live/again", 1);
  prepared.commit();
  assert.deepEqual([fake(0).seen(late), fake(2).seen(early), fake(1).seen(again)], [NEW, NEW, NEW]);
  const later = coordinator.enter("v/live/early", NEW);
  coordinator.announce(later, 1);
  assert.equal(fake(1).seen(later), NEW);
});

test("a stream that is forgotten and announced again meanwhile has the version, however late that is heard", async () => {
  const entry = coordinator.enter("v/live/a", OLD);
  entry.publisher = { shard: 1, row: 1 };
  coordinator.announce(entry, 0);
  const player = coordinator.addPlayer(entry, 0);
  const prepared = await rollout.prepare(() => NEW);
  fake(0).answers = false;
  coordinator.removePlayer(player);
  coordinator.announce(entry, 0);
  prepared.commit();
  // The word is faster than what was posted: the shard goes over before it hears of the stream.
  assert.equal(fake(0).seen(entry), NEW);
  fake(0).work();
  assert.equal(fake(0).seen(entry), NEW);
});

test("a shard that dies while it is asked holds nobody up", async () => {
  const entry = streamOn("v/live/a", 0, 1);
  fake(1).answers = false;
  const preparing = rollout.prepare(() => NEW);
  await turn();
  rollout.shardDied(fake(1).link);
  (await preparing).commit();
  assert.equal(fake(0).seen(entry), NEW);
});

test("a shard that stands still while two versions pass has the last one", async () => {
  const entry = streamOn("v/live/a", 0);
  (await rollout.prepare(() => NEW)).commit();
  (await rollout.prepare(() => NEWER)).commit();
  assert.equal(fake(0).seen(entry), NEWER);
});

test("no shard at all is no hindrance", async () => {
  links.fill(undefined);
  (await rollout.prepare(() => NEW)).commit();
});
