/** One pull per stream for the whole host: when it begins, who shares it, when it ends, and what is remembered. */
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Coordinator, type StreamEntry } from "../../../src/main/coordinator/coordinator.ts";
import { type Demand, Edge } from "../../../src/main/coordinator/edge.ts";
import { RingPool } from "../../../src/main/coordinator/ring-pool.ts";
import type { Logger } from "../../../src/main/log/logger.ts";
import type { ShardLink } from "../../../src/main/shards/shard-link.ts";
import { type Config, decodeConfig } from "../../../src/protocol/conf/config.ts";
import type { RingLease, StreamSettings } from "../../../src/protocol/control/calls.ts";
import type { AttemptEnd, OriginAnswer } from "../../../src/protocol/control/upstream.ts";
import { RingWriter } from "../../../src/protocol/ring/ring-writer.ts";

interface Sent {
  readonly kind: string;
  readonly pullId?: number;
  readonly streamId?: number;
}

const KEY = "__defaultVhost__/live/a";
const REQUEST = {
  vhost: "edge.example.com",
  app: "live",
  stream: "a",
  param: "?token=x",
  tcUrl: "rtmp://edge.example.com/live",
  pageUrl: "",
  swfUrl: "",
  host: "edge.example.com",
  port: 1935,
};
const DEMAND: Demand = { id: "client01", request: REQUEST, path: "" };
const SETTINGS = { upstream: {}, dvr: null, chunkSize: 60_000 } as unknown as StreamSettings;

let now: number;
let timers: { at: number; work: () => void }[];
let pool: RingPool;
let sent: Sent[][];
let links: (ShardLink | undefined)[];
let coordinator: Coordinator;
let edge: Edge;
let config: Config;

function configOf(cluster: string): Config {
  const text = `listen 1935; vhost __defaultVhost__ { cluster { mode remote; ${cluster} } }`;
  return decodeConfig(text, "test.conf", { include: () => "", environment: {} }).config;
}

