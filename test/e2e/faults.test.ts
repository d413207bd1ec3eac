/** Shards that throw, run out of memory, are terminated, hang or die again and again, while others must not notice. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { monotonicMs } from "../../src/main/monotonic.ts";
import type { ShardLink } from "../../src/main/shards/shard-link.ts";
import { Counter } from "../../src/protocol/control/board.ts";
import type { Fault } from "../../src/protocol/control/calls.ts";
import {
  type InProcess,
  namesByShard,
  shardOf,
  startInProcess,
} from "../main/accept/in-process.ts";
import {
  isRun,
  play,
  publish,
  publishDialogue,
  StampedPublisher,
  WireClient,
} from "../main/accept/wire-client.ts";
import { command } from "../protocol/rtmp/session-harness.ts";
import { waitUntil } from "../support/scratch.ts";

/** What is promised is less (50 ms, 1 s, 2 s); a busy machine gets more, so that a failure means something. */
const NOTICED_MS = 500;
/** From a full heap's last sign of life: V8 collects all of it twice before it gives up. Some 130 ms when nobody else works. */
const FULL_NOTICED_MS = 3000;
const BACK_MS = 3000;
const REPUBLISHED_MS = 4000;
const PLAYERS = 10;
const SHARDS = 2;

let weir: InProcess;

before(async () => {
  weir = await startInProcess({
    workers: 2,
    directives: "spill_players 3; takeover_silence 300;",
    limits: {
      watchMs: 50,
      hangWarnMs: 800,
      hangKillMs: 2500,
      crashesMax: 1000,
      heapMb: 48,
    },
  });
});

after(() => weir?.close());

beforeEach(allRun);

function allRun(): Promise<void> {
  const { links } = weir.server.supervisor;
  return waitUntil(
    "all shards run",
    () => links.slice(0, SHARDS).every((link) => link?.isAlive === true),
    10_000,
  );
}

/** Publishes a name, again and again until it is accepted. */
async function publishAgain(name: string): Promise<WireClient> {
  for (;;) {
    const client = new WireClient(weir.port, publishDialogue(name));
    try {
      return await client.waitStatus("NetStream.Publish.Start", 2000);
    } catch {
      await delay(20);
    }
  }
}

/** A stream on shard 0 with players on both, a stream on shard 1 with players there, and what has to be true of them. */
class Scene {
  readonly victimName: string;
  readonly safeName: string;
  victim: StampedPublisher | undefined;
  safe: StampedPublisher | undefined;
  players: WireClient[] = [];
  /** Those of the victim's stream that are on shard 1. */
  elsewhere: WireClient[] = [];
  watchers: WireClient[] = [];

  constructor(prefix: string) {
    const [victimName = "", safeName = ""] = namesByShard(weir.server, prefix);
    this.victimName = victimName;
    this.safeName = safeName;
  }

  async open(): Promise<void> {
    const { port } = weir;
    this.victim = new StampedPublisher(await publish(port, this.victimName));
    this.safe = new StampedPublisher(await publish(port, this.safeName));
    await waitUntil("media flow", () => (this.victim?.sequence ?? 0) > 20, 5000);
    for (let index = 0; index < PLAYERS; index += 1) {
      this.players.push(await play(port, this.victimName));
    }
    this.watchers = await Promise.all([1, 2, 3].map(() => play(port, this.safeName)));
    const all = [...this.players, ...this.watchers];
    await waitUntil("all play", () => all.every((one) => one.media.length > 5), 5000);
  }

  /** After the death of shard 0: sorts the players by whether theirs died with it. */
  async sort(): Promise<void> {
    const entry = weir.server.coordinator.find(`__defaultVhost__/live/${this.victimName}`);
    const staying = entry?.players[1] ?? 0;
    await waitUntil(
      "players of the dead shard are closed",
      () => this.players.filter((one) => one.end !== "open").length === PLAYERS - staying,
      NOTICED_MS,
    );
    this.elsewhere = this.players.filter((one) => one.end === "open");
    assert.ok(this.elsewhere.length > 0, "nobody played on the other shard");
  }

  /** The publisher comes back, and those who stayed go on with it. */
  async goOn(): Promise<void> {
    const diedAt = performance.now();
    this.victim?.close();
    const before = this.elsewhere.map((one) => one.media.at(-1));
    const counts = this.elsewhere.map((one) => one.media.length);
    this.victim = new StampedPublisher(await publishAgain(this.victimName));
    assert.ok(performance.now() - diedAt < REPUBLISHED_MS, "the name came free too late");
    await waitUntil(
      "those who stayed get the new publish",
      () => this.elsewhere.every((one, index) => one.media.length > (counts[index] ?? 0) + 20),
      10_000,
    );
    for (const [index, player] of this.elsewhere.entries()) {
      assert.equal(player.end, "open");
      const count = counts[index] ?? 0;
      const fresh = player.media.slice(count);
      assert.ok(isRun(player.sequences.slice(0, count)), "lost a frame before the death");
      assert.ok(isRun(player.sequences.slice(count)), "lost a frame after it");
      const [last, first] = [before[index]?.timestamp ?? 0, fresh[0]?.timestamp ?? 0];
      assert.ok(first > last, `time goes from ${last} to ${first}`);
      assert.ok(first < last + 5000, `time jumps from ${last} to ${first}`);
    }
  }

  /** Nobody else has noticed. */
  check(): void {
    assert.equal(this.safe?.client.end, "open");
    for (const watcher of this.watchers) {
      assert.equal(watcher.end, "open");
      assert.ok(isRun(watcher.sequences), "a frame was lost on the other shard");
      assert.equal(watcher.spoilt, 0);
    }
  }

  close(): void {
    this.victim?.close();
    this.safe?.close();
    for (const one of [...this.players, ...this.watchers]) {
      one.destroy();
    }
  }
}

async function kill(how: Fault | "terminate"): Promise<void> {
  const { supervisor } = weir.server;
  const link = supervisor.links[0];
  assert.ok(link);
  const { deaths } = supervisor;
  const killedAt = performance.now();
  if (how === "terminate") {
    void link.terminate();
  } else {
    await link.fault(how);
  }
  // A full heap takes its time to fill.
  const limit = how === "oom" ? 30_000 : NOTICED_MS;
  let silent = 0;
  const isNoticed = (): boolean => {
    const isDead = supervisor.deaths > deaths;
    silent = isDead ? silent : silentMs(link);
    return isDead;
  };
  await waitUntil(`death by ${how} is noticed`, isNoticed, limit);
  const noticedMs = Math.round(how === "oom" ? silent : performance.now() - killedAt);
  assert.ok(noticedMs < FULL_NOTICED_MS, `${how} was noticed after ${noticedMs} ms`);
  const noticedAt = performance.now();
  await waitUntil("the shard is back", () => supervisor.links[0]?.isAlive === true, BACK_MS);
  process.stdout.write(
    `# ${how}: noticed after ${noticedMs} ms, replaced ${Math.round(performance.now() - noticedAt)} ms later\n`,
  );
}

/** How often the log says so of the first shard. */
function runsAgain(): number {
  return weir.log().match(/\[shard-0\] runs again after \d+ ms/g)?.length ?? 0;
}

/** How long a shard's heart has not beaten. */
function silentMs(link: ShardLink): number {
  return monotonicMs() - (link.board.counters[Counter.Heartbeat] ?? 0);
}