beforeEach(() => {
  now = 0;
  timers = [];
  pool = new RingPool(2 ** 30);
  sent = [[], []];
  links = sent.map((messages, index) => {
    const link = {
      index,
      isAlive: true,
      isShard: true,
      post: (message: Sent) => messages.push(message),
    };
    return link as unknown as ShardLink;
  });
  coordinator = new Coordinator(pool, links, () => 1);
  config = configOf("origin 10.0.0.1;");
  const log = { info: () => undefined, warn: () => undefined } as unknown as Logger;
  edge = new Edge({
    config: () => config,
    coordinator,
    shards: links,
    log,
    serverId: "me",
    version: "1.2.3",
    pid: 7,
    now: () => now,
    random: () => 0.5,
    after: (ms, work) => {
      const timer = { at: now + ms, work };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
  });
});

/** Lets time pass with all that is due in it. */
function pass(ms: number): void {
  const until = now + ms;
  for (;;) {
    const due = timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
    if (due === undefined) {
      break;
    }
    timers = timers.filter((timer) => timer !== due);
    now = Math.max(now, due.at);
    due.work();
  }
  now = until;
}

function join(shard: number, demand = DEMAND): ReturnType<Coordinator["addPlayer"]> {
  const entry = coordinator.enter(KEY, SETTINGS);
  coordinator.announce(entry, shard);
  const share = coordinator.addPlayer(entry, shard);
  edge.wanted(entry, demand);
  return share;
}

function all(kind: string): (Sent & { shard: number })[] {
  return sent.flatMap((messages, shard) =>
    messages.filter((message) => message.kind === kind).map((message) => ({ ...message, shard })),
  );
}

function pullOf(): { shard: number; pullId: number; streamId: number } {
  const { shard, pullId = 0, streamId = 0 } = all("pull").at(-1) ?? { shard: -1 };
  return { shard, pullId, streamId };
}

function ask(last: AttemptEnd | null = null): OriginAnswer {
  const { shard, pullId, streamId } = pullOf();
  return edge.nextOrigin(shard, { streamId, pullId, last, needsRing: false });
}

function endPull(): void {
  const { shard, pullId, streamId } = pullOf();
  edge.pullEnded(shard, { kind: "pull-ended", pullId, streamId });
}

/** The pull brings media into a ring. */
function flow(): { entry: StreamEntry; lease: RingLease } {
  const { shard, pullId, streamId } = pullOf();
  const answer = edge.nextOrigin(shard, { streamId, pullId, last: null, needsRing: true });
  assert.equal(answer.kind, "go");
  const lease = answer.kind === "go" ? answer.lease : null;
  const entry = coordinator.findById(streamId);
  assert.ok(lease && entry);
  new RingWriter(lease.memory, { id: lease.ringId, chunkSize: 60_000 });
  coordinator.ringOpened(shard, { kind: "ring-opened", streamId, lease });
  edge.works(streamId);
  return { entry, lease };
}

test("a thousand players on two shards are one pull", () => {
  for (let player = 0; player < 1000; player += 1) {
    join(player % 2);
  }
  assert.equal(all("pull").length, 1);
  assert.equal(edge.pulls, 1);
});

test("players at an origin start no pull, nor does one of a stream that is published here", () => {
  const local = coordinator.enter("v/live/local", {
    upstream: null,
    dvr: null,
  } as unknown as StreamSettings);
  coordinator.addPlayer(local, 0);
  edge.wanted(local, DEMAND);
  const entry = coordinator.enter(KEY, SETTINGS);
  entry.publisher = { shard: 0, row: 3 };
  join(1);
  assert.equal(all("pull").length, 0);
});

test("every shard with players gets the ring of the one pull", () => {
  const first = join(0);
  join(1);
  const { entry } = flow();
  const other = pullOf().shard === 0 ? 1 : 0;
  assert.deepEqual(
    sent[other]?.map(({ kind }) => kind),
    ["stream", "ring"],
  );
  assert.ok(entry.ringId !== null);
  coordinator.removePlayer(first);
  assert.equal(all("pull-stop").length, 0);
});

test("after the last player the pull lingers; who comes back meanwhile costs nothing", () => {
  const player = join(0);
  flow();
  coordinator.removePlayer(player);
  pass(2900);
  assert.equal(all("pull-stop").length, 0);
  const again = join(1);
  pass(10_000);
  assert.deepEqual([all("pull").length, all("pull-stop").length], [1, 0]);
  coordinator.removePlayer(again);
  pass(3000);
  assert.equal(all("pull-stop").length, 1);
  endPull();
  assert.deepEqual([edge.pulls, coordinator.size], [0, 0]);
});

test("a player that comes while the pull is being ended gets a new one", () => {
  const player = join(0);
  flow();
  coordinator.removePlayer(player);
  pass(3000);
  join(0);
  assert.equal(all("pull").length, 1);
  endPull();
  pass(250);
  assert.equal(all("pull").length, 2);
});

test("an origin that is lost leaves the pull in place and the time line known", () => {
  join(0);
  const { entry, lease } = flow();
  const { shard, streamId } = pullOf();
  const end = { audio: 90, video: 100 };
  const ended = { kind: "ring-ended", streamId, ringId: lease.ringId, end } as const;
  assert.equal(coordinator.ringEnded(shard, ended), undefined);
  assert.deepEqual([entry.previous, entry.ringId, edge.pulls], [end, null, 1]);
  assert.ok(entry.publisher !== null);
});

test("a dead shard's pull goes on at another one", () => {
  join(0);
  join(1);
  flow();
  const dead = pullOf().shard;
  links[dead] = undefined;
  coordinator.shardDied(dead);
  edge.shardDied(dead);
  pass(250);
  assert.equal(all("pull").length, 2);
  assert.equal(pullOf().shard, 1 - dead);
});

test("with every shard dead the pull waits for one", () => {
  join(0);
  join(1);
  const [first, second] = links;
  const { shard: dead } = pullOf();
  links[0] = undefined;
  links[1] = undefined;
  coordinator.shardDied(dead);
  edge.shardDied(dead);
  pass(1000);
  assert.equal(all("pull").length, 1);
  links[0] = first;
  links[1] = second;
  pass(250);
  assert.equal(all("pull").length, 2);
});

test("a publisher that comes here outranks the pull, and it comes back when that one leaves", async () => {
  join(0);
  const { entry } = flow();
  const isVacant = edge.yieldTo(KEY);
  assert.equal(all("pull-stop").length, 1);
  endPull();
  await isVacant;
  assert.equal(entry.publisher, null);
  entry.publisher = { shard: 0, row: 5 };
  pass(10_000);
  assert.equal(all("pull").length, 1);
  coordinator.removePublisher(entry, { shard: 0, row: 5 });
  pass(250);
  assert.equal(all("pull").length, 2);
});

test("a shard that does not end its pull holds a publisher up for two seconds", async () => {
  join(0);
  const { entry } = flow();
  const isVacant = edge.yieldTo(KEY);
  pass(2000);
  await isVacant;
  assert.ok(entry.publisher !== null);
});

test("a stream that no origin had is known as missing for a while", () => {
  const player = join(0);
  ask();
  ask({ fault: "not found", detail: "", mediaMs: 0 });
  assert.equal(edge.isNotFound(KEY), false);
  coordinator.removePlayer(player);
  assert.equal(all("pull-stop").length, 1);
  assert.equal(edge.isNotFound(KEY), true);
  pass(2999);
  assert.equal(edge.isNotFound(KEY), true);
  pass(1);
  assert.equal(edge.isNotFound(KEY), false);
});

test("a stream that was there, or that nobody could tell about yet, is not", () => {
  const player = join(0);
  flow();
  ask({ fault: "closed", detail: "", mediaMs: 5000 });
  coordinator.removePlayer(player);
  assert.equal(edge.isNotFound(KEY), false);
});

test("the origin hears what SRS's edges tell it: vhost in tcUrl, parameters in the name, who asks", () => {
  join(0);
  const answer = ask();
  assert.equal(answer.kind, "go");
  const target = answer.kind === "go" ? answer.target : undefined;
  assert.equal(target?.url, "rtmp://10.0.0.1:1935/live/a?token=x&vhost=edge.example.com");
  assert.deepEqual(target?.identity, { server: "weir", version: "1.2.3", pid: 7, id: "client01" });
  assert.equal(target?.path, "me");
});

test("what the first player gave counts, and a publisher's push keeps what the publisher gave", () => {
  join(0);
  join(0, { ...DEMAND, id: "client02", request: { ...REQUEST, param: "?token=z" } });
  const answer = ask();
  assert.match(answer.kind === "go" ? answer.target.url : "", /token=x/);
  const entry = coordinator.enter("__defaultVhost__/live/b", SETTINGS);
  entry.publisher = { shard: 0, row: 4 };
  edge.publishes(entry, { ...DEMAND, request: { ...REQUEST, stream: "b", param: "?key=p" } });
  coordinator.addPlayer(entry, 0);
  edge.wanted(entry, { ...DEMAND, request: { ...REQUEST, stream: "b", param: "?token=q" } });
  const question = { streamId: entry.id, pullId: 0, last: null, needsRing: false };
  const push = edge.nextOrigin(0, question);
  assert.match(push.kind === "go" ? push.target.url : "", /live\/b\?key=p&/);
});

test("the vhost may be changed, and who asks be kept secret", () => {
  config = configOf("origin [fd00::1]:1936; vhost cdn.[vhost]; debug_srs_upnode off;");
  join(0);
  const answer = ask();
  assert.equal(answer.kind, "go");
  const target = answer.kind === "go" ? answer.target : undefined;
  assert.equal(target?.url, "rtmp://[fd00::1]:1936/live/a?token=x&vhost=cdn.__defaultVhost__");
  assert.equal(target?.identity, null);
});

test("HTTP-FLV pulls name the stream as SRS's do", () => {
  config = configOf("origin 10.0.0.1; protocol flv;");
  join(0);
  const first = ask();
  assert.equal(first.kind === "go" && first.target.url, "http://10.0.0.1:80/live/a.flv?token=x");
  config = configOf("origin 10.0.0.1; protocol flvs;");
  ask({ fault: "closed", detail: "", mediaMs: 1 });
  pass(1000);
  const second = ask();
  assert.equal(
    second.kind === "go" && second.target.url,
    "https://10.0.0.1:443/live/a.flv?token=x",
  );
  config = configOf("origin 10.0.0.1; protocol flv; follow_client on;");
  ask({ fault: "closed", detail: "", mediaMs: 1 });
  pass(1000);
  const third = ask();
  assert.equal(third.kind === "go" && third.target.protocol, "rtmp");
});

test("a request that has passed this server is refused, any other is passed on with its path", () => {
  const identity = { ip: "10.0.0.9", pid: "1", id: "x" };
  assert.throws(() => edge.passage({ ...identity, path: "a,me,b" }, "c"), {
    code: "ERR_EDGE_LOOP",
  });
  const path = edge.passage({ ...identity, path: "a,b" }, "c");
  join(0, { ...DEMAND, path });
  const answer = ask();
  assert.equal(answer.kind === "go" && answer.target.path, "a,b,me");
  assert.equal(edge.passage(undefined, "c"), "");
});

test("origins that a reload took away are not asked any more", () => {
  join(0);
  const first = ask();
  assert.match(first.kind === "go" ? first.target.url : "", /10\.0\.0\.1/);
  config = configOf("origin 10.0.0.2;");
  const second = ask({ fault: "closed", detail: "", mediaMs: 60_000 });
  assert.match(second.kind === "go" ? second.target.url : "", /10\.0\.0\.2/);
});

test("a question of a pull that is no more is answered with stop", () => {
  join(0);
  const { shard, streamId } = pullOf();
  const question = { streamId, pullId: 99, last: null, needsRing: true };
  assert.deepEqual(edge.nextOrigin(shard, question), { kind: "stop" });
  assert.deepEqual(edge.nextOrigin(shard, { ...question, streamId: 99 }), { kind: "stop" });
});