describe("a shard's death", () => {
  for (const how of ["throw", "terminate", "oom"] as const) {
    test(`C-01 C-02 D-21: ${how}: noticed, replaced, and felt by nobody else`, {
      timeout: 60_000,
    }, async () => {
      const scene = new Scene(how);
      const restarts = runsAgain();
      await scene.open();
      assert.equal(shardOf(weir.server, scene.victimName), 0);
      await kill(how);
      await scene.sort();
      await scene.goOn();
      scene.check();
      const ended = weir.log().match(/publish ended: shard died/g) ?? [];
      assert.ok(ended.length > 0, "the lost session was not told of");
      await waitUntil("the log says that it runs again", () => runsAgain() > restarts, 5000);
      if (how === "throw") {
        // Whoever reports it has nothing else.
        assert.match(
          weir.log(),
          /died: fault injected; \d+ descriptors closed \(at .*fault\.js:\d+/,
        );
      }
      scene.close();
    });
  }

  test("C-03: a shard that hangs is told of once, then terminated and replaced", {
    timeout: 30_000,
  }, async () => {
    const scene = new Scene("hang");
    await scene.open();
    const { supervisor } = weir.server;
    const { deaths } = supervisor;
    const since = weir.log().length;
    await supervisor.links[0]?.fault("hang");
    await waitUntil("it is terminated", () => supervisor.deaths > deaths, 10_000);
    const told = weir.log().slice(since);
    assert.equal(told.match(/does not answer/g)?.length, 1, told);
    assert.equal(told.match(/hangs for \d+ ms: terminated/g)?.length, 1, told);
    await allRun();
    await scene.sort();
    await scene.goOn();
    scene.check();
    scene.close();
  });

  test("a takeover that waits for a shard that dies gets the name", {
    timeout: 30_000,
  }, async () => {
    const [name = ""] = namesByShard(weir.server, "waits");
    const silent = await publish(weir.port, name);
    await delay(500);
    const link = weir.server.supervisor.links[0];
    assert.ok(link);
    await link.fault("hang");
    await waitUntil("it hangs", () => silentMs(link) > 250, 5000);
    const second = new WireClient(weir.port, publishDialogue(name));
    await waitUntil("it waits", () => weir.server.lobby.size > 0, 5000);
    await delay(100);
    assert.deepEqual(second.statuses, []);
    void link.terminate();
    await second.waitStatus("NetStream.Publish.Start", 5000);
    assert.notEqual(silent.end, "open");
    second.destroy();
  });
});

test("a publisher that asks for a second name and dies with its shard before the answer keeps nothing", {
  timeout: 30_000,
}, async () => {
  await allRun();
  const { coordinator, pool, supervisor } = weir.server;
  const [name = "", own = ""] = namesByShard(weir.server, "asks");
  await publish(weir.port, name);
  const asking = await publish(weir.port, own);
  await delay(500);
  const link = supervisor.links[0];
  assert.ok(link);
  await link.fault("hang");
  await waitUntil("it hangs", () => silentMs(link) > 250, 5000);
  asking.write(command(0, "createStream", 6, null));
  asking.write(command(2, "publish", 7, null, name, "live"));
  await delay(100);
  void supervisor.links[1]?.terminate();
  const key = `__defaultVhost__/live/${own}`;
  await waitUntil("it has left", () => coordinator.find(key) === undefined, 5000);
  await asking.waitEnd(2000);
  void link.terminate();
  await waitUntil("all is gone", () => coordinator.size + pool.lentCount === 0, 5000);
  await allRun();
});

describe("a shard that dies again and again", () => {
  test("stays down for a while; its streams go elsewhere, and it comes back", {
    timeout: 30_000,
  }, async () => {
    const own = await startInProcess({
      workers: 2,
      limits: { crashesMax: 3, crashPauseMs: 1500 },
    });
    const { supervisor } = own.server;
    const [name = ""] = namesByShard(own.server, "loop");
    for (let death = 1; death <= 3; death += 1) {
      await waitUntil("it runs", () => supervisor.links[0]?.isAlive === true, 5000);
      void supervisor.links[0]?.terminate();
      await waitUntil("it dies", () => supervisor.deaths === death, 5000);
    }
    const downAt = performance.now();
    assert.match(own.log(), /dies too often, stays down for 1500 ms/);
    const publisher = await publish(own.port, name);
    assert.equal(shardOf(own.server, name), 1);
    assert.equal(supervisor.links[0], undefined);
    await waitUntil("it comes back", () => supervisor.links[0]?.isAlive === true, 10_000);
    assert.ok(performance.now() - downAt > 1000, "it came back at once");
    publisher.destroy();
    await own.close();
  });

  test("while no shard runs clients are told that there is no room", {
    timeout: 30_000,
  }, async () => {
    const own = await startInProcess({ workers: 1, limits: { crashesMax: 1, crashPauseMs: 1000 } });
    const { supervisor, coordinator, pool } = own.server;
    void supervisor.links[0]?.terminate();
    await waitUntil("it dies", () => supervisor.deaths === 1, 5000);
    await assert.rejects(publish(own.port, "nowhere"), /eof NetStream.Publish.Failed/);
    await assert.rejects(play(own.port, "nowhere"), /eof NetStream.Play.Failed/);
    assert.deepEqual([coordinator.size, pool.lentCount], [0, 0]);
    await waitUntil("it comes back", () => supervisor.links[0]?.isAlive === true, 10_000);
    const publisher = await publish(own.port, "nowhere");
    publisher.destroy();
    await own.close();
  });
});
